"""Which session is it here? What stands in OpenTelemetry Context, on a span, and in this process.

In come the public calls, with an OTel Context or the current one; out comes the `state.State` that
whoever starts a span, writes a log record or calls another service asks for. Scopes and streams enter
and leave; a bind holds for a trace. Where our own spans and records go is known here, too. No SDK is imported.
"""
