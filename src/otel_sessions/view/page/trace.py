"""What the page of one trace shows, of the answer of the API. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions.view.api.tree import nodes

from .waterfall import waterfall

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_SPANS = 1_000
"""Spans of a trace on its page, but for what stands above them; the API has all."""


def trace_values(answer: Mapping[str, Any]) -> dict[str, object]:
    """Return what the template ``trace.html`` names."""
    spans = answer["spans"]
    fall = waterfall(nodes(spans), (), MOST_SPANS)
    logs: dict[str | None, list[object]] = {}
    for each in answer["logs"]:
        logs.setdefault(each["span_id"], []).append(each)
    return {
        "trace_id": answer["trace_id"],
        "rows": fall.rows,
        "logs": logs,
        "more_spans": fall.hidden,
        "session_ids": list(dict.fromkeys(id_ for span in spans for id_ in (span["session_id"],) if id_ is not None)),
        "errors": sum(span["status"] == "error" for span in spans),
        "services": sorted({span["service"] for span in spans if span["service"]}),
        "start": min((span["start"] for span in spans if span["start"]), default=None),
    }
