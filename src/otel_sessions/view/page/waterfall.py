"""The spans of a turn as a waterfall: which rows there are, how deep they stand, and where their bars are. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from otel_sessions.view.api.tree import nodes

from .moments import Interval, around, interval_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from otel_sessions.view.api.tree import Document, Node

MAX_DEPTH = 12
"""Deeper spans stand at this depth, so that a chain of hundreds stays readable."""

_ERROR_SEVERITY = 17
"""``SeverityNumber`` of OTLP from which a record tells of an error."""

_NARROWEST = 0.3
"""Percent of the width that the bar of the shortest span has."""

_OF_INTEREST = ("turn", "agent", "llm", "tool", "retriever")


class Row(NamedTuple):
    """One row: a span, or a log record between spans.

    Attributes:
        span: The span, ``None`` for a log record.
        log: The log record, ``None`` for a span.
        depth: How deep it stands, at most `MAX_DEPTH`.
        real_depth: How deep that is in truth.
        x, width: Where its bar is, in percent of the whole time; of a record, and of a span without an end, the width is 0.
        path: The path of a span where it is not that of the span above it; else empty.
        hidden: How many rows follow that are not shown.
    """

    span: Document | None
    log: Document | None
    depth: int
    real_depth: int
    x: float
    width: float
    path: str
    hidden: int


class Waterfall(NamedTuple):
    """Rows with their bars.

    Attributes:
        time: The whole time that the bars are parts of, ``None`` for not known.
        spans: How many spans there are, with those that are not shown.
        hidden: How many rows are not shown.
    """

    rows: Sequence[Row]
    time: Interval | None
    spans: int
    hidden: int


def waterfall(placed: Sequence[Node], logs: Sequence[Document], most: int) -> Waterfall:
    """Return the rows of a turn.

    Where there are more than ``most``, those are shown that a reader looks for, with all above them: errors first, then
    agents, models and tools, then what took longest.

    Args:
        placed: The spans of the turn in order, as `nodes` gives them.
        logs: Records of these spans.
        most: Rows that are wanted at most; what stands above them may be more.
    """
    entries = nodes([*(node.span for node in placed), *map(_as_child, logs)]) if logs else placed
    time = around(each for node in entries if (each := interval_of(node.span)) is not None)
    kept = _kept(entries, most)
    rows = list(_rows(entries, kept, time))
    return Waterfall(rows, time, len(placed), len(entries) - len(kept))


def _as_child(log: Document) -> dict[str, Any]:
    """Return a record as what stands below its span at its time."""
    return {
        "trace_id": log["trace_id"],
        "span_id": f"log {id(log)}",
        "parent_span_id": log["span_id"],
        "start": log["time"],
        "duration": None,
        "log": log,
    }


def _kept(entries: Sequence[Node], most: int) -> Collection[int]:
    if len(entries) <= most:
        return range(len(entries))
    above = _parents(entries)
    kept: set[int] = set()
    wanted = iter(sorted(range(len(entries)), key=lambda at: _interest(entries[at].span)))
    while len(kept) < most:
        at = next(wanted)
        while at >= 0 and at not in kept:
            kept.add(at)
            at = above[at]
    return kept


def _parents(entries: Sequence[Node]) -> list[int]:
    """Return the place of what each stands below, -1 for none."""
    line: list[int] = []
    found: list[int] = []
    for place, node in enumerate(entries):
        del line[node.depth :]
        found.append(line[-1] if line else -1)
        line.append(place)
    return found


def _interest(said: Mapping[str, Any]) -> tuple[int, float]:
    """Return what sorts first that a reader looks for."""
    log = said.get("log")
    if log is not None:
        return (0 if (log["severity"] or 0) >= _ERROR_SEVERITY else 3), 0.0
    if said["error"] is not None:
        return 0, 0.0
    if said["type"] == "noise":
        return 4, 0.0
    return (1 if said["type"] in _OF_INTEREST else 2), -(said["duration"] or 0.0)


def _rows(entries: Sequence[Node], kept: Collection[int], time: Interval | None) -> Iterator[Row]:
    paths: list[str] = []
    shown: Row | None = None
    for place, (said, depth) in enumerate(entries):
        del paths[depth:]
        above = paths[-1] if paths else ""
        paths.append(said.get("path") or above)
        if place in kept:
            if shown is not None:
                yield shown
            shown = _row(said, depth, time, "" if paths[-1] == above else paths[-1])
        elif shown is not None:
            shown = shown._replace(hidden=shown.hidden + 1)
    if shown is not None:
        yield shown


def _row(said: Document, depth: int, time: Interval | None, path: str) -> Row:
    x, width = _place(said, time)
    log = said.get("log")
    return Row(None if log else said, log, min(depth, MAX_DEPTH), depth, x, width, path, 0)


def _place(said: Document, time: Interval | None) -> tuple[float, float]:
    own = interval_of(said)
    if own is None or time is None or time.end <= time.start:
        return 0.0, 0.0 if said["duration"] is None else 100.0
    whole = time.end - time.start
    x = 100 * (own.start - time.start) / whole
    if said["duration"] is None:
        return round(x, 2), 0.0
    width = max(100 * (own.end - own.start) / whole, _NARROWEST)
    return round(min(x, 100 - _NARROWEST), 2), round(min(width, 100 - min(x, 100 - _NARROWEST)), 2)


def rows_for(sizes: Sequence[int], most: int, least: int) -> list[int]:
    """Return how many rows each turn of a page may show, so that all have about ``most``.

    What a small turn does not need is there for the others; ``least`` has each, if it needs them.
    """
    given = [0] * len(sizes)
    left = most
    for done, place in enumerate(sorted(range(len(sizes)), key=lambda at: sizes[at])):
        share = max(left // (len(sizes) - done), least)
        given[place] = min(sizes[place], share)
        left = max(left - given[place], 0)
    return given
