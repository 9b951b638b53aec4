"""A service that calls the next one, and answers what that has answered. It prints each span that ends, a line each."""

import json
import os
import sys
import threading

import httpx
import uvicorn
from ids import set_up
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route


class Printing(SpanExporter):
    def export(self, spans):
        for span in spans:
            shown = {"name": span.name, "trace": f"{span.context.trace_id:032x}", "attributes": dict(span.attributes)}
            sys.stdout.write(f"{json.dumps(shown, default=str)}\n")
        sys.stdout.flush()
        return SpanExportResult.SUCCESS


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        sys.stdout.write(json.dumps({"port": self.servers[0].sockets[0].getsockname()[1]}) + "\n")
        sys.stdout.flush()


async def answer(_request):
    with provider.get_tracer("echo").start_as_current_span("work"):
        return Response((await client.get(os.environ["NEXT"])).content)


provider = set_up(Printing())
HTTPXClientInstrumentor().instrument()
client = httpx.AsyncClient(trust_env=False, timeout=60)
server = Server(
    uvicorn.Config(OpenTelemetryMiddleware(Starlette(routes=[Route("/", answer)])), port=0, log_level="error")
)
threading.Thread(target=server.run, daemon=True).start()
sys.stdin.read()
provider.shutdown()
