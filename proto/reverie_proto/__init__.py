"""The wire of Reverie: generated messages and stubs."""
