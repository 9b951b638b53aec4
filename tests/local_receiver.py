"""An OTLP/HTTP receiver in the process of a test: what an exporter sends, as the bytes it sent."""

from __future__ import annotations

import gzip
import io
from http import HTTPStatus
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from otel_sessions.view.loopback import LoopbackServer

if TYPE_CHECKING:
    from starlette.requests import Request

TRACES_PATH = "/v1/traces"


class OTLPReceiver(LoopbackServer):
    """Receives OTLP over HTTP on this machine while its ``with`` block lasts.

    ::

        with OTLPReceiver() as receiver:
            exporter = OTLPSpanExporter(endpoint=receiver.endpoint)
            ...
        spans = wire.spans_of(receiver)
    """

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        self.log_bodies: list[bytes] = []
        routes = [
            Route(TRACES_PATH, self._receive_traces, methods=["POST"]),
            Route("/v1/logs", self._receive_logs, methods=["POST"]),
            # Accepted and forgotten, so that an exporter of all signals makes no noise.
            Route("/v1/metrics", lambda _: Response(media_type="application/x-protobuf"), methods=["POST"]),
        ]
        super().__init__(Starlette(routes=routes))

    @property
    def endpoint(self) -> str:
        """The URL of the traces signal, as ``OTLPSpanExporter(endpoint=...)`` takes it."""
        return self.url + TRACES_PATH

    @property
    def bodies(self) -> list[bytes]:
        """The trace requests so far, as protobuf bytes, in the order of arrival."""
        return list(self._bodies)

    async def _receive_traces(self, request: Request) -> Response:
        body = decompressed(await request.body(), request)
        try:
            ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # as backends do, for text that is not UTF-8, too
        self._bodies.append(body)
        return Response(media_type="application/x-protobuf")  # an Export*ServiceResponse without fields

    async def _receive_logs(self, request: Request) -> Response:
        self.log_bodies.append(decompressed(await request.body(), request))
        return Response(media_type="application/x-protobuf")


def decompressed(body: bytes, request: Request) -> bytes:
    """Return the body of ``request`` as it was before it was compressed."""
    if request.headers.get("content-encoding", "identity") == "identity":
        return body
    return gzip.GzipFile(fileobj=io.BytesIO(body)).read()
