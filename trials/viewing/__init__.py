"""Whether `otel-sessions view` loses nothing, counts nothing twice, and answers the same whatever comes in whatever order."""
