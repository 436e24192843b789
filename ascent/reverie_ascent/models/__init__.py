"""Model folders: reading them, and checking that they are what their manifest says."""
