"""The wire of Reverie: generated messages and stubs, and the options of Python callers that become messages."""
