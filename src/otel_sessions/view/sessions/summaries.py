"""What is known of a trace, of its part in a session, and of a session. Times are unix time in ns."""

from __future__ import annotations

from typing import NamedTuple

from otel_sessions.view.shapes.facts import NO_TOKENS, Judgement, Tokens


class Candidate(NamedTuple):
    """What may be a turn of its session: one exchange, as one trace shows it.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes.
        path: ``session.path`` of it.
        input, output: The words, cut at 4,096 characters; empty for none recorded.
        is_marked: Whether we have marked it as a turn.
        is_agent: Whether it has no words, and is an outermost agent's or model's span.
        ended_early: Whether its parent never came.
        errors: Errors in it, each once.
        joined: The other traces that are part of it, in a session's turns.
    """

    trace_id: bytes
    span_id: bytes
    name: str
    path: str
    start: int
    end: int
    input: str
    output: str
    is_marked: bool
    is_agent: bool
    ended_early: bool
    errors: int
    tokens: Tokens
    cost: float | None
    failed_checks: int
    joined: tuple[bytes, ...] = ()


class PathSum(NamedTuple):
    """A branch of the workflow, with all below it.

    Attributes:
        path: As ``session.path`` has it: ``/outline/lesson-1``; ``/`` is all.
        duration: In how much time any span of it was open, in ns, summed over the traces.
    """

    path: str
    spans: int
    duration: int
    tokens: Tokens


class Part(NamedTuple):
    """What of one trace is in one session, or in none: each span of the trace is in one part.

    Attributes:
        session_id: ``None`` for the spans without one.
        session_key: The attribute that names it, the best of the part.
        spans: How many.
        llm_spans: How many of them are calls of a model.
        errors: Each once, though ancestors repeat it.
        tokens: Each once, though ancestors repeat their sum.
        cost: In USD; ``None`` where no span has one.
        cost_complete: Whether each call of a model has one.
        names, users, services, models: In order of the alphabet, each once.
        end: The last end.
        judgements: Checks and feedback.
        displaced: Session ids that were displaced on its spans.
        candidates: In order of their start.
        paths: Of each branch of the workflow; none where no span has a path.
    """

    session_id: str | None
    session_key: str
    spans: int
    llm_spans: int
    errors: int
    failed_checks: int
    feedback: int
    tokens: Tokens
    cost: float | None
    cost_complete: bool
    start: int
    end: int
    names: tuple[str, ...]
    users: tuple[str, ...]
    services: tuple[str, ...]
    models: tuple[str, ...]
    previous_id: str
    displaced: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    candidates: tuple[Candidate, ...]
    paths: tuple[PathSum, ...] = ()


class Uncovered(NamedTuple):
    """Spans without a session.

    Attributes:
        cause: A stable code, see `causes`.
    """

    service: str
    scope: str
    cause: str
    spans: int
    llm_spans: int


class TraceSummary(NamedTuple):
    """One trace, with all that is known of it now.

    Attributes:
        parts: One for each session that its spans are in, and one for those in none; by session id, none last.
        torn: The sessions that its spans name by ``session.id``, where there are two or more; else empty.
        uncovered: By service, scope and cause.
    """

    parts: tuple[Part, ...]
    torn: tuple[str, ...]
    uncovered: tuple[Uncovered, ...]


class SessionSummary(NamedTuple):
    """One session, over all its traces.

    Attributes:
        turns: In order of their start; candidates that belong to one exchange are one.
        traces: How many traces have a part in it.
        latency: The 95th percentile of the durations of its turns, in ns; ``None`` without turns.
        torn: Whether one of its traces is torn.
        paths: Of each branch of the workflow, a branch before those below it; none where no span has a path.
    """

    id: str
    key: str
    name: str
    users: tuple[str, ...]
    services: tuple[str, ...]
    models: tuple[str, ...]
    turns: tuple[Candidate, ...]
    traces: int
    spans: int
    llm_spans: int
    errors: int
    failed_checks: int
    feedback: int
    cost: float | None
    cost_complete: bool
    latency: int | None
    torn: bool
    start: int
    end: int
    previous_id: str
    tokens: Tokens = NO_TOKENS
    paths: tuple[PathSum, ...] = ()
