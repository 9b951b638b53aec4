"""What is compared: how each tool is set up and called. This module has the contract and ours; `_peers` has the others.

A method that a tool has nothing for raises `NoSuchCallError`, so that the table says so and no failure is made up.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider

from harness.pipelines import attached

from ._outcome import NoSuchCallError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
    from contextlib import AbstractContextManager

    from ._outcome import Ids
    from ._recorder import Recorder


def sdk_pipeline(recorder: Recorder, provider: TracerProvider | None = None) -> TracerProvider:
    """Make the pipeline that an application has already: the SDK's provider, and an exporter."""
    provider = provider or TracerProvider()
    provider.add_span_processor(recorder.processor())
    trace.set_tracer_provider(provider)
    return provider


class Tool(ABC):
    """How one tool is used.

    Attributes:
        name: Its name in the table.
        how: What of it is used.
        package: Where its version is from.
        session_key: The attribute that it gives the session.
        user_key: The attribute that it gives the user.
        inbound_keys: The baggage keys that it reads a session and a user from, if any.
        known_limits: The names of the rows that it fails and says so in its documentation.
        stands_first: Its own processors stand before those of the application, always.
        otherwise: Another way to set it up, for the rows that it fails, and what that is called.
    """

    name: str
    how: str
    package: str
    session_key = "session.id"
    user_key = "user.id"
    inbound_keys: tuple[str, str] | None = None
    known_limits: frozenset[str] = frozenset()
    stands_first = False
    otherwise: tuple[str, Tool] | None = None

    @abstractmethod
    def set_up(self, recorder: Recorder) -> None:
        """Set the tool up as its documentation says, with spans going to ``recorder``."""

    def tracer(self) -> trace.Tracer:
        """Return the tracer that the tool wants applications to use."""
        return trace.get_tracer("app")

    @abstractmethod
    def scope(self, ids: Ids) -> AbstractContextManager[object]:
        """Return a block with these ids."""

    def leavable_scope(self, ids: Ids) -> AbstractContextManager[object]:
        """Return a block whose end takes the ids away."""
        return self.scope(ids)

    def scope_object(self, ids: Ids) -> AbstractContextManager[object]:
        """Return one object to be entered more than once."""
        return self.scope(ids)

    def decorated(self, ids: Ids, function: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ARG002
        """Return the generator function ``function`` with these ids inside."""
        message = "none for generators"
        raise NoSuchCallError(message)

    def wrapped(self, ids: Ids, stream: Iterator[Any]) -> Iterator[Any]:  # noqa: ARG002
        """Return the iterator ``stream`` with these ids inside, until it ends."""
        message = "no wrapper"
        raise NoSuchCallError(message)

    def async_wrapped(self, ids: Ids, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:  # noqa: ARG002
        """Return the async iterator ``stream`` with these ids inside, until it ends."""
        message = "no wrapper"
        raise NoSuchCallError(message)

    def late(self, ids: Ids) -> AbstractContextManager[object]:
        """Say what the ids are when spans are open already."""
        return self.scope(ids)

    async def in_span(self, name: str, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``function`` inside a span, of the kind that `late` is made for."""
        with self.tracer().start_as_current_span(name):
            await function()

    def cleared(self) -> AbstractContextManager[object]:
        """Return a block without a session."""
        message = "nothing to clear with"
        raise NoSuchCallError(message)

    def travelling_scope(self, ids: Ids) -> AbstractContextManager[object]:
        """Return a block whose ids go to other processes too."""
        return self.scope(ids)

    def outgoing(self) -> dict[str, str]:
        """Return what another process needs to know, as text."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier

    def incoming(self, carrier: Mapping[str, str]) -> AbstractContextManager[object]:
        """Return a block with what another process has sent."""
        return attached(propagate.extract(carrier, context=Context()))

    def outgoing_environment(self) -> dict[str, str]:
        """Return what a subprocess needs to know, as environment variables."""
        return {name.upper(): value for name, value in self.outgoing().items()}

    def incoming_environment(self) -> AbstractContextManager[object]:
        """Return a block with what the environment says."""
        return self.incoming({name.lower(): value for name, value in os.environ.items()})


class OtelSessions(Tool):
    """This project."""

    name = "otel-sessions"
    how = "`instrument()` on the SDK's provider; `set_session`, `bind_session`, `clear_session`, `to_carrier`"
    package = "otel-sessions"
    inbound_keys = ("session.id", "user.id")
    known_limits = frozenset(
        {"with-in-generator-consumer", "with-in-two-generators", "bare-threads", "smolagents-read-outside"}
    )

    def set_up(self, recorder: Recorder) -> None:
        """Instrument an existing pipeline."""
        from otel_sessions.sdk import instrument

        sdk_pipeline(recorder)
        instrument()

    def scope(self, ids: Ids) -> AbstractContextManager[object]:
        """Set the session."""
        from otel_sessions import set_session

        return set_session(session_id=ids.session, user_id=ids.user)

    def decorated(self, ids: Ids, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use the scope as a decorator."""
        return self.scope(ids)(function)  # type: ignore[operator]

    def wrapped(self, ids: Ids, stream: Iterator[Any]) -> Iterator[Any]:
        """Use ``wrap`` of the scope."""
        return self.scope(ids).wrap(stream)  # type: ignore[attr-defined]

    def async_wrapped(self, ids: Ids, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Use ``wrap`` of the scope."""
        return self.scope(ids).wrap(stream)  # type: ignore[attr-defined]

    def late(self, ids: Ids) -> AbstractContextManager[object]:
        """Bind the trace."""
        from otel_sessions import bind_session

        bind_session(ids.session, user_id=ids.user)
        return nullcontext()

    def cleared(self) -> AbstractContextManager[object]:
        """Clear the session."""
        from otel_sessions import clear_session

        return clear_session()

    def outgoing(self) -> dict[str, str]:
        """Make a carrier."""
        from otel_sessions import to_carrier

        return to_carrier()

    def incoming(self, carrier: Mapping[str, str]) -> AbstractContextManager[object]:
        """Take a carrier."""
        from otel_sessions import from_carrier

        return from_carrier(carrier)

    def outgoing_environment(self) -> dict[str, str]:
        """Make a carrier with the names of variables."""
        from otel_sessions import to_carrier

        return to_carrier(environ=True)

    def incoming_environment(self) -> AbstractContextManager[object]:
        """Take the environment."""
        return self.incoming(os.environ)
