"""OTLP over gRPC: what the protocol has a server answer (OTLP 1.x, "OTLP/gRPC")."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]

from . import refusals
from .answers import status, success
from .refusals import refusal_of
from .unpacking import MAX_BODY_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .access import Tokens
    from .answers import Rejected, Signal
    from .intake import Intake
    from .refusals import Refusal

_METHODS: dict[str, Signal] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
}
# Each waits for the one writer.
_THREADS = 8
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_BODY_SIZE),
    ("grpc.so_reuseport", 0),  # else a second server would get a part of the requests
)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def serve(intake: Intake, tokens: Tokens, addresses: Sequence[str]) -> grpc.Server:
    """Return a server that has started.

    Args:
        intake: Takes the requests.
        tokens: Knows who may send.
        addresses: Where it listens, each a host and a port: ``127.0.0.1:4317``, ``[::1]:4317``.

    Raises:
        OSError: It can't listen there.
    """
    server = grpc.server(ThreadPoolExecutor(_THREADS, thread_name_prefix="otel-sessions-grpc"), options=_OPTIONS)
    server.add_generic_rpc_handlers((_Exports(intake, tokens),))
    try:
        for address in addresses:
            server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(str(error)) from error
    server.start()
    return server


class _Exports(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc comes without types
    """The three services of OTLP, which get bytes and give bytes."""

    def __init__(self, intake: Intake, tokens: Tokens) -> None:
        self._handlers = {
            method: grpc.unary_unary_rpc_method_handler(_export(signal, intake, tokens))
            for method, signal in _METHODS.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Return what handles a method, ``None`` for one that is none of OTLP's."""
        return self._handlers.get(handler_call_details.method)


@dataclass(frozen=True)
class _Status(grpc.Status):  # type: ignore[misc]  # as above
    """What gRPC takes for the end of a call, with the details that OTLP has in its trailers."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]  # pyright: ignore[reportIncompatibleVariableOverride]


def _export(signal: Signal, intake: Intake, tokens: Tokens) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        answer = _answer(signal, body, context.invocation_metadata(), intake, tokens)
        if isinstance(answer, bytes):
            return answer
        details = status(answer.code, answer.message, retry_seconds=answer.retry_seconds)
        trailers = (("grpc-status-details-bin", details),)
        context.abort_with_status(_Status(_CODES[answer.code], answer.message, trailers))
        raise AssertionError  # pragma: no cover  # that call raises

    return export


def _answer(
    signal: Signal, body: bytes, metadata: Sequence[tuple[str, str | bytes]], intake: Intake, tokens: Tokens
) -> bytes | Refusal:
    shown = next((value for key, value in metadata if key == "authorization"), "")
    if tokens.are_needed and not (isinstance(shown, str) and tokens.is_bearer(shown)):
        return refusals.NOT_AUTHENTICATED
    try:
        with intake.waiting() as take:
            take(len(body))
            return success(signal, "protobuf", _kept(signal, body, intake))
    except Exception as error:  # noqa: BLE001  # whatever the store raises
        return refusal_of(error)


def _kept(signal: Signal, body: bytes, intake: Intake) -> Rejected | None:
    """Return what was refused, when the rest is kept; raises what kept it from that."""
    outcome: Future[Rejected | None] = Future()

    def done(rejected: Rejected | None, error: Exception | None) -> None:
        if error is None:
            outcome.set_result(rejected)
        else:
            outcome.set_exception(error)

    intake.submit(signal, "protobuf", "identity", body, done)
    return outcome.result()
