"""What otel-sessions does where session ids get lost, next to other tools: ``python -m trials.behaviour``."""
