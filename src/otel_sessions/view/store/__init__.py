"""Where is it kept? What came, in its own bytes, and the summaries that lists are read from, in one SQLite file.

Comes in: a `Batch`. Goes out: pages of sessions, users and traces, one session, coverage, what came as OTLP. The
summaries can be made anew of the bytes at any time.
"""
