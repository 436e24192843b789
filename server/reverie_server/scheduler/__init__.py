"""The scheduler chooses which render uses the device next; one thread makes the steps."""
