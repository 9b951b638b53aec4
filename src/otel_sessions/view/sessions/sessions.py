"""All that is known of a session, from its parts in its traces."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .joining import turns_of
from .judged import failed, known_by
from .paths import paths_of
from .summaries import SessionSummary
from .sums import dollars, p95, pico_dollars, sum_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_sessions.view.shapes.facts import Judgement

    from .summaries import Part


def session_of(session_id: str, parts: Sequence[tuple[bytes, Part, bool]]) -> SessionSummary:
    """Return all that is known of a session; the same for the same parts, in whatever order.

    Args:
        session_id: Its id.
        parts: Trace id, what of it is in the session, and whether the trace is torn, of each of its traces, at least one.
    """
    every = sorted(parts, key=lambda each: (each[1].start, each[0]))
    found = [part for _, part, _ in every]
    turns = turns_of((trace_id, part) for trace_id, part, _ in every if part.spans)
    judgements = _each_once(found)
    return SessionSummary(
        session_id,
        min((part.session_key for part in found), key=lambda key: (key != "session.id", key)),
        max(((part.end, trace_id, part.names[0]) for trace_id, part, _ in every if part.names), default=(0, b"", ""))[
            2
        ],
        _union(part.users for part in found),
        _union(part.services for part in found),
        _union(part.models for part in found),
        turns,
        sum(part.spans > 0 for part in found),
        sum(part.spans for part in found),
        sum(part.llm_spans for part in found),
        sum(part.errors for part in found),
        sum(map(failed, judgements)),
        sum(each.is_feedback for each in judgements),
        dollars(pico_dollars(part.cost) for part in found if part.cost is not None),
        all(part.cost_complete for part in found),
        p95([turn.end - turn.start for turn in turns]),
        any(torn for _, _, torn in every),
        min(part.start for part in found),
        max(part.end for part in found),
        next((part.previous_id for part in found if part.previous_id), ""),
        sum_of(part.tokens for part in found),
        paths_of(found),
    )


def _each_once(parts: Sequence[Part]) -> list[Judgement]:
    """Return all judgements; one of the session that a record tells outside of any trace, and a span in one, is one."""
    found = [each for part in parts if part.spans for each in part.judgements]
    told = Counter(known_by(each) for each in found if each.of_session)
    for judgement in (each for part in parts if not part.spans for each in part.judgements):
        key = known_by(judgement)
        told[key] -= 1
        if told[key] < 0 or not judgement.of_session:
            found.append(judgement)
    return found


def _union(texts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({text for each in texts for text in each}))
