"""Requests as they really come, small ones: of a chat service, and what real programs have exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from harness.chat_load import Load, requests_of
from otel_sessions.view.wire.json_form import traces_to_json
from otel_sessions.view.wire.reading import read_traces

from .oracle import strictly_read

if TYPE_CHECKING:
    from collections.abc import Iterator

Form: TypeAlias = Literal["protobuf", "json"]
Signal: TypeAlias = Literal["traces", "logs", "metrics"]

_RECORDED = Path(__file__).parents[2] / "tests" / "view" / "recorded"
# Of a recording: long texts take their time, and find nothing that short ones don't.
_MAX_BYTES = 4_000
_GROUP = 3
_METRICS = {
    "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "calls", "sum": {"dataPoints": [{"asInt": "5"}]}}]}]}]
}


class Real(NamedTuple):
    """A request, unpacked."""

    signal: Signal
    form: Form
    body: bytes


def real_bodies(seed: int) -> list[Real]:
    """Return them, each in both forms."""
    found = list(_in_both_forms("metrics", _METRICS))
    for request in requests_of(Load(40, 2), seed):
        found += _in_both_forms("traces", _as_json(request.body))
    for path in sorted(_RECORDED.rglob("*.json")):
        if not path.name.endswith(".expected.json"):
            found += [each for each in _of_recording(path) if len(each.body) <= _MAX_BYTES]
    return found


def _in_both_forms(signal: Signal, document: Any) -> Iterator[Real]:
    yield Real(signal, "json", json.dumps(document).encode())
    yield Real(signal, "protobuf", strictly_read(signal, document).SerializeToString())


def _of_recording(path: Path) -> Iterator[Real]:
    """Give some spans or records at a time, as the receiver reads them from the file."""
    whole = json.loads(path.read_bytes())
    signal: Signal = "logs" if "resourceLogs" in whole else "traces"
    for piece in _pieces(whole):
        yield from _in_both_forms(signal, piece)


def _pieces(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    [(outer, resources)] = whole.items()
    for of_resource in resources:
        inner = next(name for name in of_resource if name.startswith("scope"))
        for scope in of_resource[inner]:
            items = next(name for name in scope if name in {"spans", "logRecords"})
            for first in range(0, len(scope[items]), _GROUP):
                part = {**scope, items: scope[items][first : first + _GROUP]}
                yield {outer: [{**of_resource, inner: [part]}]}


def _as_json(body: bytes) -> Any:
    batch = read_traces(body)
    return json.loads(traces_to_json((span, batch.sources[span.source]) for span in batch.spans))
