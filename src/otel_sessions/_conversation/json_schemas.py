"""Judges JSON by a JSON Schema in bounded time, by the library ``jsonschema`` (of the extra ``checks``). Pure.

Nothing is fetched: a ``$ref`` to elsewhere can't be resolved. Patterns are searched as in `patterns`, ``uniqueItems``
takes time by the number of items and not by its square, and everything together has a deadline.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import cache, lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from .judgements import PASSED, TIMEOUT, UnreadableError, Verdict, failed, parsed_json, undecided
from .patterns import SECONDS as PATTERN_SECONDS
from .patterns import UnusablePatternError, compiled_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[Exception] | None]

SECONDS = 0.5
"""How long it may take to judge by a schema, after the text was read."""

SCHEMA_SECONDS = 2.0
"""How long it may take to find out whether a schema is one; once for each, as long as it is remembered."""

_MAX_LENGTH = 1_000_000
"""Longest schema, in characters of JSON."""

_NONE: Any = None  # not to be taken for "not given", where it warns

_FACTORS = ("multipleOf", "divisibleBy")  # the latter of draft 3

_deadline: ContextVar[float] = ContextVar("otel_sessions_deadline")


class _TooLongError(Exception):
    """The deadline has passed."""


class _UnusableSchemaError(Exception):
    """The schema can't be used; the message says why."""


def judged_by_schema(text: object, schema: object) -> Verdict:
    """Judge whether ``text`` is JSON, and as ``schema`` says. Raises `ImportError` where the library is not there.

    Args:
        text: A text, or bytes of UTF-8.
        schema: A JSON Schema: a mapping, a bool, or a JSON text of one. Without ``$schema`` it is of draft 2020-12.
    """
    import jsonschema  # noqa: F401, PLC0415  # of an extra; missing, it is missed whatever the text is

    try:
        value = parsed_json(text)
    except UnreadableError as error:
        return failed(f"no JSON: {error}")
    try:
        return _judged(value, _source_of(schema))
    except _TooLongError:
        return undecided("to judge by the schema takes too long, and was given up", TIMEOUT)
    except RecursionError:
        return undecided("the text, or the schema, is nested too deeply")
    except (_UnusableSchemaError, UnusablePatternError) as error:
        return undecided(f"schema: {error}")


def _judged(value: object, source: str) -> Verdict:
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    with _within(SCHEMA_SECONDS):
        validator = _validator_of(source)
    try:
        with _within(SECONDS):
            found = next(validator.iter_errors(value), None)
    except Unresolvable:
        message = "a $ref in it leads nowhere; nothing is fetched"
        raise _UnusableSchemaError(message) from None
    return PASSED if found is None else failed(f"{_place_of(found)} does not fit the schema{_rule_of(found)}")


def _source_of(schema: object) -> str:
    """Return ``schema`` as the JSON that it is, so that nobody changes it."""
    try:
        known = parsed_json(schema) if isinstance(schema, (str, bytes, bytearray)) else schema
        source = json.dumps(known, allow_nan=False)
    except (UnreadableError, TypeError, ValueError) as error:
        message = str(error) if isinstance(error, UnreadableError) else "it holds what JSON can't"
        raise _UnusableSchemaError(message) from None
    if len(source) > _MAX_LENGTH:
        message = f"it is longer than {_MAX_LENGTH} characters"
        raise _UnusableSchemaError(message)
    if '"unevaluatedProperties"' in source and '"patternProperties"' in source:
        # The library searches those patterns itself, for as long as it takes.
        message = "unevaluatedProperties beside patternProperties can't be judged in bounded time"
        raise _UnusableSchemaError(message)
    return source


@lru_cache(maxsize=32)
def _validator_of(source: str) -> Any:  # noqa: ANN401  # a class of the library, made by it
    """Return what validates by the schema ``source``, once it was found to be one."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    schema = json.loads(source)
    dialect = _dialect_of(schema)
    bounded = _bounded(dialect)
    # As by its check_schema, which nothing bounds.
    error = next(bounded(dialect.META_SCHEMA, registry=REGISTRY).iter_errors(schema), None)
    if error is not None:
        message = f"{error.json_path} in it does not fit its dialect: {error.validator}"
        raise _UnusableSchemaError(message)
    return bounded(schema, registry=Registry())


def _dialect_of(schema: object) -> Any:  # noqa: ANN401  # as above
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415

    if not isinstance(schema, (dict, bool)):
        message = f"expected an object or a bool and got {type(schema).__name__}"
        raise _UnusableSchemaError(message)
    name = schema.get("$schema") if isinstance(schema, dict) else None
    if name is None:
        return Draft202012Validator
    dialect = validators.validator_for({"$schema": name}, default=_NONE) if isinstance(name, str) else None
    if dialect is None:
        message = "its $schema is no dialect that is known"
        raise _UnusableSchemaError(message)
    return dialect


@cache
def _bounded(dialect: Any) -> Any:  # noqa: ANN401  # as above
    """Return ``dialect`` with a deadline, and with what it lets run without bound in bounded time."""
    from jsonschema import validators  # noqa: PLC0415

    own: dict[str, Any] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    own.update({name: _exact(dialect.VALIDATORS[name]) for name in _FACTORS if name in dialect.VALIDATORS})
    keywords = {name: _timed(own.get(name, keyword)) for name, keyword in dialect.VALIDATORS.items()}
    return _kept_bounded(validators.extend(dialect, keywords))


def _kept_bounded(bounded: Any) -> Any:  # noqa: ANN401  # as above
    """Let ``bounded`` pass its bounds on to all that is below.

    For a schema with a ``$schema`` of its own, as the root has one for a ``$ref`` to it, the library takes the
    validator that it has itself; and of a schema without keywords none of them asks for the time.
    """
    evolve, descend = bounded.evolve, bounded.descend

    def evolved(self: Any, **changes: Any) -> Any:  # noqa: ANN401
        _seconds_left()
        found = evolve(self, **changes)
        kind: Any = type(found)
        if kind is bounded:
            return found
        return _bounded(kind)(found.schema, registry=found._registry, _resolver=found._resolver)  # noqa: SLF001

    def descended(self: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401
        _seconds_left()
        return descend(self, *args, **named)

    bounded.evolve, bounded.descend = evolved, descended
    return bounded


def _timed(keyword: Keyword) -> Keyword:
    def timed(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Exception] | None:  # noqa: ANN401
        _seconds_left()
        return keyword(validator, value, instance, schema)

    return timed


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    token = _deadline.set(monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def _seconds_left() -> float:
    left = _deadline.get() - monotonic()
    if left <= 0:
        raise _TooLongError
    return left


def _is_found(pattern: str, text: str) -> bool:
    try:
        seconds = min(_seconds_left(), PATTERN_SECONDS)
        return compiled_pattern(pattern).search(text, timeout=seconds, concurrent=True) is not None
    except TimeoutError:
        raise _TooLongError from None


def _pattern(validator: Any, pattern: str, instance: Any, _schema: object) -> Iterator[Exception]:  # noqa: ANN401
    if validator.is_type(instance, "string") and not _is_found(pattern, instance):
        yield _error()


def _pattern_properties(
    validator: Any,  # noqa: ANN401
    patterns: Mapping[str, Any],
    instance: Any,  # noqa: ANN401
    _schema: object,
) -> Iterator[Exception]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, below in patterns.items():
        for name, value in instance.items():
            if _is_found(pattern, name):
                yield from validator.descend(value, below, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any,  # noqa: ANN401
    below: Any,  # noqa: ANN401
    instance: Any,  # noqa: ANN401
    schema: Mapping[str, Any],
) -> Iterator[Exception]:
    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in schema.get("properties", {}) or any(_is_found(pattern, name) for pattern in patterns):
            continue
        if below is False:
            yield _error()
        else:
            yield from validator.descend(value, below, path=name)


def _unique_items(validator: Any, is_asked: object, instance: Any, _schema: object) -> Iterator[Exception]:  # noqa: ANN401
    if not (is_asked and validator.is_type(instance, "array")):
        return
    seen: set[object] = set()
    for item in instance:
        _seconds_left()  # numbers may be chosen such that their hashes are equal
        seen.add(_hashable(item))
    if len(seen) < len(instance):
        yield _error()


def _exact(keyword: Keyword) -> Keyword:
    """Return ``keyword``, of a factor, such that it also judges numbers that are too large for a float."""

    def exact(validator: Any, factor: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Exception]:  # noqa: ANN401
        try:
            yield from keyword(validator, factor, instance, schema) or ()
        except OverflowError:
            if not _is_multiple(instance, factor):
                yield _error()

    return exact


def _is_multiple(number: float, factor: float) -> bool:
    try:
        return (Fraction(number) / Fraction(factor)).denominator == 1
    except OverflowError:  # infinite, as 1e999 is read
        return False


def _hashable(value: Any) -> object:  # noqa: ANN401  # what JSON may hold
    """Return what is equal where JSON values are: ``1`` and ``1.0``, but not ``true``."""
    if isinstance(value, dict):
        return "object", frozenset((name, _hashable(item)) for name, item in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_hashable, value))
    return (value,) if isinstance(value, bool) else value


def _error() -> Any:  # noqa: ANN401  # of the library, which is not typed everywhere
    from jsonschema import ValidationError  # noqa: PLC0415

    return ValidationError("")


def _place_of(error: Any) -> str:  # noqa: ANN401  # an error of the library
    """Return where the ``error`` is, with those names alone that the schema has."""
    known = set(error.absolute_schema_path)
    steps = (
        f"[{step}]" if isinstance(step, int) else f".{step if step in known else '*'}" for step in error.absolute_path
    )
    return "$" + "".join(steps)


def _rule_of(error: Any) -> str:  # noqa: ANN401  # as above
    return f": {error.validator}" if error.validator else ""
