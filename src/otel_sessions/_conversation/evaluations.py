"""A judgement as a value, and as OpenTelemetry records it: an event, and a span that backends without events show.

GenAI semantic conventions, "Events", ``gen_ai.evaluation.result`` (Development), and OpenInference,
"Semantic Conventions", ``trace.annotations`` and ``session.annotations``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, get_current_span, set_span_in_context

from otel_sessions._context.entry import context_with, get_current, settled
from otel_sessions._context.providers import PROVIDERS
from otel_sessions._context.records import Draft, is_quiet, write
from otel_sessions._context.resolution import state_in
from otel_sessions._context.state import CLEARED
from otel_sessions._context.unstamped import look_at
from otel_sessions._session.check_names import (
    ANNOTATION_SCOPE,
    ANNOTATOR,
    CODE,
    ERROR_TYPE,
    EVENT,
    EXPLANATION,
    IDENTIFIER,
    LABEL,
    NAME,
    RESPONSE_ID,
    SCORE,
)

from .handles import NOTHING_FOUND, Target, is_below, target_of
from .turn_order import ORDER

if TYPE_CHECKING:
    from otel_sessions._context.state import State

_TRACE, _SESSION = "trace", "session"


@dataclass(frozen=True, slots=True)
class Check:
    """A judgement of an answer, a turn or a session; true where it has passed.

    Attributes:
        name: What was judged ("correct", "json").
        passed: Whether it is good, ``None`` where nobody has said so, or nobody can.
        score: How good it is; 1.0 and 0.0 for passed and not, where nothing else was given.
        label: The same in a word: ``pass``, ``fail``, ``error``, ``timeout``, or one of your own.
        explanation: Why.
        response_id: Which answer of a model was judged, as ``gen_ai.response.id``.
    """

    name: str
    passed: bool | None = None
    score: float | None = None
    label: str | None = None
    explanation: str | None = None
    response_id: str | None = None

    def __bool__(self) -> bool:
        """Tell whether it has passed; what could not be judged has not."""
        return self.passed is True


@dataclass(frozen=True, slots=True)
class Judging:
    """How a judgement came about.

    Attributes:
        annotator: Who has judged: `CODE`, `LLM` or `HUMAN`.
        identifier: See `IDENTIFIER`; ``None`` for none.
        started: When it began, unix time in ns; ``None`` is now.
        error: See `ERROR_TYPE`; ``None`` where it came to an end.
    """

    annotator: str = CODE
    identifier: str | None = None
    started: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a judgement belongs.

    Attributes:
        state: The session of what was judged, ``None`` for none.
        judged: Whose span the event is of.
        parent: What the span of the judgement is below.
        prefix: Of what it is an annotation in OpenInference: ``trace`` or ``session``.
        at: When, where that is not now: unix time in ns.
        is_below: What was judged is not the root of its trace.
    """

    state: State | None
    judged: Context
    parent: Context
    prefix: str
    at: int | None = None
    is_below: bool = False

    @property
    def is_apart(self) -> bool:
        """Whether the span would be a trace of its session by itself: backends show that as a turn, in which nothing is said."""
        has_trace = get_current_span(self.parent).get_span_context().is_valid
        return not has_trace and self.state is not None and self.state.session.id is not None


def is_off() -> bool:
    """Tell whether nothing is recorded here."""
    return is_quiet(get_current())


def record(check: Check, judged: object, judging: Judging) -> None:
    """Write ``check`` as an event and as a span.

    Args:
        check: What came out.
        judged: What was judged: see `Judged`; ``None`` is the current span, and else the current session.
        judging: How.
    """
    context = settled()
    outer = state_in(context)
    target = target_of(judged, outer)
    place = _place_of(target, outer, context)
    told = _told_by(check, judging)
    is_told = False
    try:
        write(Draft(EVENT, attributes={**told, **_marks_of(judging, place)}), place.state, place.judged)
        is_told = PROVIDERS.takes_logs()
    finally:  # where logs are broken, traces may not be
        if not (target is NOTHING_FOUND or (is_told and place.is_apart)):
            _write_span(
                check, {**told, **_annotation_of(check, judging.annotator, place.prefix)}, place, judging.started
            )


def _place_of(target: Target | None, outer: State | None, context: Context) -> _Place:
    here = Target(outer or CLEARED, get_current_span(context), is_below=is_below(get_current_span(context)))
    if target is not None and target.has_span:
        return _Place(target.state, target.context, target.context, _TRACE, target.at, target.is_below)
    if target is None and (here.has_span or here.session_id is None):
        return _Place(outer, context, context, _TRACE, None, here.is_below)
    return _of_session(target or here, here, context)


def _of_session(target: Target, here: Target, context: Context) -> _Place:
    """Return where a judgement of a whole session belongs: the span of it below one that is there already.

    That is the one at hand, where it is of the session, else its last turn, as far as that is known in this process.
    """
    last = None if target.session_id is None else ORDER.last_of(target.session_id)
    if here.has_span and here.session_id is not None and here.session_id == target.session_id:
        base, at = context, None
    elif last is not None:
        base, at = set_span_in_context(NonRecordingSpan(last.context), Context()), last.at
    else:
        base, at = Context(), None
    return _Place(target.state, Context(), context_with(target.state, base), _prefix_of(target), at)


def _prefix_of(target: Target) -> str:
    return _TRACE if target.has_span or target.session_id is None else _SESSION


def _marks_of(judging: Judging, place: _Place) -> dict[str, str]:
    """Return what the event alone tells: for a span OpenInference has other names for it."""
    identifier = {} if judging.identifier is None else {IDENTIFIER: judging.identifier}
    return {ANNOTATOR: judging.annotator, **identifier, **({ANNOTATION_SCOPE: _TRACE} if place.is_below else {})}


def _told_by(check: Check, judging: Judging) -> dict[str, str | float]:
    told = {
        NAME: check.name,
        SCORE: check.score,
        LABEL: check.label,
        EXPLANATION: check.explanation,
        RESPONSE_ID: check.response_id,
        ERROR_TYPE: judging.error,
    }
    return {key: value for key, value in told.items() if value is not None}


def _annotation_of(check: Check, annotator: str, prefix: str) -> dict[str, str | float]:
    """Return what OpenInference has for the same, and what shows in a list of spans."""
    told = {
        "name": check.name,
        "score": check.score,
        "label": check.label,
        "explanation": check.explanation,
        "annotator_kind": annotator,
    }
    given = {name: value for name, value in told.items() if value is not None}
    return {
        "openinference.span.kind": "EVALUATOR",
        # Of a session its own root span would show it in the chat, as the last answer.
        **(_output_of(check, given) if prefix == _TRACE else {}),
        **{f"{prefix}.annotations.0.annotation.{name}": value for name, value in given.items()},
    }


def _output_of(check: Check, told: dict[str, str | float]) -> dict[str, str]:
    verdict = told if check.passed is None else {"passed": check.passed, **told}
    return {"output.value": json.dumps(verdict, ensure_ascii=False), "output.mime_type": "application/json"}


def _write_span(check: Check, attributes: dict[str, str | float], place: _Place, started: int | None) -> None:
    """Write the span; one of a turn that may be long over stands at the time of that turn, which it does not prolong."""
    start, end = (started, None) if place.at is None else (place.at, place.at)
    span = PROVIDERS.tracer().start_span(f"check {check.name}", place.parent, attributes=attributes, start_time=start)
    look_at(span, place.state)
    span.end(end)
