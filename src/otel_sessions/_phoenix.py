"""Brings checks to Phoenix, which takes annotations by its REST API alone and reads no events.

https://arize.com/docs/phoenix/sdk-api-reference/rest-api: ``/v1/span_annotations``,
``/v1/trace_annotations``, ``/v1/session_annotations``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from . import _diagnostics, _settings
from ._evaluations import ANNOTATOR, CODE, EVENT, EXPLANATION, HUMAN, LABEL, LLM, NAME, RESPONSE_ID, SCOPE, SCORE
from ._log_values import text_of
from ._session import SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import ReadableLogRecord

_SPANS, _TRACES, _SESSIONS = "/v1/span_annotations", "/v1/trace_annotations", "/v1/session_annotations"
_CHUNK = 100
"""Most annotations of one request."""

_TIMEOUT = 5.0
_RETRIES = 2
_AGAIN = (429, 502, 503, 504)
"""Status codes after which the same may be sent again; so it may at any time: see `_identifier`."""

_PORT, _GRPC_PORT = "6006", "4317"
_ADDRESS, _HOST_NAME = "PHOENIX_COLLECTOR_ENDPOINT", "PHOENIX_HOST"
_PORT_NAME, _GRPC_PORT_NAME, _ROOT_NAME = "PHOENIX_PORT", "PHOENIX_GRPC_PORT", "PHOENIX_HOST_ROOT_PATH"
_KEY_NAME, _HEADERS_NAME = "PHOENIX_API_KEY", "PHOENIX_CLIENT_HEADERS"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # not bound: what a server is told, as an address

_LOST = "otel_sessions: checks are lost as annotations of Phoenix: %s; is %s, or endpoint, where it is?"

_RESERVED = "note"
"""What Phoenix refuses as the name of an annotation, with all that came along with it."""


class PhoenixAnnotationExporter(LogRecordExporter):
    """Sends checks and feedback to Phoenix as annotations; all other log records it leaves alone.

    ::

        OTEL_LOGS_EXPORTER=otlp,phoenix_annotations

        provider.add_log_record_processor(BatchLogRecordProcessor(PhoenixAnnotationExporter()))

    A check of a turn annotates its span, and below another root span the trace as well; one of a session the session; one of neither is left out. Phoenix
    takes them before the span is there, and looks for that every 10 seconds for 10 minutes (as of 20.26);
    what is not there by then, such as a span that was not sampled, it drops.

    What a person has said of the same replaces what the same user has said before. Other checks of the same name
    replace each other where they have the same ``response_id``; without one, all are kept.

    Args:
        endpoint: Where Phoenix is, such as ``http://localhost:6006``; ``None`` is ``PHOENIX_COLLECTOR_ENDPOINT``, else
            what ``PHOENIX_HOST`` and ``PHOENIX_PORT`` say. For its gRPC port, the other one is taken.
        headers: Sent along; they go before ``PHOENIX_CLIENT_HEADERS`` and ``PHOENIX_API_KEY``.
        timeout: How long one of at most three attempts may take, in seconds.

    It needs ``requests``, which the extras ``phoenix`` and ``otlp`` bring. Never raises.
    """

    def __init__(
        self, endpoint: str | None = None, headers: Mapping[str, str] | None = None, timeout: float = _TIMEOUT
    ) -> None:
        self._base = _base_of(endpoint)
        self._headers = {
            **_headers_in_environment(),
            **{str(name).lower(): value for name, value in (headers or {}).items()},
        }
        self._timeout = timeout
        self._client: Any = None
        self._is_shut_down = False

    def __repr__(self) -> str:
        """Show the type alone: an address and headers may hold a key."""
        return f"<{type(self).__name__}>"

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send what of ``batch`` is a check."""
        if self._is_shut_down:
            return LogRecordExportResult.FAILURE
        try:
            problems = [self._problem(path, chunk) for path, chunk in _chunks(batch)]
        except ImportError:
            problems = ["`requests` is not installed: pip install 'otel-sessions[phoenix]'"]
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            problems = [type(error).__name__]
        for problem in filter(None, problems):
            _diagnostics.warn_once(("phoenix", problem), _LOST, problem, _ADDRESS)
        return LogRecordExportResult.FAILURE if any(problems) else LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connections."""
        self._is_shut_down = True
        if self._client is not None:
            self._client.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002  # the SDK's signature
        """Do nothing: nothing is kept."""
        return True

    def _problem(self, path: str, annotations: list[dict[str, Any]]) -> str | None:
        """Send ``annotations``, and return why that did not work, ``None`` if it did."""
        from requests import RequestException  # noqa: PLC0415  # slow, and of an extra

        if self._base is None:
            return "there is no address that could be used"
        try:
            answer = self._connected().post(
                self._base + path,
                json={"data": annotations},
                headers=self._headers,
                timeout=self._timeout,
                allow_redirects=False,  # whoever is there would get the key
            )
        except RequestException as error:
            return type(error).__name__
        return None if answer.ok and not answer.is_redirect else f"status {answer.status_code}"

    def _connected(self) -> Any:  # noqa: ANN401  # requests is not typed
        if self._client is None:
            self._client = _client()
        return self._client


def _client() -> Any:  # noqa: ANN401  # as above
    from requests import Session  # noqa: PLC0415
    from requests.adapters import HTTPAdapter  # noqa: PLC0415
    from urllib3.util import Retry  # noqa: PLC0415

    retry = Retry(
        _RETRIES,
        status_forcelist=_AGAIN,
        allowed_methods=None,
        backoff_factor=0.25,
        raise_on_status=False,
        respect_retry_after_header=False,  # it may say any time
    )
    client = Session()
    for scheme in ("http://", "https://"):
        client.mount(scheme, HTTPAdapter(max_retries=retry))
    return client


def _chunks(batch: Iterable[ReadableLogRecord]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return what to send of ``batch``, with the path to send it to."""
    by_path = defaultdict(list)
    for found in batch:
        record = found.log_record
        if record.event_name == EVENT:
            for path, annotation in _annotations_of(record):
                by_path[path].append(annotation)
    for path, found_there in by_path.items():
        rest = iter(found_there)
        while chunk := list(islice(rest, _CHUNK)):
            yield path, chunk


def _annotations_of(record: LogRecord) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the annotation that ``record`` is, with its path; nothing where it names nothing that could be annotated."""
    attributes = record.attributes or {}
    name, session_id = attributes.get(NAME), attributes.get(SESSION_ID)
    if not name or not (record.span_id or session_id):
        _diagnostics.count("annotation without a target")
        return
    annotation = {
        "name": f"{name}_" if name == _RESERVED else text_of(name),
        "annotator_kind": _annotator_of(attributes),
        "result": _result_of(attributes),
        "metadata": {key: text_of(attributes[key]) for key in (RESPONSE_ID, USER_ID) if attributes.get(key)},
        "identifier": _identifier(record, attributes),
    }
    if record.span_id:
        yield _SPANS, {**annotation, "span_id": f"{record.span_id:016x}"}
        if (
            attributes.get(SCOPE) == "trace" and record.trace_id
        ):  # the page of a session shows those of root spans alone
            yield _TRACES, {**annotation, "trace_id": f"{record.trace_id:032x}"}
    else:
        yield _SESSIONS, {**annotation, "session_id": text_of(session_id)}


def _annotator_of(attributes: Mapping[str, object]) -> object:
    kind = attributes.get(ANNOTATOR)
    return kind if kind in (CODE, LLM, HUMAN) else CODE


def _result_of(attributes: Mapping[str, object]) -> dict[str, str | float]:
    label, score, explanation = (attributes.get(key) for key in (LABEL, SCORE, EXPLANATION))
    result: dict[str, str | float] = {}
    if label is not None:
        result["label"] = text_of(label)
    if isinstance(score, (int, float)) and math.isfinite(score):
        result["score"] = score
    if explanation is not None:
        result["explanation"] = text_of(explanation)
    return result


def _identifier(record: LogRecord, attributes: Mapping[str, object]) -> str:
    """Return what tells annotations of one name and one target apart; one that has all three replaces another."""
    response_id = attributes.get(RESPONSE_ID)
    if _annotator_of(attributes) == HUMAN:
        parts = [attributes.get(USER_ID), response_id]
    else:
        parts = [response_id or record.timestamp or record.observed_timestamp]
    return ":".join(["otel-sessions", *(text_of(part) for part in parts if part)])


def _base_of(endpoint: str | None) -> str | None:
    """Return the address that the paths are appended to; ``None``, with a warning, where it can't be used."""
    found = _settings.in_environment(_ADDRESS, _HOST_NAME, _PORT_NAME, _GRPC_PORT_NAME, _ROOT_NAME)
    given = endpoint or found.get(_ADDRESS) or _own_address(found)
    try:
        parts = urlsplit(given.strip())
        is_grpc = str(parts.port) == found.get(_GRPC_PORT_NAME, _GRPC_PORT)
        if parts.scheme in {"http", "https"} and parts.hostname:
            host = f"{parts.netloc.rpartition(':')[0]}:{_port_in(found)}" if is_grpc else parts.netloc
            return f"{parts.scheme}://{host}{parts.path.rstrip('/').removesuffix('/v1/traces')}"
    except (ValueError, AttributeError):  # a port that is none; no text
        pass
    _diagnostics.warn_once(
        "phoenix address",
        "otel_sessions: the address of Phoenix (%s, or endpoint) can't be used; write it as http://localhost:6006",
        _ADDRESS,
    )
    return None


def _own_address(found: Mapping[str, str]) -> str:
    host = found.get(_HOST_NAME, "localhost").strip()
    root = found.get(_ROOT_NAME, "").strip("/ ")
    return f"http://{_EVERYWHERE.get(host, host)}:{_port_in(found)}" + (f"/{root}" if root else "")


def _port_in(found: Mapping[str, str]) -> str:
    port = found.get(_PORT_NAME, "").strip()
    return port if port.isdigit() else _PORT  # Kubernetes sets a variable of this name to an address


def _headers_in_environment() -> dict[str, str]:
    """Return the headers for Phoenix: of the key, and what else is set (``name=value,…``, percent-encoded)."""
    found = _settings.in_environment(_KEY_NAME, _HEADERS_NAME)
    headers = {"authorization": f"Bearer {found[_KEY_NAME].strip()}"} if _KEY_NAME in found else {}
    for item in found.get(_HEADERS_NAME, "").split(","):
        name, sign, value = item.partition("=")
        if sign and name.strip():
            headers[unquote(name).strip().lower()] = unquote(value).strip()
    return headers
