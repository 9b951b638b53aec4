"""What `otel-sessions view` costs and how fast it answers, beside other servers that take OTLP."""
