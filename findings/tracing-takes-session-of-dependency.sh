#!/usr/bin/env bash
# FastAPI: a dependency sets the session, and as soon as there is a tracer provider the endpoint no longer has it.
#
# Packages: fastapi 0.165.0 with starlette 1.10.0, opentelemetry-sdk 1.45.2, opentelemetry-processor-baggage 0.66b1,
#           opentelemetry-instrumentation-fastapi 0.66b2, httpx2 2.16.2 (as the client, in the same process).
#
# Expected: an `async def` dependency with `yield` that attaches the session to OpenTelemetry's Context holds around the
#           endpoint, as it does for a ContextVar of the application. And tracing, switched on, changes what is recorded, not
#           what the application sees.
# Happens:  without a tracer provider the endpoint is in the session. With one, and nothing else changed, it is not, and none of
#           the spans is: no error, no log. FastAPI starts spans by itself when it finds a provider, one of them around the
#           resolving of dependencies. When that span ends, OpenTelemetry's Context of before comes back, and the session that a
#           dependency attached goes. A ContextVar of the application, set on the line above, stays. With contrib's
#           instrumentation, or without the spans of operations, the endpoint has the session again.
#
# Output (2026-11-29):
#   no tracer provider:                    session in the endpoint: conv-42, ContextVar: conv-42
#   tracer provider set:                   session in the endpoint: None, ContextVar: conv-42, span "chat": None
#   same, operation_spans False:           session in the endpoint: conv-42, ContextVar: conv-42, span "chat": conv-42
#   same, FastAPIInstrumentor of contrib:  session in the endpoint: conv-42, ContextVar: conv-42, span "chat": conv-42
#   as stated: with FastAPI's own spans, the endpoint is outside the session that its dependency attached
#
# For users of sessions: a session in a dependency is tidy, passes a test without an SDK, holds under contrib's instrumentation,
#           and is gone on the day when that one is replaced by FastAPI's own spans. The baggage goes with it, so the next service
#           has no session either.
# Here:     docs/how-to/web-services.md, "In a handler: `bind_session`, not `set_session`": a dependency can call it, too.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!FASTAPI_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    fastapi==0.165.0 starlette==1.10.0 httpx2==2.16.2 opentelemetry-sdk==1.45.2 \
    opentelemetry-processor-baggage==0.66b1 opentelemetry-instrumentation-fastapi==0.66b2

cat >"$folder/service.py" <<'PYTHON'
import asyncio
import sys
from contextvars import ContextVar

import httpx2
from fastapi import Depends, FastAPI
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

label, spans_of, expected = sys.argv[1:]
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
provider.add_span_processor(SimpleSpanProcessor(exporter))
if spans_of != "nobody":
    trace.set_tracer_provider(provider)
tracer = trace.get_tracer("assistant")
of_the_application = ContextVar("of_the_application")


async def conversation():
    of_the_application.set("conv-42")
    token = context.attach(baggage.set_baggage("session.id", "conv-42"))
    try:
        yield
    finally:
        context.detach(token)


app = FastAPI(telemetry={"operation_spans": False}) if spans_of == "no operations" else FastAPI()


@app.get("/", dependencies=[Depends(conversation)])
async def endpoint() -> list:
    with tracer.start_as_current_span("chat"):
        pass
    return [baggage.get_baggage("session.id"), of_the_application.get(None)]


if spans_of == "contrib":
    FastAPIInstrumentor.instrument_app(app)


async def main():
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        return (await client.get("/")).json()


session, plain = asyncio.run(main())
said = f"session in the endpoint: {session}, ContextVar: {plain}"
for span in exporter.get_finished_spans():
    if span.name == "chat":
        said += f', span "chat": {span.attributes.get("session.id")}'
if said != expected:
    sys.exit(f"no longer as stated: {label} {said}")
print(f"{label:38} {said}")
PYTHON

inside='session in the endpoint: conv-42, ContextVar: conv-42'
outside='session in the endpoint: None, ContextVar: conv-42'
ask() { "$folder/bin/python" "$folder/service.py" "$@"; }
ask 'no tracer provider:' nobody "$inside"
ask 'tracer provider set:' fastapi "$outside, span \"chat\": None"
ask 'same, operation_spans False:' 'no operations' "$inside, span \"chat\": conv-42"
ask 'same, FastAPIInstrumentor of contrib:' contrib "$inside, span \"chat\": conv-42"
echo "as stated: with FastAPI's own spans, the endpoint is outside the session that its dependency attached"
