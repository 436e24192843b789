"""What ONNX Runtime is told about each kind of device."""
