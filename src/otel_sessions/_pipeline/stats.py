"""What a span processor has done, as numbers: for the application, and as an OpenTelemetry metric. No ids."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING
from weakref import ref

from opentelemetry.metrics import Observation

from otel_sessions import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from opentelemetry.metrics import CallbackOptions, MeterProvider

    class HasStats(Protocol):
        def stats(self) -> Stats: ...


@dataclass(slots=True)
class Stats:
    """How many spans a `SessionSpanProcessor` has seen, by what it did.

    Attributes:
        stamped: Carry a session (or a user alone).
        without_session: Have started where there is none, or inside `clear_session`.
        displaced: Had started with another ``session.id`` than the scope's.
        evicted: Had lost an id to the attribute limit, and got it back when they ended.
        overwritten: Had their id set over by an instrumentation after the start, and got it back.
        bound_late: Were open when `bind_session` put another session on them.
        from_call: Had no user, or no session, and got it from the call of a model that they tell of.
    """

    stamped: int = 0
    without_session: int = 0
    displaced: int = 0
    evicted: int = 0
    overwritten: int = 0
    bound_late: int = 0
    from_call: int = 0


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
