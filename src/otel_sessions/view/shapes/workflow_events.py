"""What LlamaIndex writes of the events and messages of its workflows: the repr of its objects, which nobody reads as words. Pure.

The words are on the calls of the model below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_EVENTS = (
    "StopEvent(result=",
    "AgentInput(input=",
    "AgentSetup(input=",
    "AgentOutput(response=",
    '{"init_state": {',  # of a run that goes on from another one; mostly too long to be JSON
)
_MESSAGE = "ChatMessage(role=<MessageRole."


def is_event(text: str) -> bool:
    """Tell whether ``text`` is the repr of an event, or begins with the state of a workflow."""
    return text.startswith(_EVENTS)


def holds_events(value: Mapping[str, object]) -> bool:
    """Tell whether ``value`` is what a step of a workflow was given: its event, or the reprs of messages."""
    if "start_event" in value or ("ctx" in value and "ev" in value):
        return True
    lists = (value.get("messages"), value.get("chat_history"))
    return any(isinstance(each, list) and each[:1] and str(each[0]).startswith(_MESSAGE) for each in lists)
