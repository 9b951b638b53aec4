"""Brings checks to Phoenix, which takes annotations by its REST API alone and reads no events.

https://arize.com/docs/phoenix/sdk-api-reference/rest-api: ``/v1/span_annotations``,
``/v1/trace_annotations``, ``/v1/session_annotations``.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from otel_sessions import _diagnostics
from otel_sessions._context.log_values import text_of
from otel_sessions._session.check_names import (
    ANNOTATION_SCOPE,
    ANNOTATOR,
    CODE,
    EVENT,
    EXPLANATION,
    HUMAN,
    IDENTIFIER,
    LABEL,
    LLM,
    NAME,
    RESPONSE_ID,
    SCORE,
)
from otel_sessions._session.session import SESSION_ID, USER_ID
from otel_sessions._settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import ReadableLogRecord

_SPANS, _TRACES, _SESSIONS = "/v1/span_annotations", "/v1/trace_annotations", "/v1/session_annotations"
_CHUNK = 100
"""Most annotations of one request."""

_TIMEOUT = 5.0
_PAUSES = (0.25, 0.5)
"""How long to wait before it is tried again, in seconds."""

_AGAIN = frozenset({"status 429", "status 502", "status 503", "status 504", "ConnectionError"})
"""After which the same may be sent again; so it may at any time: see `_identifier`."""

_GONE = frozenset({"ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError"})
"""After which nothing else is tried: what comes next would take as long."""

_MAX_SCORE = sys.float_info.max
_PORT, _GRPC_PORT = "6006", "4317"
_ADDRESS, _HOST_NAME = "PHOENIX_COLLECTOR_ENDPOINT", "PHOENIX_HOST"
_ADDRESSES = ("PHOENIX_ENDPOINT", _ADDRESS, "OTEL_EXPORTER_OTLP_ENDPOINT", "PHOENIX_BASE_URL")
"""Where Phoenix's own client looks, in this order (as of its release 3.5), and then at the host."""

_PORT_NAME, _GRPC_PORT_NAME, _ROOT_NAME = "PHOENIX_PORT", "PHOENIX_GRPC_PORT", "PHOENIX_HOST_ROOT_PATH"
_KEY_NAME, _HEADERS_NAME = "PHOENIX_API_KEY", "PHOENIX_CLIENT_HEADERS"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # not bound: what a server is told, as an address

_LOST = "otel_sessions: checks are lost as annotations of Phoenix: %s; is %s, or endpoint, where it is?"

_IPV6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")

_RESERVED = "note"
"""What Phoenix refuses as the name of an annotation, with all that came along with it."""


class PhoenixAnnotationExporter(LogRecordExporter):
    """Sends checks and feedback to Phoenix as annotations; all other log records it leaves alone.

    ::

        OTEL_LOGS_EXPORTER=otlp,phoenix_annotations

        provider.add_log_record_processor(BatchLogRecordProcessor(PhoenixAnnotationExporter()))

    A check of a turn annotates its span, and below another root span the trace as well; one of a session the
    session; one of neither is left out. Phoenix takes them before the span is there, and looks for that every
    10 seconds for 10 minutes (as of 20.26); what is not there by then, such as a span that was not sampled, it drops.

    `feedback` of the same replaces what the same user has said before. Checks by code or by a model replace each
    other where they have the same name and ``response_id``; of all others, and of ``check(annotator="human")``, all
    are kept.

    Args:
        endpoint: Where Phoenix is, such as ``http://localhost:6006``; ``None`` is where Phoenix's own client looks:
            ``PHOENIX_ENDPOINT``, ``PHOENIX_COLLECTOR_ENDPOINT``, ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``PHOENIX_BASE_URL``,
            else what ``PHOENIX_HOST`` and ``PHOENIX_PORT`` say. For its gRPC port, the other one is taken.
        headers: Sent along; they go before ``PHOENIX_CLIENT_HEADERS`` and ``PHOENIX_API_KEY``.
        timeout: How long one of at most three attempts may take, in seconds.

    It needs ``requests``, which the extras ``phoenix`` and ``otlp`` bring. Never raises.
    """

    def __init__(
        self, endpoint: str | None = None, headers: Mapping[str, str] | None = None, timeout: float = _TIMEOUT
    ) -> None:
        self._base, self._named = _base_of(endpoint)
        self._headers = {
            **_headers_in_environment(),
            **{str(name).lower(): value for name, value in (headers or {}).items()},
        }
        self._timeout = timeout
        self._client: Any = None
        self._is_shut_down = Event()

    def __repr__(self) -> str:
        """Show the type alone: an address and headers may hold a key."""
        return f"<{type(self).__name__}>"

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send what of ``batch`` is a check."""
        if self._is_shut_down.is_set():
            return LogRecordExportResult.FAILURE
        try:
            problems = self._problems(batch)
        except ImportError:
            problems = ["`requests` is not installed: pip install 'otel-sessions[phoenix]'"]
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            problems = [type(error).__name__]
        for problem in filter(None, problems):
            _diagnostics.warn_once(("phoenix", problem), _LOST, problem, self._named)
        return LogRecordExportResult.FAILURE if any(problems) else LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connections."""
        self._is_shut_down.set()
        if self._client is not None:
            self._client.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002  # the SDK's signature
        """Do nothing: nothing is kept."""
        return True

    def _problems(self, batch: Iterable[ReadableLogRecord]) -> list[str]:
        """Send what of ``batch`` is a check, and return what went wrong; where nobody is there, the rest is not tried."""
        problems: list[str] = []
        for path, chunk in _chunks(batch):
            problem = self._problem(path, chunk)
            problems += filter(None, [problem])
            if problem in _GONE or self._is_shut_down.is_set():
                break
        return problems

    def _problem(self, path: str, annotations: list[dict[str, Any]]) -> str | None:
        """Send ``annotations``, and return why that did not work, ``None`` if it did."""
        if self._base is None:
            return "there is no address that could be used"
        problem = self._problem_of_attempt(self._base + path, annotations)
        for pause in _PAUSES:
            if problem not in _AGAIN or self._is_shut_down.wait(pause):
                break
            problem = self._problem_of_attempt(self._base + path, annotations)
        return problem

    def _problem_of_attempt(self, url: str, annotations: list[dict[str, Any]]) -> str | None:
        from requests import RequestException  # noqa: PLC0415  # slow, and of an extra

        try:
            answer = self._connected().post(
                url,
                json={"data": annotations},
                headers=self._headers,
                timeout=self._timeout,
                allow_redirects=False,  # whoever is there would get the key
                stream=True,  # the answer may be endless, and nobody reads it
            )
            answer.close()
        except RequestException as error:
            return type(error).__name__
        return None if answer.ok and not answer.is_redirect else f"status {answer.status_code}"

    def _connected(self) -> Any:  # noqa: ANN401  # requests is not typed
        if self._client is None:
            self._client = _client(has_key="authorization" in self._headers)
        return self._client


def _client(*, has_key: bool) -> Any:  # noqa: ANN401  # as above
    from requests import Session  # noqa: PLC0415

    client = Session()
    client.auth = _as_it_is if has_key else None
    # Else it reads all of the answer to find out where a redirect would lead.
    client.get_redirect_target = lambda _answer: None  # type: ignore[assignment,method-assign]
    return client


def _as_it_is(request: Any) -> Any:  # noqa: ANN401  # as above
    """Return ``request``; without this a ``.netrc`` would replace the key."""
    return request


def _chunks(batch: Iterable[ReadableLogRecord]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return what to send of ``batch``, with the path to send it to."""
    by_path = defaultdict(list)
    for found in batch:
        for path, annotation in _readable_annotations_of(found):
            by_path[path].append(annotation)
    for path, found_there in by_path.items():
        rest = iter(found_there)
        while chunk := list(islice(rest, _CHUNK)):
            yield path, chunk


def _readable_annotations_of(found: ReadableLogRecord) -> list[tuple[str, dict[str, Any]]]:
    """Return what `_annotations_of` does, nothing where that raises: one record would cost all of its batch."""
    try:
        record = found.log_record
        return list(_annotations_of(record)) if record.event_name == EVENT else []
    except Exception:  # noqa: BLE001  # of others, who may have put anything there
        _diagnostics.count("annotation that could not be made")
        return []


def _annotations_of(record: LogRecord) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the annotation that ``record`` is, with its path; nothing where it names nothing that could be annotated."""
    attributes = record.attributes or {}
    name, session_id = attributes.get(NAME), attributes.get(SESSION_ID)
    if not name or not (record.span_id or session_id):
        _diagnostics.count("annotation without a target")
        return
    annotation = {
        "name": f"{name}_" if name == _RESERVED else _text_of(name),
        "annotator_kind": _annotator_of(attributes),
        "result": _result_of(attributes),
        "metadata": {key: _text_of(attributes[key]) for key in (RESPONSE_ID, USER_ID) if attributes.get(key)},
        "identifier": _identifier(record, attributes),
    }
    if record.span_id:
        yield _SPANS, {**annotation, "span_id": f"{record.span_id:016x}"}
        if (
            attributes.get(ANNOTATION_SCOPE) == "trace" and record.trace_id
        ):  # the page of a session shows those of root spans alone
            yield _TRACES, {**annotation, "trace_id": f"{record.trace_id:032x}"}
    else:
        yield _SESSIONS, {**annotation, "session_id": _text_of(session_id)}


def _annotator_of(attributes: Mapping[str, object]) -> object:
    kind = attributes.get(ANNOTATOR)
    return kind if kind in (CODE, LLM, HUMAN) else CODE


def _result_of(attributes: Mapping[str, object]) -> dict[str, str | float]:
    label, score, explanation = (attributes.get(key) for key in (LABEL, SCORE, EXPLANATION))
    result: dict[str, str | float] = {}
    if label is not None:
        result["label"] = _text_of(label)
    if isinstance(score, (int, float)) and -_MAX_SCORE <= score <= _MAX_SCORE:  # and not NaN
        result["score"] = float(score)
    if explanation is not None:
        result["explanation"] = _text_of(explanation)
    return result


def _text_of(value: object) -> str:
    """Return ``value`` as a text that the databases of Phoenix take."""
    return text_of(value).replace("\0", "")


def _identifier(record: LogRecord, attributes: Mapping[str, object]) -> str:
    """Return what tells annotations of one name and one target apart; one that has all three replaces another."""
    response_id = attributes.get(RESPONSE_ID)
    if identifier := attributes.get(IDENTIFIER):
        parts = {"as": identifier, "user": attributes.get(USER_ID), "response": response_id}
    elif response_id and _annotator_of(attributes) != HUMAN:
        parts = {"response": response_id}
    else:
        parts = {"at": record.timestamp or record.observed_timestamp}
    given = (f"{name}={quote(text_of(part), safe='')}" for name, part in parts.items() if part)
    return ":".join(["otel-sessions", *given])


def _base_of(endpoint: str | None) -> tuple[str | None, str]:
    """Return the address that the paths are appended to, and the variable that says where Phoenix is.

    The address is ``None``, with a warning, where it can't be used.
    """
    names = (*_ADDRESSES, _HOST_NAME, _PORT_NAME, _GRPC_PORT_NAME, _ROOT_NAME)
    found = {name: text for name, value in settings.in_environment(*names).items() if (text := value.strip())}
    named = _ADDRESS if endpoint else next((name for name in (*_ADDRESSES, _HOST_NAME) if name in found), _ADDRESS)
    base = _checked(endpoint or (found.get(named) if named in _ADDRESSES else None) or _own_address(found), found)
    if base is None:
        message = "otel_sessions: the address of Phoenix (%s, or endpoint) can't be used; write it as %s"
        _diagnostics.warn_once("phoenix address", message, named, "http://localhost:6006")
    return base, named


def _checked(given: str, found: Mapping[str, str]) -> str | None:
    try:
        parts = urlsplit(given.strip())
        is_grpc = str(parts.port) == found.get(_GRPC_PORT_NAME, _GRPC_PORT)
    except (ValueError, AttributeError):  # a port that is none; no text
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    host = f"{parts.netloc.rpartition(':')[0]}:{_port_in(found)}" if is_grpc else parts.netloc
    return f"{parts.scheme}://{host}{parts.path.rstrip('/').removesuffix('/v1/traces')}"


def _own_address(found: Mapping[str, str]) -> str:
    """Return what the variables of the server say; its host may be an address, or have a port of its own."""
    host = found.get(_HOST_NAME, "localhost")
    if host.lower().startswith(("http://", "https://")):
        return host
    host = _EVERYWHERE.get(host, f"[{host}]" if _IPV6.fullmatch(host) else host)
    port = "" if re.search(r":\d+$", host) else f":{_port_in(found)}"
    root = found.get(_ROOT_NAME, "").strip("/ ")
    return f"http://{host}{port}" + (f"/{root}" if root else "")


def _port_in(found: Mapping[str, str]) -> str:
    port = found.get(_PORT_NAME, "")
    return port if port.isdigit() else _PORT  # Kubernetes sets a variable of this name to an address


def _headers_in_environment() -> dict[str, str]:
    """Return the headers for Phoenix: of the key, and what else is set (``name=value,…``, percent-encoded)."""
    found = settings.in_environment(_KEY_NAME, _HEADERS_NAME)
    key = found.get(_KEY_NAME, "").strip()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    for item in found.get(_HEADERS_NAME, "").split(","):
        name, sign, value = item.partition("=")
        if sign and name.strip():
            headers[unquote(name).strip().lower()] = unquote(value).strip()
    return headers
