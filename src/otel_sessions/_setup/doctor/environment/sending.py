"""Sends one marked test session by the exporter of the SDK, as the environment sets it up, and tells what came back."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from otel_sessions import set_session

from .answers import Answer, finding_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_sessions._setup.doctor.finding import Finding

    from .exporter import Exporter

SECONDS = 5.0
"""How long the exporter may take, with all that it tries again."""
_SECONDS_IN_ALL = SECONDS + 4.0  # one that has no limit of its own, as where an answer comes byte by byte
_MODULES = {
    ("TRACES", "http/protobuf"): ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTLPSpanExporter"),
    ("TRACES", "grpc"): ("opentelemetry.exporter.otlp.proto.grpc.trace_exporter", "OTLPSpanExporter"),
    ("LOGS", "http/protobuf"): ("opentelemetry.exporter.otlp.proto.http._log_exporter", "OTLPLogExporter"),
    ("LOGS", "grpc"): ("opentelemetry.exporter.otlp.proto.grpc._log_exporter", "OTLPLogExporter"),
}
_OF_GRPC = "opentelemetry.exporter.otlp.proto.grpc.exporter"
_LOGGERS = ("opentelemetry", "otel_sessions")
"""Of ours, as the environment may say what is warned of, as in a program; that is a finding already."""


@dataclass(slots=True)
class _Kept:
    """An exporter that keeps what it is given, until the session is whole."""

    batch: list[Any] = field(default_factory=list)

    def export(self, batch: Any) -> None:  # noqa: ANN401  # spans, or records of whatever class the SDK has
        self.batch.extend(batch)

    def shutdown(self) -> None:
        """Do nothing: it has nothing."""


def send(exporter: Exporter, variables: Mapping[str, str]) -> tuple[Finding, dict[str, object]]:
    """Send the test session to ``exporter``; return what came back, as a finding and as a fact. Never raises.

    The exporter reads endpoint, headers, certificates and compression from the environment of this process by itself.
    """
    marker = f"otel-sessions doctor {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())}Z"
    answer = Answer()
    thread = Thread(target=_send_noting, args=(exporter, variables, marker, answer), daemon=True)
    with _noting_logs(answer):
        thread.start()
        thread.join(_SECONDS_IN_ALL)
        answer.is_late = thread.is_alive()
    finding, fact = finding_of(answer, exporter, marker)
    return finding, {"signal": exporter.signal.lower(), "session_name": marker, **fact}


def _send_noting(exporter: Exporter, variables: Mapping[str, str], marker: str, answer: Answer) -> None:
    try:
        batch = _spans(marker) if exporter.signal == "TRACES" else _records(marker)
        sender = _made(exporter, variables, answer)
        with _unfiltered(logging.getLogger(_OF_GRPC)):
            answer.result = sender.export(batch).name
        sender.shutdown()
    except Exception as error:  # noqa: BLE001  # the exporter may be any release, and the environment any text
        answer.errors.append(error)


def _made(exporter: Exporter, variables: Mapping[str, str], answer: Answer) -> Any:  # noqa: ANN401  # of two packages
    """Return the exporter of the SDK; over HTTP with a session of ours, which notes the answer, as only it sees that."""
    module, name = _MODULES[exporter.signal, exporter.protocol]
    make = getattr(import_module(module), name)
    options: dict[str, object] = {"timeout": _timeout(exporter.signal, variables)}
    if exporter.protocol == "http/protobuf" and not _has_provider_of_session(exporter.signal, variables):
        options["session"] = _noting_session(answer)
    return make(**options)


def _noting_session(answer: Answer) -> Any:  # noqa: ANN401  # of requests, a requirement of the exporter over HTTP
    """Return a session that notes what comes back: the exporter does not look into answers, nor tell all errors."""
    import requests  # noqa: PLC0415
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    class NotingAdapter(HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as the one above
            try:
                return super().send(*args, **kwargs)
            except Exception as error:
                answer.errors.append(error)
                raise

    session = requests.Session()
    session.hooks["response"].append(lambda response, **_: answer.note_response(response))
    for scheme in ("http://", "https://"):
        session.mount(scheme, NotingAdapter())
    return session


def _has_provider_of_session(signal: str, variables: Mapping[str, str]) -> bool:
    """Tell whether the exporter takes its session from a package that knows how to log in: ours must not replace it."""
    prefix = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_"
    return any(variables.get(f"{prefix}{of}CREDENTIAL_PROVIDER") for of in (f"{signal}_", ""))


def _timeout(signal: str, variables: Mapping[str, str]) -> float:
    """Return the seconds of the environment, but not more than those of here."""
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"):
        try:
            seconds = float(variables.get(name, ""))
        except ValueError:
            continue
        return seconds if 0 < seconds < SECONDS else SECONDS
    return SECONDS


def _spans(marker: str) -> list[Any]:
    """Return the spans of a session, made by a provider as a program has it."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # it may not be installed
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    from otel_sessions._pipeline.span_processor import SessionSpanProcessor, guarded  # noqa: PLC0415

    kept = _Kept()
    provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(guarded(SessionSpanProcessor()))  # nothing is called in it
    provider.add_span_processor(SimpleSpanProcessor(kept))  # type: ignore[arg-type]  # it is asked for no more
    tracer = provider.get_tracer("otel_sessions.doctor")
    with _session(marker), tracer.start_as_current_span("otel-sessions doctor"):
        tracer.start_span("otel-sessions doctor: work").end()
    return kept.batch


def _records(marker: str) -> list[Any]:
    """Return a log record of a session."""
    from opentelemetry._logs import LogRecord, SeverityNumber  # noqa: PLC0415
    from opentelemetry.sdk._logs import LoggerProvider  # noqa: PLC0415
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor  # noqa: PLC0415

    from otel_sessions._pipeline.log_processor import SessionLogRecordProcessor  # noqa: PLC0415

    kept = _Kept()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SessionLogRecordProcessor())
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))  # type: ignore[arg-type]  # as above
    with _session(marker):
        provider.get_logger("otel_sessions.doctor").emit(
            LogRecord(timestamp=time.time_ns(), body="otel-sessions doctor", severity_number=SeverityNumber.INFO)
        )
    return kept.batch


def _session(marker: str) -> Any:  # noqa: ANN401  # a scope
    return set_session(f"otel-sessions-doctor-{uuid4()}", name=marker)


class _Noting(logging.Handler):
    """Keeps what records are about, and not their texts, which may have headers and addresses."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the arguments of one record."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        for argument in arguments:
            self._answer.note_argument(argument)


@contextmanager
def _unfiltered(logger: logging.Logger) -> Iterator[None]:
    """Have ``logger`` log what it has logged before: the exporter over gRPC leaves out its second failure in 20 seconds."""
    filters = list(logger.filters)
    logger.filters.clear()
    try:
        yield
    finally:
        logger.filters[:] = filters


@contextmanager
def _noting_logs(answer: Answer) -> Iterator[None]:
    """Have what is logged go to ``answer``, and nowhere else: OpenTelemetry shows what we do not."""
    handler, loggers = _Noting(answer), [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagated in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagated
