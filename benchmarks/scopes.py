"""What it costs to enter a scope and to leave it again, without any span inside."""

from __future__ import annotations

from functools import partial
from itertools import islice, repeat
from typing import TYPE_CHECKING
from uuid import uuid4

from opentelemetry import baggage
from opentelemetry.context import Context, attach, detach, get_current

from harness.pipelines import attached
from harness.workloads import HTTP_CLIENT
from otel_sessions import set_session

from ._interleaved import Case, measure
from .spans import context_of_span
from .tools import IDS, SESSION_ID, USER_ID, new_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from ._interleaved import Key

    Burst = Callable[[int], object]

OURS = "otel-sessions `set_session`"
OURS_NEW_IDS = "otel-sessions `set_session`, ids not seen before"
OURS_GENERATED = "otel-sessions `set_session()`, generated id"
UUID4 = "`str(uuid4())` alone"
BY_HAND = "two baggage entries by hand"
USING_ATTRIBUTES = "openinference `using_attributes`"
LOGFIRE = "logfire `set_baggage`"
LANGFUSE = "langfuse `propagate_attributes`"
TRACELOOP = "traceloop `set_association_properties`"

NOTES = {TRACELOOP: "enters only: it has nothing to leave with", UUID4: "no scope: what an id costs, whoever makes it"}

IN_BARS = frozenset({OURS, OURS_NEW_IDS, OURS_GENERATED, UUID4, USING_ATTRIBUTES})
"""Those of which something is promised, or to which it is compared."""

EMPTY = "empty context"
IN_SPAN = "inside a span with 8 attributes"
IN_SESSION = "inside another session"
PLACES = (EMPTY, IN_SPAN, IN_SESSION)


def ours() -> Burst:
    def burst(count: int) -> None:
        for _ in repeat(None, count):
            with set_session(SESSION_ID, user_id=USER_ID):
                pass

    return burst


def ours_with_new_ids() -> Burst:
    ids = new_ids()

    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            with set_session(session_id, user_id=USER_ID):
                pass

    return burst


def _ours_generated() -> Burst:
    def burst(count: int) -> None:
        for _ in repeat(None, count):
            with set_session(user_id=USER_ID):
                pass

    return burst


def _uuid4() -> Burst:
    def burst(count: int) -> None:
        for _ in repeat(None, count):
            str(uuid4())

    return burst


def _by_hand() -> Burst:
    def burst(count: int) -> None:
        for _ in repeat(None, count):
            context = baggage.set_baggage("session.id", SESSION_ID)
            token = attach(baggage.set_baggage("user.id", USER_ID, context))
            detach(token)

    return burst


def using_attributes_burst() -> Burst:
    from openinference.instrumentation import using_attributes

    def burst(count: int) -> None:
        for _ in repeat(None, count):
            with using_attributes(session_id=SESSION_ID, user_id=USER_ID):
                pass

    return burst


def _logfire() -> Burst:
    from logfire import set_baggage

    def burst(count: int) -> None:
        for _ in repeat(None, count):
            with set_baggage(**IDS):
                pass

    return burst


def _langfuse() -> Burst:
    from langfuse import propagate_attributes

    def burst(count: int) -> None:
        for _ in repeat(None, count):
            with propagate_attributes(session_id=SESSION_ID, user_id=USER_ID):
                pass

    return burst


def _traceloop() -> Burst:
    from traceloop.sdk.tracing.tracing import set_association_properties

    def burst(count: int) -> None:
        token = attach(get_current())
        for _ in repeat(None, count):
            set_association_properties({"session_id": SESSION_ID, "user_id": USER_ID})
        detach(token)

    return burst


_BURSTS = {
    OURS: ours,
    OURS_NEW_IDS: ours_with_new_ids,
    OURS_GENERATED: _ours_generated,
    UUID4: _uuid4,
    BY_HAND: _by_hand,
    USING_ATTRIBUTES: using_attributes_burst,
    LOGFIRE: _logfire,
    LANGFUSE: _langfuse,
    TRACELOOP: _traceloop,
}


NAMES = tuple(_BURSTS)


def run(rounds: int, repeats: int, wanted: Container[str] = NAMES) -> dict[Key, list[float]]:
    """Return the nanoseconds of one entry and exit, by place and scope; peers that are not installed are left out."""
    return measure(list(_cases(wanted)), rounds, repeats)


def _cases(wanted: Container[str]) -> Iterator[Case]:
    for name in filter(wanted.__contains__, NAMES):
        try:
            burst = _BURSTS[name]()
        except ImportError:
            continue
        for place, context in _places().items():
            yield Case((place, name), burst, partial(attached, context))


def _places() -> dict[str, Context]:
    # Made anew for each tool, as some of them write on the span.
    return {
        EMPTY: Context(),
        IN_SPAN: context_of_span(HTTP_CLIENT),
        IN_SESSION: set_session(Context(), "another-session", user_id=USER_ID).context,
    }
