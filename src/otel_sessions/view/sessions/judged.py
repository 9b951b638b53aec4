"""What was judged of a trace, each judgement once, though it is told by a span and by a record of the log."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.shapes.facts import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_sessions.view.shapes.facts import Judgement, LogFacts

    from .columns import Columns
    from .forest import Forest


class Judged(NamedTuple):
    """One judgement.

    Attributes:
        span: What was judged, or what tells of it; -1 where that is no span of the trace.
        log: The place of the record that tells of it, -1 where a span does.
    """

    span: int
    log: int
    judgement: Judgement


def judgements_of(columns: Columns, logs: Sequence[LogFacts], forest: Forest) -> list[Judged]:
    """Return all judgements, in any order."""
    found = []
    told: Counter[tuple[bytes, tuple[object, ...]]] = Counter()
    for i, judgements in enumerate(columns.judgements) if any(columns.judgements) else ():
        about = columns.span_id[i]
        if columns.kind[i] == Kind.EVALUATION:
            about = columns.parent_span_id[i] or about
        for judgement in judgements:
            found.append(Judged(forest.places.get(about, i), -1, judgement))
            told[about, known_by(judgement)] += 1
    for n, log in enumerate(logs):
        for judgement in log.judgements:
            key = (log.span_id, known_by(judgement))
            told[key] -= 1
            if told[key] < 0:
                found.append(Judged(forest.places.get(log.span_id, -1), n, judgement))
    return found


def known_by(judgement: Judgement) -> tuple[object, ...]:
    """Return by what a judgement is known again, where it is told a second time in another form."""
    return judgement.name, judgement.score, judgement.label, judgement.explanation, judgement.is_feedback


def in_order(judgements: Iterable[Judgement]) -> tuple[Judgement, ...]:
    """Return judgements in an order that does not depend on how they came."""
    return tuple(sorted(judgements, key=repr))


def failed(judgement: Judgement) -> bool:
    """Tell whether this is a check that has failed."""
    return judgement.passed is False and not judgement.is_feedback
