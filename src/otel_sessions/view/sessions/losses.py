"""Why one trace has no session, by what the traces of sessions show that stand beside it: a rule for each cause.

Where no rule holds, nobody but who wrote the program can tell: a wrong remedy costs more than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from . import losses_in_time, losses_proved

if TYPE_CHECKING:
    from collections.abc import Callable

    from .lost import Lost, Verdict


_Rules: TypeAlias = "tuple[Callable[[Lost], Verdict | None], ...]"

_PROVED: _Rules = (
    losses_proved.of_links,
    losses_proved.of_messages,
    losses_proved.of_services,
    losses_proved.of_providers,
    losses_proved.of_late_sessions,
)
_IN_TIME: _Rules = (
    losses_in_time.of_children,
    losses_in_time.of_streams,
    losses_in_time.of_frameworks,
    losses_in_time.of_threads,
)


def verdict_of(lost: Lost) -> Verdict | None:
    """Return why a trace has no session, ``None`` where that can't be told.

    The remedies are for Python: of other languages only what needs none is told. What has a parent that never came has
    not lost the Context.
    """
    rules: _Rules = (losses_proved.of_machines,)
    if lost.root.process.language == "python":
        rules += _PROVED if lost.root.facts.parent_span_id else _PROVED + _IN_TIME
    return next((found for rule in rules if (found := rule(lost)) is not None), None)
