"""Rows about an id that is known only after spans have started, and about ids that others put there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ._outcome import ADA, Outcome, judged
from ._scenario import scenario

if TYPE_CHECKING:
    from ._stage import Stage

_MADE_UP = "run-8f3a"


async def _learn_late(stage: Stage) -> None:
    """Play a turn of four spans and another task, in which the ids become known inside the third span."""
    tracer = stage.tool.tracer()
    known = asyncio.Event()

    async def other_task() -> None:
        await known.wait()
        stage.mark("elsewhere")

    async def current() -> None:
        with stage.tool.late(ADA):
            stage.mark("later")
            known.set()
            await task
        stage.mark("later")

    with tracer.start_as_current_span("root"):
        task = asyncio.create_task(other_task())
        sibling = tracer.start_span("open sibling")
        await stage.tool.in_span("current", current)
        stage.mark("later")
        sibling.end()
    stage.mark("next request")


def _learnt(stage: Stage, *names: str) -> Outcome:
    asyncio.run(_learn_late(stage))
    return stage.have(ADA, *names)


@scenario(
    "Late id: the current span gets it",
    "A root span, a sibling that stays open and a current span are open when the tool is told the ids, in the way that "
    "it has for this; another task of the same trace waits.",
)
def late_current(stage: Stage) -> Outcome:
    return _learnt(stage, "current")


@scenario("… and the other open spans of the trace", "The same: the root span and the open sibling.")
def late_open(stage: Stage) -> Outcome:
    return _learnt(stage, "root", "open sibling")


@scenario(
    "… and all later spans of the trace",
    "The same: spans from then on, up to the end of the root span.",
)
def late_later(stage: Stage) -> Outcome:
    return _learnt(stage, "later")


@scenario(
    "… also those of its other tasks",
    "The same: a later span of the task that was there before.",
)
def late_other_task(stage: Stage) -> Outcome:
    return _learnt(stage, "elsewhere")


@scenario("… but not the next request", "The same: a span in the same task after the end of the root span.")
def late_next_request(stage: Stage) -> Outcome:
    asyncio.run(_learn_late(stage))
    return stage.clean("next request")


def _run_of_a_framework(stage: Stage) -> dict[str, object]:
    attributes = {"session.id": _MADE_UP}
    with stage.tool.scope(ADA), stage.tool.tracer().start_as_current_span("agent run", attributes=attributes):
        pass
    return stage.recorder.attributes("agent run")[0]


@scenario(
    "A framework's made-up session id loses",
    "In the block a span starts with an attribute `session.id` of its own, as frameworks with an id per run do: the "
    "block's id is under the tool's key.",
)
def made_up_loses(stage: Stage) -> Outcome:
    found = _run_of_a_framework(stage).get(stage.tool.session_key)
    own = "" if stage.tool.session_key == "session.id" else ", under its own key"
    return judged(found == ADA.session, f"the block's id{own}", "the framework's id")


@scenario("… and is not lost", "The same: the framework's id is on the span, too.")
def made_up_kept(stage: Stage) -> Outcome:
    keys = [key for key, value in _run_of_a_framework(stage).items() if value == _MADE_UP]
    return judged(bool(keys), f"as `{', '.join(keys)}`", "overwritten")


ROWS = (late_current, late_open, late_later, late_other_task, late_next_request, made_up_loses, made_up_kept)
