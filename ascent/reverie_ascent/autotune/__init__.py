"""What is best on a device: which lowering, which layout, how many pictures at once."""
