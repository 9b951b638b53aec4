"""The spans of an answer as people read them: parents before children, and each under the turn that it belongs to. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Document: TypeAlias = "Mapping[str, Any]"
_Key: TypeAlias = "tuple[str, str]"  # the ids of a trace and of a span in it


class Node(NamedTuple):
    """A span and how deep it stands below the first of its group, which has depth 0."""

    span: Document
    depth: int


class Arranged(NamedTuple):
    """The turns with their spans, and for each trace the spans that are in no turn."""

    turns: Sequence[tuple[Document, Sequence[Node]]]
    rest: Sequence[Sequence[Node]]


def arranged(answer: Document) -> Arranged:
    """Return what stands where in the answer for a session, each span once.

    A trace with one turn is that turn's with all its spans, as is one that the turn joins. Of a trace with several, each
    span goes to the nearest turn above it.
    """
    turns_of: dict[str, list[_Key]] = defaultdict(list)
    for turn in answer["turns"]:
        turns_of[turn["trace_id"]].append(_key(turn))
    for turn in answer["turns"]:
        for trace_id in turn["joined"]:
            turns_of[trace_id] = turns_of[trace_id] or [_key(turn)]
    spans_of: dict[str, list[Document]] = defaultdict(list)
    for span in answer["spans"]:
        spans_of[span["trace_id"]].append(span)
    groups: dict[_Key, list[Document]] = defaultdict(list)
    for trace_id, spans in spans_of.items():
        for span, owner in _owned(nodes(spans), turns_of[trace_id]):
            groups[owner or (trace_id, "")].append(span)
    turns = [(turn, nodes(groups.pop(_key(turn), ()))) for turn in answer["turns"]]
    return Arranged(turns, [nodes(spans) for spans in groups.values()])


def nodes(spans: Iterable[Document]) -> list[Node]:
    """Return each span once, depth first, siblings by their start: what has no parent here is a root."""
    ordered = sorted(spans, key=lambda span: (span["start"] or "", span["span_id"]))
    roots, children = _families(ordered)
    placed: dict[_Key, Node] = {}
    # The second round finds those whom a cycle of parents keeps from every root.
    for first in (*roots, *ordered):
        stack = [(first, 0)]
        while stack:
            span, depth = stack.pop()
            if _key(span) not in placed:
                placed[_key(span)] = Node(span, depth)
                stack.extend((child, depth + 1) for child in reversed(children[_key(span)]))
    return list(placed.values())


def _key(span: Document) -> _Key:
    return span["trace_id"], span["span_id"]


def _families(spans: Sequence[Document]) -> tuple[list[Document], dict[_Key, list[Document]]]:
    known = set(map(_key, spans))
    roots: list[Document] = []
    children: dict[_Key, list[Document]] = defaultdict(list)
    for span in spans:
        parent = span["trace_id"], span["parent_span_id"]
        (children[parent] if parent in known else roots).append(span)
    return roots, children


def _owned(placed: Sequence[Node], turns: Sequence[_Key]) -> Iterator[tuple[Document, _Key | None]]:
    """Yield each span and the turn that it belongs to, ``None`` for none."""
    if len(turns) == 1:
        yield from ((node.span, turns[0]) for node in placed)
        return
    own = set(turns)
    above: list[_Key | None] = []
    for span, depth in placed:
        del above[depth:]
        owner = _key(span) if _key(span) in own else (above[-1] if above else None)
        above.append(owner)
        yield span, owner
