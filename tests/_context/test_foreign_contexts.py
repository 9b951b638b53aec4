"""Random programs of scopes, spans, and attaches and detaches of others in any order, over tasks and threads.

The oracle keeps what the rules say of each place (a task, or a thread): what is current there. A Context is a scope
and a span; a scope knows where it was entered, and above what.
"""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import SessionScope, get_session, set_session
from otel_sessions.sdk import SessionSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import Span


class Known(NamedTuple):
    """A Context: the innermost scope that it carries, and its span."""

    scope: Entered | None = None
    span: Span | None = None
    real: context.Context | None = None

    @property
    def session(self) -> str | None:
        """What is found in it: of its scope, else of its span."""
        if self.scope is not None:
            return self.scope.session
        return None if self.span is None else self.span.attributes.get("session.id")


@dataclass(eq=False)
class Entered:
    session: str
    scope: SessionScope
    place: Place
    base: Known
    inside: Known | None = None
    is_open: bool = True


class Place:
    """A task or a thread, or a copy of the context of one."""

    def __init__(
        self, real: contextvars.Context, current: Known, left_out_of_order: frozenset[Entered] = frozenset()
    ) -> None:
        self.real = real
        self.current = current
        self.left_out_of_order = left_out_of_order
        self.tokens: list[tuple[Any, Known]] = []
        self.entered: list[Entered] = []

    def found(self) -> str | None:
        """Return which session is read here: what has ended here is left for good, whatever has brought it back.

        The scope that was opened here last, and is open, goes on then.
        """
        if self.current.scope is not None and self.has_ended(self.current.scope):
            while self.current.scope is not None and self.has_ended(self.current.scope):
                self.current = self.current.scope.base
            last = next((each for each in reversed(self.entered) if each.is_open), None)
            if last is not None and not self.carries(last):
                self.current = last.inside
        return self.current.session

    def carries(self, scope: Entered) -> bool:
        found = self.current.scope
        while found is not None and found is not scope:
            found = found.base.scope
        return found is not None

    def has_ended(self, scope: Entered) -> bool:
        return not scope.is_open and (scope.place is self or scope in self.left_out_of_order)

    def left(self, scope: Entered) -> None:
        """Leave ``scope`` here, wherever it was entered."""
        scope.is_open = False
        if self.current is not scope.inside:  # what a task is started in that is started from now on, it knows as well
            self.left_out_of_order |= {scope}
        above, found = [], self.current.scope
        while found is not None and found is not scope:
            above.insert(0, found)
            found = found.base.scope
        own = [each for each in above if each.is_open and each.place is self]
        is_here = scope.place is self
        if found is None or (not is_here and own != above):
            return
        inside = own[0].base if own else self.current
        current = scope.base if is_here else Known(scope.base.scope, inside.span)
        for each in own:
            each.base = current
            each.inside = current = Known(each, current.span)
        self.current = current


class Program:
    """Does each step for real, and compares what comes of it with what is known."""

    def __init__(self, run: Callable[..., Any]) -> None:
        provider = TracerProvider()
        provider.add_span_processor(SessionSpanProcessor())
        self.tracer = provider.get_tracer("t")
        self.run = run
        self.places = [Place(contextvars.Context(), Known())]
        self.scopes: list[Entered] = []
        self.captured: list[Known] = []

    def step(self, name: str, where: int, which: int) -> None:
        place = self.places[where % len(self.places)]
        getattr(self, name)(place, which)
        session = self.run(place.real.run, get_session)
        assert (None if session is None else session.id) == place.found()
        sent = self.run(place.real.run, baggage.get_all)
        assert sent.get("session.id") == (None if place.current.scope is None else place.current.scope.session)

    def enter(self, place: Place, _which: int) -> None:
        place.found()
        session = f"session-{len(self.scopes)}"
        scope = set_session(session_id=session)
        self.run(place.real.run, get_session)  # as `found`
        self.run(place.real.run, scope.__enter__)
        self.scopes.append(Entered(session, scope, place, place.current))
        self.scopes[-1].inside = place.current = Known(self.scopes[-1], place.current.span)
        place.entered.append(self.scopes[-1])

    def leave(self, place: Place, which: int) -> None:
        still_open = [each for each in self.scopes if each.is_open]
        if still_open:
            scope = still_open[which % len(still_open)]
            self.run(place.real.run, scope.scope.__exit__, None, None, None)
            place.left(scope)

    def leave_here(self, place: Place, which: int) -> None:
        still_open = [each for each in self.scopes if each.is_open and each.place is place]
        if still_open:
            scope = still_open[which % len(still_open)]
            self.run(place.real.run, scope.scope.__exit__, None, None, None)
            place.left(scope)

    def span(self, place: Place, _which: int) -> None:
        """Start a span, and leave it current: who has done so may detach, or not, or too late."""
        self._start(place, lambda: self.tracer.start_span("span"), place.current)

        def attach() -> Any:
            return context.attach(trace.set_span_in_context(span))

        span = self.started
        token = self.run(place.real.run, attach)
        place.tokens.append((token, place.current))
        place.current = Known(place.current.scope, span)

    def detach(self, place: Place, which: int) -> None:
        if place.tokens:
            token, before = place.tokens.pop(which % len(place.tokens))
            self.run(place.real.run, context.detach, token)
            place.current = before

    def capture(self, place: Place, _which: int) -> None:
        self.captured.append(place.current._replace(real=self.run(place.real.run, context.get_current)))

    def explicit(self, place: Place, which: int) -> None:
        """Start a span in a Context that was captured anywhere: it has the session of that."""
        if self.captured:
            known = self.captured[which % len(self.captured)]
            same = known.scope is not None and known.scope is place.current.scope
            self._start(place, lambda: self.tracer.start_span("explicit", known.real), known, as_current=same)

    def copy(self, place: Place, _which: int) -> None:
        if len(self.places) < 4:
            self.places.append(
                Place(self.run(place.real.run, contextvars.copy_context), place.current, place.left_out_of_order)
            )

    def _start(self, place: Place, start: Callable[[], Any], known: Known, *, as_current: bool = True) -> None:
        expected = place.found() if as_current else known.session
        self.started = span = self.run(place.real.run, start)
        assert span.attributes.get("session.id") == expected
        assert (None if span.parent is None else span.parent.span_id) == (
            None if known.span is None else known.span.context.span_id
        )  # the SDK has decided that before we are asked
        if as_current:
            self.run(place.real.run, get_session)


STEPS = st.tuples(
    st.sampled_from(["enter", "enter", "leave_here", "leave", "span", "span", "detach", "capture", "explicit", "copy"]),
    st.integers(0, 3),
    st.integers(0, 7),
)


@pytest.fixture(scope="module")
def other_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        outer = set_session("outer")
        with outer, set_session("inner"):
            outer.__exit__(None, None, None)  # from now on it is noted what is open
        yield executor


@pytest.mark.warned_of
@given(st.lists(STEPS, max_size=40), st.sets(st.integers(0, 39)))
def test_no_session_is_found_but_that_of_the_place(other_thread, steps, elsewhere):
    """A place is no thread: what a thread does in the context of a task, it does in that task."""
    at = 0

    def run(function: Callable[..., Any], *args: Any) -> Any:
        if at in elsewhere:
            return other_thread.submit(function, *args).result()
        return function(*args)

    program = Program(run)
    for at, (name, where, which) in enumerate(steps):  # noqa: B007  # `run` reads it
        program.step(name, where, which)
