"""What a row of the table is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace import SpanProcessor

    from ._outcome import Outcome
    from ._stage import Stage


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row.

    Attributes:
        name: What the command line calls it.
        title: What the table calls it: the good behaviour.
        what: What exactly is run.
        run: Runs it; an exception is what the application would have got.
        environment: Variables that are set before anything is imported.
        first: Makes the processor that the application's pipeline has before the tool is set up; its exporter stands
            behind everything then.
    """

    name: str
    title: str
    what: str
    run: Callable[[Stage], Outcome]
    environment: Mapping[str, str] = field(default_factory=dict)
    first: Callable[[], SpanProcessor] | None = None


def scenario(
    title: str,
    what: str,
    environment: Mapping[str, str] | None = None,
    first: Callable[[], SpanProcessor] | None = None,
) -> Callable[[Callable[[Stage], Outcome]], Scenario]:
    """Make a row of a function."""

    def made(run: Callable[[Stage], Outcome]) -> Scenario:
        return Scenario(run.__name__.replace("_", "-"), title, what, run, environment or {}, first)

    return made
