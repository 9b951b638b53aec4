"""What the span processors have done, as numbers: for the application, and as an OpenTelemetry metric. No ids."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING
from weakref import ref

from opentelemetry.metrics import Observation

from otel_sessions import _diagnostics
from otel_sessions._forks import ForkSafeLock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from opentelemetry.metrics import CallbackOptions, MeterProvider

    class HasStats(Protocol):
        def stats(self) -> Stats: ...


@dataclass(slots=True)
class Stats:
    """How many spans a `SessionSpanProcessor`, or all of a process, have seen, by what was done.

    Attributes:
        stamped: Carry a session (or a user alone).
        without_session: Have started where there is none, or inside `clear_session`.
        displaced: Had started with another session id than the scope's.
        evicted: Had lost an id to the attribute limit, and got it back when they ended.
        overwritten: Had started with the scope's id, and were given another one later; counted once, as `displaced` is,
            and whoever wins.
        bound_late: Were open when `bind_session` put another session on them.
        from_call: Had no user, or no session, and got it when they ended: from the call of a model, or the framework, that they
            tell of.
        displaced_conversation: Have named another ``gen_ai.conversation.id`` than the session's, at their start or
            later, with the dialect ``genai``.
        out_of_reach: Were given another session id by a span processor that stands behind that of an exporter, where
            it can't be mended.
    """

    stamped: int = 0
    without_session: int = 0
    displaced: int = 0
    evicted: int = 0
    overwritten: int = 0
    bound_late: int = 0
    from_call: int = 0
    displaced_conversation: int = 0
    out_of_reach: int = 0


class _Process:
    """What the processors of this process have counted, those that are gone as well."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._counts: dict[object, Stats] = {self: Stats()}  # under this key that of all that are gone

    def add(self, owner: object, counts: Stats) -> None:
        """Take in ``counts``, which change as long as the ``owner`` lives."""
        with self._lock:
            self._counts[ref(owner, self._ended)] = counts

    def total(self) -> Stats:
        """Return the sum."""
        with self._lock:
            return _sum(list(self._counts.values()))

    def _ended(self, owner: object) -> None:
        with self._lock:
            self._counts[self] = _sum([self._counts[self], self._counts.pop(owner)])


def _sum(counts: Iterable[Stats]) -> Stats:
    return Stats(*map(sum, zip(*map(astuple, counts), strict=True)))


COUNTED = _Process()
count_in_process = COUNTED.add


def stats() -> Stats:
    """Return what all span processors of this package in this process have done so far, whoever has added them.

    ::

        assert stats().stamped >= 1

    It is the sum of what `SessionSpanProcessor.stats` tells of each, of those of `instrument` too, and of those that were
    shut down or are gone. A span that several see is counted once. The numbers of a forked child go on from those of its parent.
    """
    return COUNTED.total()


def observe(source: HasStats, meter_provider: MeterProvider) -> None:
    """Make the metric ``otel_sessions.spans`` of what ``source`` tells, as long as that lives.

    An asynchronous counter that may go down (a span that is bound late is no longer without a session), unit ``{span}``, by the attribute ``otel_sessions.outcome``: the names of `Stats`.
    """
    weak = ref(source)

    def observed(_options: CallbackOptions) -> Iterable[Observation]:
        alive = weak()
        counts = {} if alive is None else asdict(alive.stats())
        return [Observation(count, {"otel_sessions.outcome": outcome}) for outcome, count in counts.items()]

    try:
        meter_provider.get_meter("otel_sessions", version("otel-sessions")).create_observable_up_down_counter(
            "otel_sessions.spans",
            [observed],
            unit="{span}",
            description="Spans seen by the session processor, by outcome",
        )
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _diagnostics.warn_caller("metric", "meter_provider: making a metric raised %s", type(error).__name__)
