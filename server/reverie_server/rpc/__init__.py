"""The gRPC service: its methods, and the middleware around every call."""
