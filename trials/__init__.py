"""What otel-sessions does under stress, with hostile input, beside other tools, and in a fleet; README.md says how."""
