"""The types of devices that ONNX Runtime computes on here, one file for each."""
