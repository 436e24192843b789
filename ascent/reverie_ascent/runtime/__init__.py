"""ONNX Runtime: the devices it computes on, and sessions that run a graph there."""
