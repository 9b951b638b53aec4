"""What the page of one trace shows, of the answer of the API. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from otel_sessions.view.api.tree import nodes

from .formats import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_SPANS = 1_000
"""Spans of a trace on its page; the API has all."""

_DEEPEST = 12
_WIDTH = 1_000
_LEAST = 4


class Row(NamedTuple):
    """A span, how deep it stands, and the bar of its time: left edge and width in thousandths of the trace's."""

    span: Mapping[str, Any]
    depth: int
    left: int
    width: int


def trace_values(answer: Mapping[str, Any]) -> dict[str, object]:
    """Return what the template ``trace.html`` names."""
    spans = answer["spans"]
    logs: dict[str | None, list[object]] = {}
    for each in answer["logs"]:
        logs.setdefault(each["span_id"], []).append(each)
    return {
        "trace_id": answer["trace_id"],
        "rows": _rows(spans),
        "logs": logs,
        "more_spans": max(len(spans) - MOST_SPANS, 0),
        "session_ids": list(dict.fromkeys(id_ for span in spans for id_ in (span["session_id"],) if id_ is not None)),
        "errors": sum(span["status"] == "error" for span in spans),
        "services": sorted({span["service"] for span in spans if span["service"]}),
        "start": min((span["start"] for span in spans if span["start"]), default=None),
    }


def _rows(spans: Sequence[Mapping[str, Any]]) -> list[Row]:
    starts = [at.timestamp() for span in spans if (at := moment(span["start"]))]
    ends = [at.timestamp() for span in spans if (at := moment(span["end"]))]
    first = min(starts, default=0.0)
    whole = max(max(ends, default=first) - first, 1e-6)
    return [
        Row(node.span, min(node.depth, _DEEPEST), *_bar(node.span, first, whole)) for node in nodes(spans)[:MOST_SPANS]
    ]


def _bar(span: Mapping[str, Any], first: float, whole: float) -> tuple[int, int]:
    start, duration = moment(span["start"]), (span["duration"] or 0.0) / 1_000
    left = min(round(_WIDTH * ((start.timestamp() if start else first) - first) / whole), _WIDTH - _LEAST)
    return max(left, 0), min(max(round(_WIDTH * duration / whole), _LEAST), _WIDTH - max(left, 0))
