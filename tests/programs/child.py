"""A program that goes on with the session and the trace of its environment, and exports a span.

Its arguments: the names of the spans of this process, of its child, of the child of that, and so on.
Its environment: ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``, and what it was given to go on with.
"""

from __future__ import annotations

import os
import subprocess
import sys

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_sessions import from_carrier, to_carrier
from otel_sessions.sdk import SessionSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor())
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))


@from_carrier(os.environ)
def main(name, *below):
    with provider.get_tracer("child").start_as_current_span(name):
        if below:
            command = [sys.executable, __file__, *below]
            subprocess.run(command, env={**os.environ, **to_carrier(environ=True)}, check=True)


main(*sys.argv[1:])
