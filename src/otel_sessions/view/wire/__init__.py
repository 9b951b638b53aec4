"""What came over the wire? OTLP requests, protobuf or JSON, to raw spans and log records, and back.

Comes in: the bytes of a request. Goes out: a `Batch` of raw spans or log records with their sources, and what was
refused of it and why. Nothing here knows what a session is.
"""
