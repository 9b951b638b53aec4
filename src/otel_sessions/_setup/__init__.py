"""How does it get into a process? ``instrument()``, the instrumentor of OpenTelemetry, the configuration.

In come settings and the providers that are there; out come processors on them and a guarded propagator.
The one wing that sets OpenTelemetry's global propagator, and that tells what holds (``otel-sessions config``).
"""
