"""What of a trace may be a turn of its session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions.view.shapes.facts import Kind

from .exchanges import Exchange, exchanges_of
from .holders import HOLDERS, is_post, turns_in
from .saying import said_in
from .summaries import Candidate
from .sums import NOTHING, split, totals_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .outermost import Talk
    from .sums import Counts, Totals

_TURN = Kind.TURN
_OF_TURNS = frozenset((Kind.TURN, Kind.AGENT, Kind.LLM, Kind.CHAIN))
"""What a root is of that is a turn wherever it has words."""

MOST_CHARACTERS = 4096
"""Of the words of a turn that a summary keeps."""


def candidates_of(
    trace_id: bytes, talk: Talk, order: Sequence[int], counts: Counts, total: Totals
) -> tuple[Candidate, ...]:
    """Return what may be a turn of a session, in order of the start.

    Args:
        trace_id: 16 bytes.
        talk: The trace.
        order: The spans of it that are in the session, each after its parent.
        counts: What these spans add to the sums.
        total: What that is in all.
    """
    only = _only_turn(trace_id, talk, order, total)
    if only is not None:
        return (only,)
    chosen = turns_in(talk, order, counts.errors)
    if not chosen.spans:
        return ()
    said = said_in(talk, order, chosen, counts.errors)
    exchanges = exchanges_of(said) if len(said) > 1 else [Exchange(said[0])]
    return tuple(
        _candidate(trace_id, talk, *each)
        for each in zip(exchanges, _totals(exchanges, chosen.owner, counts, total), strict=True)
    )


def _only_turn(trace_id: bytes, talk: Talk, order: Sequence[int], total: Totals) -> Candidate | None:
    """Return the turn of an ordinary trace: a root with what was asked and answered, and all else below it.

    ``None`` where it has to be looked at what is a turn, or what was said.
    """
    columns, parents, root = talk.columns, talk.parents, order[0]
    kind = columns.kind[root]
    if (
        len(order) < len(parents)
        or parents.count(-1) > 1
        or columns.parent_span_id[root]
        or not (columns.has_input[root] and columns.has_output[root])
        or not (kind in _OF_TURNS or (kind in HOLDERS and is_post(columns.name[root])))
        or (talk.has_marked and (kind is not _TURN or columns.kind.count(_TURN) > 1))
    ):
        return None
    asked, answered, _ = talk.words(root)
    if not (asked and answered):
        return None
    start, is_marked = columns.start[root], kind is _TURN
    # As `Candidate(...)`, in half the time.
    candidate: Candidate = tuple.__new__(
        Candidate,
        (
            trace_id,
            columns.span_id[root],
            columns.name[root],
            columns.path[root],
            start,
            max(columns.end[root], start),
            asked[:MOST_CHARACTERS],
            answered[:MOST_CHARACTERS],
            is_marked,
            False,
            False,
            *total,
            (),
        ),
    )
    return candidate


def _totals(exchanges: Sequence[Exchange], owner: Mapping[int, int], counts: Counts, total: Totals) -> list[Totals]:
    """Return the sums of each exchange."""
    place = {span: n for n, each in enumerate(exchanges) for span in each.spans}
    if len(exchanges) == 1 and _is_all_in(place, owner, counts):
        return [total]
    sums = split(counts, lambda i: place.get(owner[i], -1))
    found = [totals_of(sums.get(n, NOTHING)) for n in range(len(exchanges))]
    if len(found) == 1:  # what stands beside the only turn and judges, judges that
        found = [found[0]._replace(failed_checks=total.failed_checks)]
    return found


def _is_all_in(place: Collection[int], owner: Mapping[int, int], counts: Counts) -> bool:
    """Tell whether all that counts is in one of these spans."""
    return all(owner[i] in place for of_spans in counts for i in of_spans)


def _candidate(trace_id: bytes, talk: Talk, exchange: Exchange, total: Totals) -> Candidate:
    first = exchange.members[0]
    said, answered = exchange.input, exchange.output
    return Candidate(
        trace_id,
        talk.columns.span_id[first.span],
        talk.columns.name[first.span],
        talk.columns.path[first.span],
        first.start,
        exchange.end,
        said[:MOST_CHARACTERS],
        answered[:MOST_CHARACTERS],
        first.is_marked,
        not (said or answered or first.is_marked),
        any(each.is_early for each in exchange.members),
        *total,
    )
