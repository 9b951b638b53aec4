"""How does it come in? OTLP over HTTP and gRPC: limits, the exact answers of the protocol, and who may send.

Comes in: connections. Goes out: a `Batch` to the store, and the answer once that is committed.
"""
