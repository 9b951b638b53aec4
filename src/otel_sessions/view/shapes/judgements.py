"""Checks, evaluations and feedback, as attributes of a span or as an event."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

from otel_sessions._session import check_names

from .facts import Judgement
from .ids import encodable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .raw import Value

MOST = 64
"""Most judgements that are read of one span."""

MAX_LENGTH = 8192
"""Longest name, label or explanation, in characters."""

_ANNOTATION = re.compile(
    r"(trace|session|span)\.(?:annotations|evaluations)\.(\d{1,4})\.(?:annotation|evaluation)\.(\w{1,40})", re.ASCII
)
_PASSED = {
    **dict.fromkeys(("pass", "passed", "true", "correct"), True),
    **dict.fromkeys(("fail", "failed", "false", "incorrect"), False),
}
_SESSION = "session"
_LONGEST = 65_536


def judgements_of(attributes: Mapping[str, Value]) -> tuple[Judgement, ...]:
    """Return what the attributes of a span say: annotations of OpenInference, else those of the event, which we write beside them."""
    found: dict[tuple[str, str], dict[str, Value]] = {}
    for key, value in attributes.items():
        match = _ANNOTATION.fullmatch(key)
        if match:
            found.setdefault((match[1], match[2]), {})[match[3]] = value
    if not found:
        event = judgement_of_event(attributes, of_session=False)
        return () if event is None else (event,)
    said = _said_passed(attributes)
    ordered = sorted(found.items(), key=lambda item: (item[0][0], int(item[0][1])))[:MOST]
    return tuple(_judgement(fields, of == _SESSION, said) for (of, _), fields in ordered)


def judgement_of_event(attributes: Mapping[str, Value], *, of_session: bool) -> Judgement | None:
    """Return what an event ``gen_ai.evaluation.result`` says; ``None`` where it has no name."""
    fields = {
        "name": attributes.get(check_names.NAME),
        "score": attributes.get(check_names.SCORE),
        "label": attributes.get(check_names.LABEL),
        "explanation": attributes.get(check_names.EXPLANATION),
        "annotator_kind": attributes.get(check_names.ANNOTATOR),
    }
    return _judgement(fields, of_session, None) if _text(fields["name"]) else None


def _judgement(fields: Mapping[str, Value], of_session: bool, said: bool | None) -> Judgement:
    score, label = _score(fields.get("score")), _text(fields.get("label"))
    return Judgement(
        _text(fields.get("name")),
        _passed(label, score) if said is None else said,
        score,
        label,
        _text(fields.get("explanation")),
        _text(fields.get("annotator_kind")).upper() == check_names.HUMAN,
        of_session,
    )


def _passed(label: str, score: float | None) -> bool | None:
    """Return whether it has passed: by the label, else by a score that is all or nothing."""
    word = label.strip().lower()
    if word in _PASSED:
        return _PASSED[word]
    if word or score is None:
        return None
    return {1.0: True, 0.0: False}.get(score)


def _said_passed(attributes: Mapping[str, Value]) -> bool | None:
    """Return what our span of a check says beside its score and its label, which may be anything."""
    text = attributes.get("output.value")
    if not isinstance(text, str) or not text.startswith('{"passed": ') or len(text) > _LONGEST:
        return None
    try:
        passed = json.loads(text)["passed"]
    except (ValueError, RecursionError):
        return None
    return passed if isinstance(passed, bool) else None


def _score(value: Value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    score = float(value)  # of 64 bits at most
    return score if math.isfinite(score) else None


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return encodable(value[:MAX_LENGTH]) if isinstance(value, str) else ""
