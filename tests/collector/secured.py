"""A gateway with secure.yaml, and a sender that has what it asks for."""

from __future__ import annotations

import os
import secrets
import ssl
from typing import TYPE_CHECKING

import grpc
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from certificates import Authority
from collectors import Collector

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

GOOD, NEXT = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
"""The token that it has, and one that it may get."""


def request_of(name: str, spans: int = 1) -> ExportTraceServiceRequest:
    made = [Span(name=name, trace_id=os.urandom(16), span_id=os.urandom(8)) for _ in range(spans)]
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=made)])])


class Secured:
    """A gateway, with the files that it needs, and what its senders need."""

    def __init__(self, otelcol: str, directory: Path, backend: str, **environment: str) -> None:
        self.authority = Authority(directory)
        self.certificate = self.authority.issue("gateway")
        self.tokens = directory / "tokens"
        self.tokens.write_text(f"{GOOD}\n")
        files = {
            "TLS_CERT_FILE": str(self.certificate.certificate),
            "TLS_KEY_FILE": str(self.certificate.key),
            "TOKEN_FILE": str(self.tokens),
        }
        self.collector = Collector(
            otelcol, directory, "secure.yaml", environment={"BACKEND_ENDPOINT": backend, **files, **environment}
        )
        self.url = self.collector.http.replace("http:", "https:")
        self.client = httpx.Client(verify=self.trust(), trust_env=False, timeout=60)

    def __enter__(self) -> Self:
        self.collector.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.collector.stop()

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.file))

    def post(self, body: bytes = b"", *, token: str = GOOD, path: str = "/v1/traces", **headers: str) -> httpx.Response:
        given = {"content-type": "application/x-protobuf", "authorization": f"Bearer {token}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(self.url + path, content=body, headers={**given, **named})

    def takes(self, token: str) -> bool:
        return self.post(request_of("asked").SerializeToString(), token=token).is_success

    def call(self, request: ExportTraceServiceRequest, **metadata: str) -> grpc.StatusCode:
        """Send over gRPC; return how it went."""
        trusted = grpc.ssl_channel_credentials(self.authority.file.read_bytes())
        with grpc.secure_channel(self.collector.grpc, trusted) as channel:
            try:
                TraceServiceStub(channel).Export(request, metadata=list(metadata.items()), timeout=60)
            except grpc.RpcError as error:
                return error.code()
        return grpc.StatusCode.OK
