"""Input gradients of ONNX graphs, as ONNX graphs."""
