"""Rows about ids as they come: of other types, empty, too long, hostile, or from strangers."""

from __future__ import annotations

import uuid
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

from opentelemetry import baggage, propagate
from opentelemetry.context import Context

from ._outcome import ADA, BOB, Ids, NoSuchCallError, Outcome, fails, judged
from ._scenario import scenario
from ._tools import attached

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from ._stage import Stage

_LONGEST = 200  # what backends take as an id
_VALUE_LIMIT = 64


class _Raising:
    """Whatever is done with it raises."""

    def _raise(self, *_: object) -> NoReturn:
        message = "not this one"
        raise RuntimeError(message)

    __str__ = __repr__ = __eq__ = __bool__ = __len__ = _raise
    __hash__ = _raise


class _RaisingText(str):
    """Text that can't be encoded or stripped."""

    __slots__ = ()

    def encode(self, *_: object) -> NoReturn:
        raise RuntimeError(str.__str__(self))

    strip = isprintable = isascii = encode


def _bad_values() -> Sequence[Any]:
    return (
        [],
        {"id": 1},
        b"\xff",
        object(),
        lambda: "x",
        float("nan"),
        "\ud800",
        10**5000,
        _RaisingText("x"),
        _Raising(),
    )


@scenario(
    "An `int` or `uuid.UUID` is an id",
    "Blocks with the ids `42` and a UUID object: the same text on the spans as for the strings, which is what the next "
    "service will have.",
)
def other_types(stage: Stage) -> Outcome:
    value = uuid.UUID("0b6f0f5e-7d0c-4a52-9a4e-6a1f7c1f6c55")
    for each in (42, value):
        with stage.tool.scope(Ids(each, "ada")):  # type: ignore[arg-type]
            stage.mark()
    found = [ids.session for ids in stage.ids()]
    return judged(found == ["42", str(value)], "both", _types_lost(found, ["42", str(value)]))


def _types_lost(found: list[Any], wanted: list[str]) -> str:
    pairs = zip(("int", "UUID"), found, wanted, strict=True)
    changed = [f"{kind} as {_kind(have)}" for kind, have, want in pairs if have != want]
    return ", ".join(changed)


def _kind(value: Any) -> str:
    return "nothing" if value is None else "a number" if isinstance(value, int) else "other text"


@scenario(
    "An empty id puts no empty one on spans",
    "Blocks with the session ids `''`, `'   '` and `None`: no span has an empty or blank one, or one like `null`.",
)
def empty_id(stage: Stage) -> Outcome:
    for value in ("", "   ", None):
        with stage.tool.scope(Ids(value, "ada")):
            stage.mark()
    wrong = [
        ids.session for ids in stage.ids() if ids.session is not None and ids.session.strip() in {"", "null", "None"}
    ]
    return judged(not wrong, "clean", f"on spans: {', '.join(map(repr, wrong))}")


@scenario(
    "… nor the id of the session around it",
    "A block with an empty session id inside another session: its spans are not part of that one.",
)
def empty_id_inside(stage: Stage) -> Outcome:
    with stage.tool.scope(ADA), stage.tool.scope(Ids("", "bob")):
        stage.mark()
    found = stage.ids()[0].session
    return judged(found != ADA.session, "not taken over", "the outer session's")


@scenario(
    "No value makes the application fail",
    "Ten blocks with bad session and user ids (a list, a dict, bytes, objects, a lone surrogate, a number of 5,000 "
    "digits, objects whose every method raises), a span in each: exceptions that reach the application, and spans that "
    "are missing.",
)
def bad_values(stage: Stage) -> Outcome:
    return _survives(stage)


@scenario(
    "… also with warnings as errors",
    "The same with `warnings.simplefilter('error')`, as under `python -W error`.",
)
def bad_values_strict(stage: Stage) -> Outcome:
    warnings.simplefilter("error")
    return _survives(stage)


def _survives(stage: Stage) -> Outcome:
    return _raises_for_none(stage, lambda value: stage.tool.scope(Ids(value, value)))


def _raises_for_none(stage: Stage, block: Callable[[Any], AbstractContextManager[object]]) -> Outcome:
    values = _bad_values()
    raised = [name for value in values for name in _raised(stage, block, value)]
    if raised:
        return fails(f"raises for {len(raised)} of {len(values)}: {', '.join(sorted(set(raised)))}")
    lost = len(values) - len(stage.ids())
    return judged(not lost, "raises for none", f"{lost} spans lost")


def _raised(stage: Stage, block: Callable[[Any], AbstractContextManager[object]], value: Any) -> list[str]:
    """Make a span in a block with ``value``; return the name of what the application gets for it, if anything."""
    try:
        with block(value):
            stage.mark()
    except Exception as error:  # noqa: BLE001  # whatever reaches the application is the result
        return [type(error).__name__]
    return []


@scenario(
    "Two long ids stay two with an attribute value limit",
    f"`OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT={_VALUE_LIMIT}`, and two session ids of 90 characters with the same beginning: "
    "two different values on the spans.",
    {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": str(_VALUE_LIMIT)},
)
def long_ids(stage: Stage) -> Outcome:
    return _two_long_ids(stage, 89)


@scenario(
    "… and without one, ids of 300 characters",
    f"Two session ids of 300 characters, no limit set: two different values, of up to {_LONGEST} characters, which is "
    "what backends with a limit take.",
)
def very_long_ids(stage: Stage) -> Outcome:
    return _two_long_ids(stage, 299)


def _two_long_ids(stage: Stage, beginning: int) -> Outcome:
    for ending in "12":
        with stage.tool.scope(Ids("a" * beginning + ending, "ada")):
            stage.mark()
    found = [ids.session for ids in stage.ids()]
    if None in found:
        return fails("no id")
    if len(set(found)) == 1:
        return fails("merged into one")
    longest = max(len(each) for each in found if each)
    return judged(longest <= _LONGEST, f"two, of {longest} characters", f"{longest} characters on the span")


def _inbound_keys(stage: Stage) -> tuple[str, str]:
    if stage.tool.inbound_keys is None:
        message = "reads no baggage"
        raise NoSuchCallError(message)
    return stage.tool.inbound_keys


def _arrive(stage: Stage, session: str, user: str) -> dict[str, Any]:
    """Let a request with this baggage come in, and return the attributes of a span of it."""
    keys = _inbound_keys(stage)
    context = propagate.extract({"baggage": f"{keys[0]}={session},{keys[1]}={user}"}, context=Context())
    with attached(context):
        stage.mark()
    return stage.recorder.attributes("mark")[-1]


@scenario(
    "Ids in the baggage of a request are taken",
    "A `baggage` header with a session and a user, read by OpenTelemetry's propagator.",
)
def inbound(stage: Stage) -> Outcome:
    _arrive(stage, "conv-b", "bob")
    return stage.have(BOB, "mark")


@scenario(
    "… but no value over 200 characters",
    "The same with a session and a user of 3,000 characters each: how long the longest is on the span.",
)
def inbound_long(stage: Stage) -> Outcome:
    attributes = _arrive(stage, "s" * 3_000, "u" * 3_000)
    values = (attributes.get(stage.tool.session_key), attributes.get(stage.tool.user_key))
    longest = max((len(each) for each in values if each), default=0)
    return judged(longest <= _LONGEST, "none on the span", f"{longest:,} characters on the span")


@scenario(
    "… nor control characters or nothing",
    "The same with session ids of `%00%1b[31m`, a line feed, and blanks.",
)
def inbound_invalid(stage: Stage) -> Outcome:
    wrong = []
    for session in ("a%00%1b[31m", "a%0Aevil", "%20%20"):
        found = _arrive(stage, session, "bob").get(stage.tool.session_key)
        if found is not None and not (found.strip() and found.isprintable()):
            wrong.append(found)
    return judged(not wrong, "none on the span", f"{len(wrong)} of 3 on spans")


@scenario(
    "What other code leaves in the context does no harm",
    "Other code has put the bad values into the baggage, under the keys that the tool reads; then spans start: "
    "exceptions that reach the application.",
)
def bad_baggage(stage: Stage) -> Outcome:
    key, _ = _inbound_keys(stage)
    return _raises_for_none(stage, lambda value: attached(baggage.set_baggage(key, value)))


ROWS = (
    other_types,
    empty_id,
    empty_id_inside,
    bad_values,
    bad_values_strict,
    bad_baggage,
    long_ids,
    very_long_ids,
    inbound,
    inbound_long,
    inbound_invalid,
)
