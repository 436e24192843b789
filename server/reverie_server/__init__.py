"""Serves feature visualizations: the ascent on ONNX Runtime and a gRPC service around it."""
