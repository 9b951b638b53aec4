"""Random programs on many threads at once, and an oracle that knows the session of every span."""
