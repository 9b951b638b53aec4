"""What a store does, for who writes to it and who reads from it; ClickHouse may stand behind the same one day."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from otel_sessions.view.sessions.summaries import Candidate, SessionSummary, Uncovered
    from otel_sessions.view.shapes.facts import Tokens
    from otel_sessions.view.wire.batch import Batch, RawLog, RawSpan, Source

T = TypeVar("T")


class StoreFullError(Exception):
    """More is waiting to be written than may be; the text says what. To be sent again later."""


class InvalidCursorError(ValueError):
    """A cursor that this store has not given, or gave for another question."""


class UnreadableStoreError(Exception):
    """The file can't be used; the text names it and the remedy."""


class StoreInUseError(Exception):
    """Another process writes to the file; the text names both."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sessions, users or traces; ``None`` is any. Times are unix time in ns.

    Attributes:
        since, until: Those with a span that ended at or after ``since``, and that started before ``until``.
        text: Words that a turn of it has, all of them, in any order.
    """

    user: str | None = None
    name: str | None = None
    service: str | None = None
    model: str | None = None
    since: int | None = None
    until: int | None = None
    error: bool | None = None
    failed_check: bool | None = None
    torn: bool | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and where the next ones begin; ``None`` for no more."""

    rows: Sequence[T]
    next: str | None = None


class SessionRow(NamedTuple):
    """A session in a list; ``p95`` in ns.

    Attributes:
        recent: Its last turns, the oldest first: how many ms each took, and whether something in it has failed.
    """

    id: str
    name: str
    users: tuple[str, ...]
    turns: int
    traces: int
    spans: int
    services: tuple[str, ...]
    models: tuple[str, ...]
    tokens: Tokens
    cost: float | None
    cost_complete: bool
    errors: int
    failed_checks: int
    feedback: int
    torn: bool
    p95: int | None
    start: int
    end: int
    recent: tuple[tuple[int, bool], ...] = ()


class UserRow(NamedTuple):
    """A user in a list."""

    id: str
    sessions: int
    turns: int
    spans: int
    tokens: Tokens
    errors: int
    feedback: int
    first: int
    last: int


class TraceRow(NamedTuple):
    """A trace in a list."""

    trace_id: bytes
    name: str
    services: tuple[str, ...]
    spans: int
    errors: int
    tokens: Tokens
    start: int
    end: int
    sessions: tuple[str, ...]


class Coverage(NamedTuple):
    """How much is in a session, and what is not."""

    spans: int
    without_session: int
    llm_spans: int
    llm_without_session: int
    groups: Sequence[Uncovered]
    torn: Sequence[tuple[bytes, tuple[str, ...]]]
    other_keys: Sequence[tuple[str, int]]
    """Keys other than ``session.id`` that alone name sessions, with how many sessions."""
    displaced: int


class Dropped(NamedTuple):
    """What went to stay within the bound."""

    sessions: int
    traces: int
    spans: int


class StoredTrace(NamedTuple):
    """All spans and records of one trace, each span once, as they came."""

    trace_id: bytes
    spans: Sequence[tuple[RawSpan, Source]]
    logs: Sequence[tuple[RawLog, Source]]


class Stretch(NamedTuple):
    """When a trace was under way, in ns, and how many errors it has in the session."""

    trace_id: bytes
    start: int
    end: int
    errors: int


class StoredSession(NamedTuple):
    """One session with some of its turns.

    Attributes:
        summary: All of it.
        first: Where the turns of this page begin in those of the summary.
        turns: Those of this page.
        traces: The traces of these turns, and, on the last page, those that have no turn.
        logs: Records that are in the session and outside of any trace.
        apart: All traces of it that have no turn, by start.
    """

    summary: SessionSummary
    first: int
    turns: Sequence[Candidate]
    traces: Sequence[StoredTrace]
    logs: Sequence[tuple[RawLog, Source]]
    apart: Sequence[Stretch]
    next: str | None


class Store(Protocol):
    """Keeps what comes, and answers. Every call may come from any thread.

    What was written before a call is in its answer, unless so much came just before that it would keep the caller
    waiting: then it is at most two seconds behind.
    """

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Keep ``batch``; what is returned from is committed.

        Raises:
            StoreFullError: To be sent again later.
        """

    @abstractmethod
    def sessions(
        self, which: Filter, sort: str = "-end", limit: int = 50, cursor: str | None = None
    ) -> Page[SessionRow]:
        """Return sessions, by a field of `SessionRow`, ``-`` before it for the largest first; ties by id."""

    @abstractmethod
    def session(
        self, session_id: str, limit: int = 50, cursor: str | None = None, *, turn: bytes | None = None
    ) -> StoredSession | None:
        """Return one session; ``limit`` is that of its turns.

        With ``turn``, and without a cursor, the page begins with the turn of this span id, if there is one.
        """

    @abstractmethod
    def users(self, which: Filter, sort: str = "-last", limit: int = 50, cursor: str | None = None) -> Page[UserRow]:
        """Return users."""

    @abstractmethod
    def traces(
        self,
        which: Filter,
        sort: str = "-start",
        limit: int = 50,
        cursor: str | None = None,
        *,
        without_session: bool = False,
    ) -> Page[TraceRow]:
        """Return traces; with ``without_session`` those that have a span in none."""

    @abstractmethod
    def trace(self, trace_id: bytes) -> StoredTrace | None:
        """Return one trace."""

    @abstractmethod
    def coverage(self) -> Coverage:
        """Return how much is in a session."""

    @abstractmethod
    def dropped(self) -> Dropped:
        """Return what was dropped at the bound, since the store was made or cleared."""

    @abstractmethod
    def revision(self) -> int:
        """Return a number that is another one once something has changed that lists show; for who polls."""

    @abstractmethod
    def export(self, session_id: str) -> Iterator[bytes] | None:
        """Yield the session as OTLP JSON lines, as the Collector's file exporter writes them; ``None`` for no such session.

        Each is a ``TracesData`` or a ``LogsData``, with its line end.
        """

    @abstractmethod
    def load(self, lines: Iterable[bytes]) -> tuple[int, Sequence[str]]:
        """Write OTLP JSON lines; return how many spans and records were taken, and what was wrong with others."""

    @abstractmethod
    def reindex(self) -> None:
        """Make all summaries anew of what came."""

    @abstractmethod
    def clear(self) -> None:
        """Forget everything."""

    @abstractmethod
    def close(self) -> None:
        """End; what was written is there when the file is opened again."""
