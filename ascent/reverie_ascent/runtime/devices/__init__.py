"""The types of devices on which ONNX Runtime computes, one file for each."""
