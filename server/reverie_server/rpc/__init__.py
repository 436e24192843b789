"""The gRPC service: its methods and what surrounds every call."""
