"""An OTLP/HTTP receiver in this process: what an exporter sends, as the bytes it sent."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ._decode import InvalidOTLPError, decode_spans
from ._loopback import LoopbackServer

if TYPE_CHECKING:
    from starlette.requests import Request

# The limit of the exporter (max_request_size of OTLPSpanExporter); larger is not telemetry.
MAX_BODY_BYTES = 64 * 2**20

_PROTOBUF = "application/x-protobuf"
_TRACES_PATH = "/v1/traces"


class OTLPReceiver(LoopbackServer):
    """Receives OTLP over HTTP on this machine while its ``with`` block lasts.

    ::

        with OTLPReceiver() as receiver:
            exporter = OTLPSpanExporter(endpoint=receiver.endpoint)
            ...
        view = decode(receiver.bodies)

    Args:
        max_body_bytes: A larger body, before or after decompression, is refused with status 413.
    """

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_body_bytes = max_body_bytes
        self._bodies: list[bytes] = []
        routes = [
            Route(_TRACES_PATH, self._receive_traces, methods=["POST"]),
            # Accepted and forgotten, so that an exporter of all signals makes no noise.
            Route("/v1/logs", self._ignore, methods=["POST"]),
            Route("/v1/metrics", self._ignore, methods=["POST"]),
        ]
        super().__init__(Starlette(routes=routes))

    @property
    def endpoint(self) -> str:
        """The URL of the traces signal, as ``OTLPSpanExporter(endpoint=...)`` takes it."""
        return self.url + _TRACES_PATH

    @property
    def bodies(self) -> list[bytes]:
        """The accepted trace requests so far, as protobuf bytes, in the order of arrival."""
        return list(self._bodies)

    async def _receive_traces(self, request: Request) -> Response:
        try:
            body = _decompressed(await self._body(request), request, self._max_body_bytes)
            decode_spans(body)
        except ClientDisconnect:
            return _refusal(400, "the body is incomplete")
        except _TooLargeError:
            return _refusal(413, f"the body is larger than {self._max_body_bytes} bytes")
        except _UnknownEncodingError:
            return _refusal(415, "the content encoding must be gzip or identity")
        except (InvalidOTLPError, OSError, EOFError, zlib.error):
            return _refusal(400, "the body is not an OTLP trace request")
        self._bodies.append(body)
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type=_PROTOBUF)

    async def _ignore(self, request: Request) -> Response:
        try:
            await self._body(request)
        except (_TooLargeError, ClientDisconnect):
            return _refusal(413, f"the body is larger than {self._max_body_bytes} bytes")
        return Response(b"", media_type=_PROTOBUF)  # an Export*ServiceResponse without fields

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise _TooLargeError
        return bytes(body)


class _TooLargeError(Exception):
    """The body is over the limit."""


class _UnknownEncodingError(Exception):
    """The body is compressed in a way that this receiver can't read."""


def _decompressed(body: bytes, request: Request, limit: int) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise _UnknownEncodingError
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        content = file.read(limit + 1)  # one more than allowed tells a bomb without unpacking it
    if len(content) > limit:
        raise _TooLargeError
    return content


def _refusal(status: int, reason: str) -> Response:
    return PlainTextResponse(f"{reason}\n", status_code=status)
