"""What was seen in one process, in numbers and names: which spans ended with a session and which without, and why.

No id is kept but in memory: a session and a trace are numbers of this process. All is bounded.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_TRACES = 2_000
_MOST_BARE = 200
"""Most spans without a session that are kept of one trace until its cause is decided."""
_MOST_ROWS = 500
_MOST_SESSIONS = 100_000
_MOST_KEYS = 200
"""Most services and scopes that are counted apart; the others are counted together."""
_OTHERS = "(others)"
_LONGEST_NAME = 80
_JOINED = 8
"""Most scopes that are named together."""
ELSEWHERE = "elsewhere"
"""Stands for ``background`` where another process of the program has sessions, and for ``unknown`` where none has."""


class Start(NamedTuple):
    """What was known when a span started.

    Attributes:
        provider: The number of its provider.
        has_session: Its Context has a session.
        is_cleared: Its Context has none on purpose.
        is_root: No span of this process is above it.
        is_own_trace: Its Context was given, is empty, and another one with a session was current.
        is_of_thread: Its Context is empty, in a thread to which work was given inside a session.
        is_of_daemon: That is one which does not keep the program from its end, and of no pool.
        is_after: A session has ended in this place before.
        reads: The file and line of the generator that runs, or nothing.
    """

    provider: int
    has_session: bool = False
    is_cleared: bool = False
    is_root: bool = False
    is_own_trace: bool = False
    is_of_thread: bool = False
    is_of_daemon: bool = False
    is_after: bool = False
    reads: str = ""


class Bare(NamedTuple):
    """A span that has ended without a session."""

    service: str
    scope: str
    name: str
    is_llm: bool
    at: int
    start: Start


@dataclass
class Trace:
    """What was seen of one trace.

    Attributes:
        sessions: Their numbers.
        named_by: These, with the scopes whose spans have them.
        first: When the first span with one started.
        bare: The spans without.
        is_with_root: The local root is among them.
        is_ours: A session was there when one of its spans started: it is not a framework alone that names one.
    """

    sessions: set[int] = field(default_factory=set)
    named_by: set[tuple[int, str]] = field(default_factory=set)
    first: int = 0
    bare: list[Bare] = field(default_factory=list)
    is_with_root: bool = False
    is_ours: bool = False


class Sightings:
    """All that was seen of the spans of a process.

    Attributes:
        has_bound: Tells whether a trace was bound to a session in this process.
        spans: How many have ended, by provider, service, scope, and whether they are of a model.
        rows: Those without a session whose cause is decided.
        torn: In how many traces that are over spans name several sessions, by the scopes that do.
        of_frameworks: In how many traces a framework alone names a session, by its scope.
        displaced: How many spans have named another session than that which has won.
        opened: How many sessions were opened.
    """

    def __init__(self, has_bound: Callable[[], bool] = bool) -> None:
        self.has_bound = has_bound
        self.begin()

    def begin(self) -> None:
        """Begin, as in a new process."""
        self.of_frameworks: Counter[str] = Counter()
        self.spans: Counter[tuple[int, str, str, bool]] = Counter()
        self.rows: Counter[tuple[Any, ...]] = Counter()
        self.torn: Counter[str] = Counter()
        self.traces: OrderedDict[int, Trace] = OrderedDict()
        self.numbers: dict[str, int] = {}
        self.displaced: Counter[str] = Counter()
        self.opened = 0

    def number_of(self, session_id: str) -> int:
        """Return the number of a session."""
        if len(self.numbers) >= _MOST_SESSIONS:
            return self.numbers.get(session_id, -1)
        return self.numbers.setdefault(session_id, len(self.numbers))

    def ended(self, trace_id: int, bare: Bare, session_id: object, *, is_displaced: bool = False) -> None:
        """Note a span that has ended, with a session or without."""
        if (key := _key_of(bare)) not in self.spans and len(self.spans) >= _MOST_KEYS:
            bare = bare._replace(service=_OTHERS, scope=_OTHERS, name=_OTHERS)
            key = _key_of(bare)
        self.spans[key] += 1
        trace = self._trace(trace_id)
        if is_displaced:
            self.displaced[bare.scope] += 1
        if session_id is None:
            trace.bare.append(bare)
            trace.is_with_root |= bare.start.is_root
            if len(trace.bare) > _MOST_BARE:
                self._decide(trace, keeps=_MOST_BARE // 2)
            return
        number = self.number_of(str(session_id))
        trace.is_ours |= bare.start.has_session or self.has_bound()
        trace.sessions.add(number)
        trace.named_by.add((number, bare.scope))
        trace.first = min(trace.first or bare.at, bare.at)

    def _trace(self, trace_id: int) -> Trace:
        trace = self.traces.get(trace_id)
        if trace is None:
            trace = self.traces[trace_id] = Trace()
            if len(self.traces) > _MOST_TRACES:
                _, oldest = self.traces.popitem(last=False)
                self._decide(oldest)
        return trace

    def _decide(self, trace: Trace, *, keeps: int = 0) -> None:
        decided, trace.bare = trace.bare[: len(trace.bare) - keeps], trace.bare[len(trace.bare) - keeps :]
        _add(self.rows, rows_of(trace, decided, is_anywhere=self.is_anywhere))
        if not keeps:
            _judge(trace, self.torn, self.of_frameworks)

    @property
    def is_anywhere(self) -> bool:
        """Whether any session was set in this process."""
        return bool(self.opened or self.numbers)

    def record(self, shown: Callable[[str], str] = str) -> dict[str, object]:
        """Return it all, as JSON knows it, each text as it is ``shown``."""
        rows, torn, of_frameworks = Counter(self.rows), Counter(self.torn), Counter(self.of_frameworks)
        for trace in list(self.traces.values()):
            _add(rows, rows_of(trace, list(trace.bare), is_anywhere=self.is_anywhere))
            _judge(trace, torn, of_frameworks)
        spans: Counter[tuple[Any, ...]] = Counter()
        bare: Counter[tuple[Any, ...]] = Counter()
        for (provider, service, scope, is_llm), count in self.spans.items():
            spans[provider, shown(service), shown(scope), is_llm] += count
        for (provider, service, scope, is_llm, name, *why, where), count in rows.items():
            key = (provider, shown(service), shown(scope), is_llm, shown(name)[:_LONGEST_NAME], *why, shown(where))
            bare[key] += count
        return {
            "spans": [[*key, count] for key, count in spans.items()],
            "bare": [[*key, count] for key, count in bare.most_common()],
            "torn": _shown_counts(torn, shown),
            "of_frameworks": _shown_counts(of_frameworks, shown),
            "displaced": _shown_counts(self.displaced, shown),
            "sessions": len(self.numbers),
            "opened": self.opened,
        }


def _key_of(bare: Bare) -> tuple[int, str, str, bool]:
    return bare.start.provider, bare.service, bare.scope, bare.is_llm


def _shown_counts(counts: Counter[str], shown: Callable[[str], str]) -> list[list[object]]:
    found: Counter[str] = Counter()
    for scopes, count in counts.items():
        found[", ".join(map(shown, scopes.split(", ")))] += count
    return [[key, count] for key, count in found.items()]


def _add(rows: Counter[tuple[Any, ...]], new: list[tuple[Any, ...]]) -> None:
    for row in new:
        rows[row if row in rows or len(rows) < _MOST_ROWS else _unnamed(row)] += 1


def _unnamed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return ``row`` as one of the others, of which there are few: no span is lost, but its name."""
    provider, service, scope, is_llm, _, *why, _ = row
    return provider, service, scope, is_llm, _OTHERS, *why, ""


def _judge(trace: Trace, torn: Counter[str], of_frameworks: Counter[str]) -> None:
    scopes = ", ".join(sorted({scope for _, scope in trace.named_by})[:_JOINED])
    if len(trace.sessions) > 1:
        torn[_bounded(torn, scopes)] += 1
    if trace.bare and trace.sessions and not trace.is_ours:
        of_frameworks[_bounded(of_frameworks, scopes)] += 1


def _bounded(counts: Counter[str], key: str) -> str:
    return key if key in counts or len(counts) < _MOST_KEYS else _OTHERS


def rows_of(trace: Trace, decided: list[Bare], *, is_anywhere: bool) -> list[tuple[Any, ...]]:
    """Return a row for each span without a session: provider, service, scope, whose, name, cause, whether it matters, where."""
    rows = []
    for bare in decided:
        cause = cause_of(trace, bare, is_anywhere=is_anywhere)
        where = bare.start.reads if cause == "context-lost-stream" else ""
        rows.append(
            (
                bare.start.provider,
                bare.service,
                bare.scope,
                bare.is_llm,
                bare.name,
                cause,
                _matters(trace, bare, cause),
                where,
            )
        )
    return rows


def cause_of(trace: Trace, bare: Bare, *, is_anywhere: bool) -> str:
    """Return the code of the cause for which a span has no session, as far as can be told in this process."""
    start = bare.start
    if start.is_cleared:
        return "background"
    if start.has_session:  # it was there, and nobody has put it on the span
        return "no-processor"
    if start.reads and (start.is_after or trace.sessions):
        return "context-lost-stream"
    return _cause_of_root(trace, bare) or _cause_of_trace(trace, bare, is_anywhere=is_anywhere)


def _cause_of_root(trace: Trace, bare: Bare) -> str:
    """Return the cause for which the local root has none, or the span itself."""
    above = [bare.start, *(each.start for each in trace.bare if each.start.is_root)]
    if any(each.is_own_trace for each in above):
        return "own-trace-of-framework"
    of_threads = [each for each in above if each.is_of_thread]
    if not of_threads:
        return ""
    # A library that is first used in a session may begin a thread there which serves everybody.
    is_apart = all(each.is_of_daemon for each in of_threads) and not _is_about_models(trace, bare)
    return "background" if is_apart else "context-lost-thread"


def _cause_of_trace(trace: Trace, bare: Bare, *, is_anywhere: bool) -> str:
    if trace.sessions:
        return "before-bind" if trace.is_ours else "unknown"
    if not _is_about_models(trace, bare):
        return "background" if is_anywhere else ELSEWHERE
    if {each.start.is_after for each in trace.bare} != {True, False}:
        return "unknown"
    # A session came and went within the trace: its server span has begun before.
    return "after-block" if bare.start.is_after and bare.is_llm else "before-bind"


def _is_about_models(trace: Trace, bare: Bare) -> bool:
    return bare.is_llm or any(each.is_llm for each in trace.bare)


def _matters(trace: Trace, bare: Bare, cause: str) -> bool:
    """Tell whether who looks for the session misses the span: not one that ended early below a root that has it."""
    return cause != "before-bind" or bare.is_llm or trace.is_with_root
