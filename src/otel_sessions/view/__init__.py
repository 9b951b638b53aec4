"""Receives OTLP and shows it as people read it: by session, turn and span. Needs the extra ``view``."""
