"""The public checks: of a value that the application has judged, and of texts that are judged here."""

from __future__ import annotations

import math
from time import time_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from otel_sessions import _diagnostics
from otel_sessions._context.log_values import text_of
from otel_sessions._session.check_names import CODE, FEEDBACK, HUMAN, LLM
from otel_sessions._session.fields import clean_id, clean_text

from .evaluations import Check, Judging, is_off, record
from .handles import REMEDY
from .judgements import FAIL, PASS, TIMEOUT, Verdict, judged_equals, judged_includes, judged_json, undecided

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping

    from .handles import Judged
    from .judgements import Text

_MAX_EXPLANATION = 8192
_NAMELESS = "check"
_OTHER = "_OTHER"  # of the conventions, where no error has a name

_CURRENT: Final[Mapping[str, str]] = MappingProxyType({})
"""What was judged is what is current: it is not ``None``, which a look-up may have returned that found no handle."""

_NOT_FOUND = "None was given, so nothing is recorded; leave it out for what is current, or"
_REMEDY = "the extra `checks` is not installed: pip install 'otel-sessions[checks]'"


def check(  # noqa: PLR0913  # what a judgement holds
    name: str,
    *,
    passed: bool | None = None,
    score: float | None = None,
    label: str | None = None,
    explanation: str | None = None,
    response_id: str | None = None,
    session: Judged = None,
    annotator: str = "code",
) -> Check:
    """Record what the application has found out about an answer, a turn or a session, and return it.

    ::

        check("correct", passed=answer == expected, response_id=completion.id)
        check("tone", score=0.8, explanation="polite", annotator="llm")

    It is recorded as an event, ``gen_ai.evaluation.result``, and as a span of kind ``EVALUATOR``. Never raises;
    what can't be used is left out, with a warning. Where nothing of it is left, nothing is recorded.

    Args:
        name: What was judged, at most 200 characters.
        passed: Whether it is good; where no score or label is given, those are 1.0 and ``pass``, or 0.0 and ``fail``.
        score: How good it is: a finite number.
        label: The same in a word.
        explanation: Why; at most 8192 characters. It is recorded as it is given.
        response_id: Which answer of a model was judged.
        session: What was judged: a turn, itself, by its handle or by a carrier of `to_carrier`; or a whole session, as
            a `Session` or by its id. ``None`` is the current span, and where there is none the current session.
        annotator: Who has judged: ``code``, ``llm`` or ``human``.
    """
    found = _found(name, passed, score, label, explanation, response_id)
    return _recorded(found, session, Judging(_annotator(annotator)))


def feedback(  # noqa: PLR0913  # as above
    name: str,
    *,
    score: float | None = None,
    passed: bool | None = None,
    label: str | None = None,
    explanation: str | None = None,
    session: Judged = _CURRENT,
    response_id: str | None = None,
) -> Check:
    """Record what a person says of an answer, a turn or a session, and return it.

    ::

        with turn("reply", input=question) as t:
            ...
        store(message_id, t.handle)

        feedback("helpful", passed=False, explanation=comment, session=load(message_id))  # another day

    As `check`, by a person. The span of it stands at the time of the turn, so that this does not become days
    long; the event has the time of now.

    A handle is given on purpose, so it counts also where callers are not trusted. One that went through a browser
    is worth as much as the browser: keep it on the server, and hand out an id of your own.

    Args:
        name: What was judged, such as ``helpful``.
        score: How good it is: a finite number.
        passed: A thumb up or down.
        label: The same in a word.
        explanation: What the person says about it. It is recorded as it is given.
        session: As in `check`, but leave it out for what is current: ``None`` is a handle that was not found, with
            which nothing is recorded, and a warning.
        response_id: Which answer of a model was judged.
    """
    found = _found(name, passed, score, label, explanation, response_id)
    if session is None:
        _diagnostics.warn_caller("session None", "session: %s %s", _NOT_FOUND, REMEDY)
        return found
    return _recorded(found, None if session is _CURRENT else session, Judging(HUMAN, FEEDBACK))


def check_json(
    text: Text,
    *,
    schema: Mapping[str, Any] | bool | str | None = None,
    name: str = "json",
    response_id: str | None = None,
    session: Judged = None,
) -> Check:
    """Check that ``text`` is JSON (RFC 8259), and as a JSON Schema asks.

    ::

        if not check_json(answer, schema={"type": "object", "required": ["city"]}):
            ...

    The explanation tells a position or a path, and nothing of the text. The schema needs the extra ``checks``;
    nothing is fetched for it, and it has half a second, and a new schema two seconds to be found one. Where that or
    the schema itself is the trouble, ``passed`` is ``None``, and the label ``timeout`` or ``error``.

    Args:
        text: A text, or bytes of UTF-8.
        schema: A mapping, a bool, or a JSON text; without ``$schema`` of draft 2020-12.
        name: As all that follows, as in `check`.
        response_id: Which answer of a model it is.
        session: What was judged.
    """
    judge = (lambda: judged_json(text)) if schema is None else (lambda: _judged_by_schema(text, schema))
    return _judged(judge, name, response_id, session)


def check_regex(
    text: Text,
    pattern: str | re.Pattern[str],
    *,
    name: str = "regex",
    response_id: str | None = None,
    session: Judged = None,
) -> Check:
    r"""Check that ``pattern`` is found somewhere in ``text``; anchor it with ``^`` and ``\Z`` for all of the text.

    It needs the extra ``checks``. The search has a quarter of a second of processor time, in which other threads go
    on: after that ``passed`` is ``None``, and the label ``timeout``. For a pattern that is wrong, longer than 10,000
    characters, or so large when its repetitions are written out that it would take much memory, it is ``error``.

    Args:
        text: A text, or bytes of UTF-8.
        pattern: A text in the syntax of ``re`` and of the library ``regex``, or a compiled one of ``re``.
        name: As all that follows, as in `check`.
        response_id: Which answer of a model it is.
        session: What was judged.
    """
    return _judged(lambda: _judged_by_pattern(text, pattern), name, response_id, session)


def check_includes(  # noqa: PLR0913  # as above
    text: Text,
    part: Text | Iterable[Text],
    *,
    case_sensitive: bool = True,
    name: str = "includes",
    response_id: str | None = None,
    session: Judged = None,
) -> Check:
    """Check that ``part`` is in ``text``: of a list, tuple or set every one.

    Args:
        text: A text, or bytes of UTF-8.
        part: A text, or several.
        case_sensitive: Whether upper and lower case are different.
        name: As all that follows, as in `check`.
        response_id: Which answer of a model it is.
        session: What was judged.
    """
    return _judged(lambda: judged_includes(text, part, case_sensitive=case_sensitive), name, response_id, session)


def check_equals(
    text: object,
    expected: object,
    *,
    name: str = "equals",
    response_id: str | None = None,
    session: Judged = None,
) -> Check:
    """Check that ``text`` is equal to ``expected``, as ``==`` says; it may be any value.

    Args:
        text: What was found.
        expected: What it should be.
        name: As all that follows, as in `check`.
        response_id: Which answer of a model it is.
        session: What was judged.
    """
    return _judged(lambda: judged_equals(text, expected), name, response_id, session)


def _judged(judge: Callable[[], Verdict], name: object, response_id: object, session: Judged) -> Check:
    started = time_ns()
    try:
        verdict = judge()
    except ImportError:
        _diagnostics.warn_caller("no extra", "check: %s", _REMEDY)
        verdict = undecided(_REMEDY)
    except Exception as error:  # noqa: BLE001  # code of what is judged, and of libraries
        verdict = undecided(f"judging raised {type(error).__name__}")
    found = _found(name, verdict.passed, None, verdict.label, verdict.explanation, response_id)
    return _recorded(found, session, Judging(CODE, started=started, error=_error_of(verdict)))


def _error_of(verdict: Verdict) -> str | None:
    if verdict.passed is not None:
        return None
    return TIMEOUT if verdict.label == TIMEOUT else _OTHER


def _judged_by_schema(text: object, schema: object) -> Verdict:
    from .json_schemas import judged_by_schema  # noqa: PLC0415  # seldom needed

    return judged_by_schema(text, schema)


def _judged_by_pattern(text: object, pattern: object) -> Verdict:
    from .patterns import judged_regex  # noqa: PLC0415

    return judged_regex(text, pattern)


def _found(  # noqa: PLR0913, PLR0917  # as above
    name: object, passed: object, score: object, label: object, explanation: object, response_id: object
) -> Check:
    """Return what was given as a `Check`, without what can't be used."""
    verdict, number = _verdict(passed), _number(score)
    word = _cleaned("label", label, clean_text)
    if verdict is not None:
        number = float(verdict) if number is None else number
        word = (PASS if verdict else FAIL) if word is None else word
    return Check(
        _text_or_none(clean_text("name", name)) or _NAMELESS,
        verdict,
        number,
        word,
        None if explanation is None else text_of(explanation, _MAX_EXPLANATION),
        _cleaned("response_id", response_id, clean_id),
    )


def _cleaned(argument: str, value: object, cleaner: Callable[[str, object], object]) -> str | None:
    return None if value is None else _text_or_none(cleaner(argument, value))


def _text_or_none(cleaned: object) -> str | None:
    return cleaned if isinstance(cleaned, str) else None


def _verdict(passed: object) -> bool | None:
    """Return ``passed`` as a bool; a number of another library that is equal to one counts."""
    if passed is None:
        return None
    try:
        if passed in (True, False):
            return bool(passed)
    except Exception:  # noqa: BLE001, S110  # code of the value; it is complained about below
        pass
    _complain("passed", passed, "a bool")
    return None


def _number(score: object) -> float | None:
    """Return ``score`` as a finite number."""
    if score is None:
        return None
    try:
        number = math.nan if isinstance(score, (str, bytes, bytearray)) else float(score)  # type: ignore[arg-type]  # tried
    except Exception:  # noqa: BLE001  # as above
        number = math.nan
    if math.isfinite(number):
        return number
    _complain("score", score, "a finite number")
    return None


def _annotator(given: object) -> str:
    kind = given.strip().upper() if isinstance(given, str) else None
    if kind in (CODE, LLM, HUMAN):
        return kind
    _complain("annotator", given, "one of code, llm, human")
    return CODE


def _recorded(found: Check, judged: Judged, judging: Judging) -> Check:
    try:
        if is_off():
            return found
        if found.passed is None and found.score is None and found.label is None and found.explanation is None:
            _diagnostics.warn_caller("nothing", "check: nothing was found out, so nothing is recorded; pass passed=")
            return found
        record(found, judged, judging)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _diagnostics.warn_caller("check", "check: recording it raised %s", type(error).__name__)
    return found


def _complain(argument: str, value: object, expected: str) -> None:
    found = type(value).__name__
    message = "%s: expected %s and got something else (%s), so it is left out"
    _diagnostics.warn_caller(f"{argument} {found}", message, argument, expected, found)
