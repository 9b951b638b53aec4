"""A trace without a session, what stands beside it, and what can be said of it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .sightings import root_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .sightings import Sighting

    Traces = Sequence[Sequence[Sighting]]


class Verdict(NamedTuple):
    """What one trace shows.

    Attributes:
        cause: A code of the doctor.
        is_sure: It can't be chance.
        is_likely: It is unlikely chance: it is about a model, and was waited for in the session.
        service: That of the session which was under way, where it may be chance.
        thread: That of the trace, where that is what shows it.
    """

    cause: str
    is_sure: bool = True
    is_likely: bool = False
    service: str = ""
    thread: str = ""


class Beside(Protocol):
    """What stands beside a trace without a session: traces of sessions, each with its spans by start."""

    @abstractmethod
    def under_way(self, lost: Lost) -> Traces:
        """Return those that were under way when it began; none where they are many."""

    @abstractmethod
    def within(self, lost: Lost) -> Traces:
        """Return some of its service that began while its root was open."""

    @abstractmethod
    def before(self, lost: Lost) -> Traces:
        """Return some that came last before it began."""

    @abstractmethod
    def without(self, lost: Lost) -> Traces:
        """Return some of those without a session, one of each kind."""

    @abstractmethod
    def of_service(self, lost: Lost) -> Iterable[Sequence[Sighting]]:
        """Yield some of its service, the newest first."""

    @abstractmethod
    def linked(self, lost: Lost, trace_ids: Iterable[bytes]) -> Traces:
        """Return some of those with these ids, whether they are of a session or not."""


class Lost(NamedTuple):
    """A trace without a session.

    Attributes:
        trace_id: Its id.
        spans: Its spans, by start.
        root: The first of them whose parent is not there.
        beside: What stands beside it.
    """

    trace_id: bytes
    spans: Sequence[Sighting]
    root: Sighting
    beside: Beside


def lost_trace(trace_id: bytes, spans: Sequence[Sighting], beside: Beside) -> Lost | None:
    """Return a trace to be judged, ``None`` for one without spans."""
    root = root_of(spans)
    return None if root is None else Lost(trace_id, spans, root, beside)
