"""Messages and stubs of `reverie.v1`, generated: never edited."""
