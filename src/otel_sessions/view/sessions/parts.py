"""What of a trace is in one session: its sums, and who took part."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.shapes.facts import NO_TOKENS, Kind

from .judged import failed, in_order
from .summaries import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_sessions.view.shapes.facts import Judgement, LogFacts, Named

    from .columns import Columns
    from .summaries import Candidate, PathSum
    from .sums import Totals


_LLM = Kind.LLM


class Content(NamedTuple):
    """What makes a part, beside the facts of its spans.

    Attributes:
        total: What its spans add up to.
        judgements: What was judged in it.
        candidates: What may be a turn.
        is_priced: Whether each call of a model that it has is priced.
        paths: What its branches add up to.
    """

    total: Totals
    judgements: Sequence[Judgement]
    candidates: tuple[Candidate, ...]
    is_priced: bool
    paths: tuple[PathSum, ...]


def part_of(session_id: str | None, columns: Columns, content: Content) -> Part:
    """Return the part of a trace that is in a session, or in none.

    Args:
        session_id: ``None`` for none.
        columns: The facts of its spans.
        content: What else there is in it.
    """
    total, judgements, candidates, is_priced, paths = content
    latest, last_end = max(columns.start), max(columns.end)
    # As `Part(...)`, in half the time.
    part: Part = tuple.__new__(
        Part,
        (
            session_id,
            _key_of(session_id, columns.session),
            len(columns.kind),
            columns.kind.count(_LLM),
            total.errors,
            sum(map(failed, judgements)) if judgements else 0,
            sum(each.is_feedback for each in judgements) if judgements else 0,
            total.tokens,
            total.cost,
            is_priced,
            min(columns.start),
            max(last_end, latest),
            _in_order(columns.session_name),
            _users(columns.user),
            _in_order(columns.service),
            _in_order(columns.model),
            min(filter(None, columns.previous_id), default="") if any(columns.previous_id) else "",
            _in_order(columns.displaced_id) if any(columns.displaced_id) else (),
            in_order(judgements) if judgements else (),
            candidates,
            paths,
        ),
    )
    return part


def part_of_logs(session_id: str | None, logs: Sequence[LogFacts], judgements: Sequence[Judgement]) -> Part:
    """Return the part of a session, or of none, that no span is in, but records of the log are."""
    return Part(
        session_id,
        _key_of(session_id, [each.session for each in logs]),
        0,
        0,
        0,
        sum(map(failed, judgements)),
        sum(each.is_feedback for each in judgements),
        NO_TOKENS,
        None,
        True,
        min(each.time for each in logs),
        max(each.time for each in logs),
        (),
        _users([each.user for each in logs]),
        _in_order([each.service for each in logs]),
        (),
        "",
        (),
        in_order(judgements),
        (),
    )


def _key_of(session_id: str | None, named: Sequence[Named | None]) -> str:
    """Return the best of the keys that name a session."""
    first = named[0]
    if first is not None and first.id == session_id and named.count(first) == len(named):
        return first.key
    keys = [(each.rank, each.key) for each in {*named} if each is not None and each.id == session_id]
    return min(keys)[1] if keys else ""


def _users(named: Sequence[Named | None]) -> tuple[str, ...]:
    first = named[0]
    if named.count(first) == len(named):
        return () if first is None else (first.id,)
    return _in_order([each.id for each in named if each is not None])


def _in_order(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the texts in the order of the alphabet, each once, without an empty one; mostly they are all the same."""
    if texts and texts.count(texts[0]) == len(texts):
        return (texts[0],) if texts[0] else ()
    return tuple(sorted({*texts} - {""}))
