"""What is stamped, kept, sampled? The parts that an SDK calls for each span and each log record.

In come spans and records as they start and end; out come the same with the session that `_context` tells,
a verdict over a whole session, and what one backend wants for itself. Needs ``opentelemetry-sdk``.
"""
