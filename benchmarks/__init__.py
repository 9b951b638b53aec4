"""What otel-sessions costs, next to other ways to get a session id on spans: ``python -m benchmarks``."""
