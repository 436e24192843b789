"""The sources of networks: torch modules, model libraries and .onnx files."""
