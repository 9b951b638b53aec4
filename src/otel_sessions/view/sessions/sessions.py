"""All that is known of a session, from its parts in its traces."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .joining import turns_of
from .judged import failed, known_by
from .paths import paths_of
from .summaries import Part, SessionSummary
from .sums import dollars, p95, pico_dollars, sum_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_sessions.view.shapes.facts import Judgement


def session_of(session_id: str, parts: Sequence[tuple[bytes, Part, bool]]) -> SessionSummary:
    """Return all that is known of a session; the same for the same parts, in whatever order.

    Args:
        session_id: Its id.
        parts: Trace id, what of it is in the session, and whether the trace is torn, of each of its traces, at least one.
    """
    every = sorted(parts, key=lambda each: (each[1].start, each[0]))
    found = [part for _, part, _ in every]
    # Each field of this one has those of all parts: that is quicker than to go through the parts for each field.
    of: Any = Part._make(zip(*found, strict=True))
    turns = turns_of([(trace_id, part) for trace_id, part, _ in every if part.spans])
    judgements = _each_once(found) if any(of.judgements) else ()
    return SessionSummary(
        session_id,
        _BEST_KEY if _BEST_KEY in of.session_key else min(of.session_key),
        _last_name(every) if any(of.names) else "",
        _union(of.users),
        _union(of.services),
        _union(of.models),
        turns,
        len(found) - of.spans.count(0),
        sum(of.spans),
        sum(of.llm_spans),
        sum(of.errors),
        sum(map(failed, judgements)),
        sum(each.is_feedback for each in judgements),
        dollars([pico_dollars(cost) for cost in of.cost if cost is not None]),
        all(of.cost_complete),
        p95([turn.end - turn.start for turn in turns]),
        any(torn for _, _, torn in every),
        min(of.start),
        max(of.end),
        next(filter(None, of.previous_id), ""),
        sum_of(of.tokens),
        paths_of(found) if any(of.paths) else (),
    )


_BEST_KEY = "session.id"


def _last_name(parts: Sequence[tuple[bytes, Part, bool]]) -> str:
    return max((part.end, trace_id, part.names[0]) for trace_id, part, _ in parts if part.names)[2]


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


def _union(texts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the texts of all parts in the order of the alphabet, each once; mostly each part has the same ones."""
    first = texts[0]
    return first if texts.count(first) == len(texts) else tuple(sorted({text for each in texts for text in each}))
