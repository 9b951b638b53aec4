"""Traces that name two sessions: who has said which, as far as their spans tell. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_sessions.view.api.tree import Document

REMEDY = (
    "A trace belongs to one session. Where a framework or a library names one by itself, give it yours: "
    "get_session().id. Where the id comes to light in the middle of a trace, bind it: bind_session(…). "
    "Where a new session is meant to begin, begin a trace with it: turn(…, new_trace=True)."
)
"""What to do against it."""

_KEY = "session.id"


class Said(NamedTuple):
    """One session that a trace names: by how many spans, and the first of them.

    Attributes:
        is_shown: Whether it is the session of this page.
    """

    session_id: str
    spans: int
    first: Document
    is_shown: bool


class Torn(NamedTuple):
    """A trace that names two sessions or more, in the order in which it does."""

    trace_id: str
    said: Sequence[Said]


def torn_traces(spans: Iterable[Document], shown: str) -> list[Torn]:
    """Return the torn traces among ``spans``, which come by their start; ``shown`` is the session of the page."""
    named: dict[str, dict[str, list[Document]]] = {}
    for span in spans:
        if span["session_key"] == _KEY and span["session_ids"]:
            named.setdefault(span["trace_id"], {}).setdefault(span["session_ids"][0], []).append(span)
    return [
        Torn(trace_id, [Said(each, len(by), by[0], each == shown) for each, by in ids.items()])
        for trace_id, ids in named.items()
        if len(ids) > 1
    ]
