"""An application that uses the instrumentor by hand, with options, on providers of its own; it prints what came of it."""

from __future__ import annotations

import json
import sys

from opentelemetry import propagate
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import set_session
from otel_sessions._setup.instrumentor import SessionsInstrumentor

provider = TracerProvider()
before = propagate.get_global_textmap()


def attributes():
    """Return what a span of a session has."""
    with set_session("conv-42", user_id="ada"), provider.get_tracer("app").start_as_current_span("turn") as span:
        return dict(span.attributes)


found = [attributes()]
SessionsInstrumentor().instrument(tracer_provider=provider, user_privacy="drop", dialects=["langfuse"], nonsense=1)
found.append(attributes())
SessionsInstrumentor().instrument(tracer_provider=provider)  # says that it is done already
found.append(attributes())
SessionsInstrumentor().uninstrument()
found.append(attributes())
is_as_before = propagate.get_global_textmap() is before
SessionsInstrumentor().instrument(tracer_provider=provider, user_privacy="plain")
found.append(attributes())
json.dump([found, is_as_before, SessionsInstrumentor() is SessionsInstrumentor()], sys.stdout)
