"""Which attributes of a span say what, by the keys alone: spans of one kind have the same ones, so this is found out once.

An attribute is known by the bytes that it begins with, which have a code. From the codes of all attributes of a span, in
their order, follows its `Outline`, and its `Plan`. So a span is read by one look-up for each attribute, and then only what is
wanted is decoded.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions._session import check_names
from otel_sessions.view.wire.memos import Memo

from . import content_names, names
from .facts import Kind
from .raw import is_usual, prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .names import Name

    Places = tuple[int, ...]

_UNWANTED, _ODD = 0, -1

NOTHINGS = frozenset(text.encode() for text in (*content_names.HIDDEN, "[]", "{}", '""', "null"))
"""What stands in the place of words."""

LONGEST_NOTHING = max(map(len, NOTHINGS))


# Of names with numbers the first ones tell whether there are any; some count from one, since the first was another thing.
_FIRST_MESSAGE = (
    "role",
    "content",
    "content.0",
    "contents.0.message_content.text",
    "tool_calls.0.tool_call.function.name",
)
_FIRST = ("0.message.", "1.message.")
_NUMBERED = {
    "llm.input_messages.<n>.message.*": [f"llm.input_messages.{at}{name}" for at in _FIRST for name in _FIRST_MESSAGE],
    "llm.output_messages.<n>.message.*": [
        f"llm.output_messages.{at}{name}" for at in _FIRST for name in _FIRST_MESSAGE
    ],
    "gen_ai.prompt.<n>.*": ["gen_ai.prompt.0.content", "gen_ai.prompt.0.role"],
    "gen_ai.completion.<n>.*": [
        "gen_ai.completion.0.content",
        "gen_ai.completion.0.role",
        "gen_ai.completion.0.tool_calls.0.name",
    ],
}
_JUDGEMENTS = {
    check_names.NAME,
    *(
        f"{of}.{many}.0.{one}.{field}"
        for of in ("trace", "session", "span")
        for many, one in (("annotations", "annotation"), ("evaluations", "evaluation"))
        for field in ("name", "label", "score")
    ),
}


def _keys(rows: Iterable[Name]) -> tuple[str, ...]:
    return tuple(key for row in rows for key in _NUMBERED.get(row.key, (row.key,)))


# By the fields of `Plan`.
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "sessions": _keys(names.SESSIONS),
    "users": _keys(names.USERS),
    "session_names": _keys(names.SESSION_NAMES),
    "paths": _keys(names.PATHS),
    "previous": _keys(names.PREVIOUS),
    "displaced": _keys(names.DISPLACED),
    "models": _keys(names.MODELS),
    "models_of_calls": _keys(names.MODELS_OF_CALLS),
    "kinds": _keys(names.KINDS),
    "costs": _keys(names.COSTS),
    "errors": _keys(names.ERRORS),
    "error_texts": _keys(names.ERROR_TEXTS),
    "usages": _keys(content_names.USAGES),
    "status_codes": _keys(names.STATUS_CODES),
    "urls": _keys(names.URLS),
    "event_names": (names.EVENT_NAME.key,),
}
_INPUTS, _OUTPUTS = _keys(content_names.INPUTS), _keys(content_names.OUTPUTS)
_TOKENS = tuple(_keys(rows) for rows in content_names.TOKENS.values())
_BY_KEY = {row.key: kind for row, kind in names.KINDS_BY_KEY.items()}
_METHODS = frozenset(_keys(names.METHODS))


def _wanted() -> tuple[str, ...]:
    groups = (*_GROUPS.values(), _INPUTS, _OUTPUTS, *_TOKENS, _BY_KEY, sorted(_METHODS), sorted(_JUDGEMENTS))
    return tuple(dict.fromkeys(key for group in groups for key in group))


WANTED = _wanted()
"""All keys that are looked for; the code of one is its place, counted from 1."""

_CODES = {prefix_of(key): code for code, key in enumerate(WANTED, 1)}


def _code_of(prefix: bytes) -> int:
    return _CODES.get(prefix, _UNWANTED if is_usual(prefix) else _ODD)


CODES: Memo[bytes, int] = Memo(_code_of)
"""The code of an attribute by what it begins with: see `raw.prefix_of`."""


class Plan(NamedTuple):
    """Where in the attributes of a span stands what is wanted, in the order of the table. Places count from 0.

    Attributes:
        tokens: For each field of `Tokens` that is there, its number and its places.
        inputs, outputs: Places, how long the attribute is where nothing was said, and longer than what it is where
            something stands in the place of words.
        kind: By the keys alone, where no attribute says it.
        is_http: There is a method of HTTP.
        is_judged: There are checks or evaluations.
        is_beside: See `content_names.BESIDE`.
    """

    sessions: Places
    users: Places
    session_names: Places
    paths: Places
    previous: Places
    displaced: Places
    models: Places
    models_of_calls: Places
    kinds: Places
    costs: Places
    errors: Places
    error_texts: Places
    usages: Places
    status_codes: Places
    urls: Places
    tokens: tuple[tuple[int, Places], ...]
    inputs: tuple[tuple[int, int, int], ...]
    outputs: tuple[tuple[int, int, int], ...]
    kind: Kind
    is_http: bool
    is_judged: bool
    is_beside: bool
    event_names: Places


class Outline(NamedTuple):
    """What every span is asked for first: a few fields, since to take a tuple apart is faster than to ask for its fields.

    Attributes:
        shared: Gives of the attributes those whose values many spans share.
        mark: What the keys alone tell of the kind.
        counts: There are tokens.
        says: There are words, checks or evaluations.
        has_more: There is a cost, or an error beside the status.
        plan: All of it.
    """

    shared: Callable[[Sequence[bytes]], tuple[bytes, ...]]
    mark: int
    counts: bool
    says: bool
    has_more: bool
    plan: Plan


def _outline_of(codes: tuple[int, ...]) -> Outline:
    plan = _plan_of(codes)
    return Outline(
        _picking(dict.fromkeys(place for name in _SHARED for place in getattr(plan, name))),
        2 * plan.kind + plan.is_http,
        counts=bool(plan.tokens or plan.usages),
        says=bool(plan.inputs or plan.outputs or plan.is_judged),
        has_more=bool(plan.costs or plan.errors),
        plan=plan,
    )


_SHARED = (
    "sessions",
    "users",
    "session_names",
    "paths",
    "previous",
    "displaced",
    "models",
    "models_of_calls",
    "kinds",
)
"""Fields of `Plan` whose values many spans share."""


def _picking(places: Iterable[int]) -> Callable[[Sequence[bytes]], tuple[bytes, ...]]:
    """Return what gives the values at some places as a tuple."""
    every = [*places]
    if len(every) > 1:
        return itemgetter(*every)
    return lambda values: tuple([values[place] for place in every])


def _plan_of(codes: Sequence[int]) -> Plan:
    """Return the plan for attributes of these codes; of a key that is there twice the last one counts."""
    places = {WANTED[code - 1]: place for place, code in enumerate(codes) if code > 0}
    groups = {name: _places(keys, places) for name, keys in _GROUPS.items()}
    tokens = tuple((field, found) for field, keys in enumerate(_TOKENS) if (found := _places(keys, places)))
    inputs, outputs = _said(_INPUTS, places), _said(_OUTPUTS, places)
    kind = next((kind for key, kind in _BY_KEY.items() if key in places), Kind.OTHER)
    is_http, is_judged = not _METHODS.isdisjoint(places), not _JUDGEMENTS.isdisjoint(places)
    return Plan(
        **groups,
        tokens=tokens,
        inputs=inputs,
        outputs=outputs,
        kind=kind,
        is_http=is_http,
        is_judged=is_judged,
        is_beside=next((key for key in _TOKENS[0] if key in places), None) in content_names.BESIDE,
    )


def _places(keys: Sequence[str], places: dict[str, int]) -> Places:
    return tuple(places[key] for key in keys if key in places)


def _said(keys: Sequence[str], places: dict[str, int]) -> tuple[tuple[int, int, int], ...]:
    """Return the places of ``keys``, and the lengths of an attribute of that key that says nothing."""
    empty = {key: len(prefix_of(key)) + 4 for key in keys if key in places}  # tags, and lengths of no text
    return tuple((places[key], size, size + LONGEST_NOTHING) for key, size in empty.items())


ODD = _outline_of(())
"""Of attributes that do not all begin with their key: they have to be brought into that form first."""


NO_OUTLINE = _outline_of(())
"""Of no attributes."""


def _outline_or_odd(codes: tuple[int, ...]) -> Outline:
    return ODD if _ODD in codes else _outline_of(codes)


OUTLINES: Memo[tuple[int, ...], Outline] = Memo(_outline_or_odd)
"""What follows from the codes of all attributes of a span, in their order."""
