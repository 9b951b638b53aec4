"""What a receiver of OTLP answered, and what that means. Pure: no exporter is known here.

OpenTelemetry protocol 1.9, "OTLP/HTTP Response" and "OTLP/gRPC Response". What a receiver writes is another's text: it is shown
cut, without control characters, and where it is the message of a partial success alone.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from otel_sessions._setup.doctor.finding import Finding

if TYPE_CHECKING:
    from .exporter import Exporter

_MOST_SHOWN = 200
_RETRYABLE = frozenset({429, 502, 503, 504})
_REDIRECTS = range(300, 400)
_GOOD = range(200, 300)
_JSON_KEYS = {"TRACES": "rejectedSpans", "LOGS": "rejectedLogRecords"}
_PROTOBUF = {
    "TRACES": ("opentelemetry.proto.collector.trace.v1.trace_service_pb2", "ExportTraceServiceResponse"),
    "LOGS": ("opentelemetry.proto.collector.logs.v1.logs_service_pb2", "ExportLogsServiceResponse"),
}


@dataclass(slots=True)
class Answer:
    """What was seen while something was sent.

    Attributes:
        result: ``SUCCESS`` or ``FAILURE``, as the exporter says; ``None`` where it says nothing.
        status: The last status of HTTP.
        kind: The type of the last answer's content, without parameters.
        body: The last answer.
        code: The last status of gRPC, by name.
        errors: What was raised, or logged as the cause.
        is_late: It was not over in time.
    """

    result: str | None = None
    status: int | None = None
    kind: str = ""
    body: bytes = b""
    code: str | None = None
    errors: list[BaseException] = field(default_factory=list)
    is_late: bool = False

    def note_response(self, response: Any) -> None:  # noqa: ANN401  # of requests, which may not be installed
        """Keep an answer of HTTP."""
        self.status, self.body = response.status_code, response.content or b""
        self.kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()

    def note_argument(self, argument: object) -> None:
        """Keep what an exporter logs, where it is an error or a status of gRPC."""
        if isinstance(argument, BaseException):
            self.errors.append(argument)
        elif type(argument).__name__ == "StatusCode":
            self.code = str(getattr(argument, "name", "")) or None


@dataclass(frozen=True, slots=True)
class _Partial:
    """What a receiver has not taken: how many, and its message, as it may be shown."""

    count: int
    message: str


def finding_of(answer: Answer, exporter: Exporter, marker: str) -> tuple[Finding, dict[str, object]]:
    """Return what to say of ``answer``, and the facts of it.

    Args:
        answer: What came back.
        exporter: From where.
        marker: The name of the session that was sent, by which it is found.
    """
    status = answer.status if answer.status is not None else answer.code
    fact: dict[str, object] = {"result": answer.result, "status": status}
    if answer.is_late:
        return _late(exporter), fact
    if answer.result == "SUCCESS":
        finding, more = _of_success(answer, exporter, marker)
        return finding, fact | more
    if answer.status is not None:
        return _refused(f"HTTP {answer.status}", answer.status in _RETRYABLE, exporter, _remedy(answer.status)), fact
    if answer.code is not None:
        return _of_grpc(answer.code, exporter), fact
    return _of_error(answer.errors, exporter), fact | {"error": _name_of(answer.errors)}


def _of_success(answer: Answer, exporter: Exporter, marker: str) -> tuple[Finding, dict[str, object]]:
    if answer.status in _REDIRECTS:
        return _redirected(answer.status, exporter), {}
    if answer.status is None:
        return _taken(exporter, marker, is_seen=False), {}
    partial = _partial(answer, exporter.signal)
    if partial is None:
        return _not_otlp(answer, exporter, marker), {"is_otlp": False}
    if partial.count:
        return _rejected(partial, exporter), {"rejected": partial.count, "message": partial.message}
    return _taken(exporter, marker), {"rejected": 0, "message": partial.message}


def _partial(answer: Answer, signal: str) -> _Partial | None:
    """Return what the answer says was not taken; ``None`` where it is no answer of OTLP."""
    if not answer.body.strip():
        return _Partial(0, "")
    return _of_json(answer.body, signal) if answer.kind == "application/json" else _of_protobuf(answer, signal)


def _of_json(body: bytes, signal: str) -> _Partial | None:
    with suppress(ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        found = json.loads(body).get("partialSuccess") or {}
        return _Partial(int(found.get(_JSON_KEYS[signal]) or 0), shown(str(found.get("errorMessage") or "")))
    return None


def _of_protobuf(answer: Answer, signal: str) -> _Partial | None:
    if answer.kind.startswith("text/"):
        return None
    from importlib import import_module  # noqa: PLC0415

    module, name = _PROTOBUF[signal]
    message = getattr(import_module(module), name)()
    try:
        message.ParseFromString(answer.body)
    except Exception:  # noqa: BLE001  # DecodeError, of google.protobuf, and of whatever it is made in
        return None
    found = message.partial_success
    count = found.rejected_spans if signal == "TRACES" else found.rejected_log_records
    return _Partial(count, shown(found.error_message))


def shown(text: str) -> str:
    """Return another's text as it may stand in a line of a terminal: cut, and without what is not printable."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _MOST_SHOWN else f"{line[: _MOST_SHOWN - 1]}…"


def _where(exporter: Exporter) -> str:
    return f"{exporter.signal.lower()} by {exporter.protocol} to {exporter.shown}"


def _taken(exporter: Exporter, marker: str, *, is_seen: bool = True) -> Finding:
    unseen = "" if is_seen else " Whether it kept all of it is not to be seen by this exporter."
    return Finding(
        code="sent",
        level="hint",
        what=f"The receiver took the test session.{unseen}",
        where=_where(exporter),
        why="What is taken may still be kept back, sampled or shown later.",
        remedy=f"Look in the backend for the session with this session.name:\n{marker}",
    )


def _rejected(partial: _Partial, exporter: Exporter) -> Finding:
    said = f' It says "{partial.message}".' if partial.message else ""
    return Finding(
        code="send-rejected",
        level="error",
        what=f"The receiver answered with success, and did not keep {partial.count} of what was sent.{said}",
        where=_where(exporter),
        why="The exporter does not look at that, and says nothing.",
        remedy="Look into the log of the receiver, for its limits on attributes, ids and time.",
    )


def _not_otlp(answer: Answer, exporter: Exporter, marker: str) -> Finding:
    is_page = answer.kind == "text/html"
    return Finding(
        code="send-answer-unknown",
        level="warning" if is_page else "hint",
        what="The answer was a success, and "
        + ("a page of HTML, which no receiver of OTLP writes." if is_page else "none that OTLP knows."),
        where=_where(exporter),
        why="The exporter does not look at that. Something else may listen there, such as a web site, or the path may be wrong.",
        remedy=f"Look in the backend for the session with this session.name:\n{marker}",
    )


def _redirected(status: int | None, exporter: Exporter) -> Finding:
    return Finding(
        code="send-redirected",
        level="error",
        what=f"The receiver answered with HTTP {status}, which sends the exporter elsewhere, and the exporter does not go.",
        where=_where(exporter),
        why="The exporter takes that for a success, and no span arrives. It is often a page to log in at, or HTTPS.",
        remedy="export OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.example:4318",
    )


def _refused(said: str, is_retryable: bool, exporter: Exporter, remedy: str) -> Finding:
    if is_retryable:
        return Finding(
            code="send-retryable",
            level="warning",
            what=f"The receiver did not take the test session now: {said}.",
            where=_where(exporter),
            why="The exporter tries again, and drops what it has when that takes too long.",
            remedy="otel-sessions doctor --send",
        )
    return Finding(
        code="send-refused",
        level="error",
        what=f"The receiver refused the test session: {said}.",
        where=_where(exporter),
        why="The exporter drops what is refused, and so all of every session.",
        remedy=remedy,
    )


_KEY = "export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20$API_KEY"
_PATH = "export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318"
_REMEDIES = {
    401: _KEY,
    403: _KEY,
    404: _PATH,
    405: _PATH,
    415: "export OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
}
_TIMEOUTS = {"ReadTimeout", "ConnectTimeout"}
_TELLING = _TIMEOUTS | {"SSLError", "ConnectionError"}
_OF_RECEIVER = "Look into the log of the receiver: it has the reason."


def _remedy(status: int) -> str:
    return _REMEDIES.get(status, _OF_RECEIVER)


def _of_grpc(code: str, exporter: Exporter) -> Finding:
    if code == "UNAVAILABLE":
        return _no_answer(exporter, "gRPC UNAVAILABLE")
    if code == "DEADLINE_EXCEEDED":
        return _late(exporter)
    is_retryable = code in {"RESOURCE_EXHAUSTED", "CANCELLED", "ABORTED", "OUT_OF_RANGE", "DATA_LOSS"}
    is_key = code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
    remedy = _KEY if is_key else "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
    return _refused(f"gRPC {code}", is_retryable, exporter, remedy)


def _of_error(errors: list[BaseException], exporter: Exporter) -> Finding:
    names = _names_of(_telling(errors))
    if "SSLError" in names:
        return Finding(
            code="send-certificate",
            level="error",
            what="The certificate of the receiver is not trusted, or it does not speak TLS.",
            where=_where(exporter),
            why="No span arrives.",
            remedy="export OTEL_EXPORTER_OTLP_CERTIFICATE=/etc/ssl/certs/our-authority.pem",
        )
    if names & _TIMEOUTS:
        return _late(exporter)
    if "ConnectionError" in names:
        return _no_answer(exporter, _name_of(errors))
    return Finding(
        code="send-failed",
        level="error",
        what=f"The test session could not be sent: {_name_of(errors) or 'the exporter does not say why'}.",
        where=_where(exporter),
        why="The exporter of a program fails in the same way.",
        remedy="otel-sessions doctor",
    )


def _telling(errors: list[BaseException]) -> BaseException | None:
    """Return the first error that says what is wrong, or the last: the first try has all the time, a later one what is left."""
    return next((error for error in errors if _names_of(error) & _TELLING), errors[-1] if errors else None)


def _names_of(error: BaseException | None) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _name_of(errors: list[BaseException]) -> str:
    error = _telling(errors)
    return "" if error is None else type(error).__name__


def _no_answer(exporter: Exporter, said: str) -> Finding:
    is_grpc = exporter.protocol == "grpc"
    return Finding(
        code="send-no-answer",
        level="error",
        what=f"There is no receiver, or it closed the connection without an answer: {said}.",
        where=_where(exporter),
        why="No span arrives."
        + (" Over gRPC a certificate that is not trusted looks the same." if exporter.is_tls and is_grpc else ""),
        remedy="Start the receiver, or name the host where it is:\n"
        f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.example:{4317 if is_grpc else 4318}",
    )


def _late(exporter: Exporter) -> Finding:
    return Finding(
        code="send-timeout",
        level="error",
        what="The receiver did not answer in time.",
        where=_where(exporter),
        why="The exporter gives up after OTEL_EXPORTER_OTLP_TIMEOUT seconds, and drops what it has.",
        remedy="export OTEL_EXPORTER_OTLP_TIMEOUT=30",
    )
