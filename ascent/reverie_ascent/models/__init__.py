"""Reads model folders, and checks their files against their manifest."""
