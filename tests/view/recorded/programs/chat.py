"""The whole conversation by OpenAI's client, whoever traces that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import openai

from application import FIND_ORDER, LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Chat:
    """One conversation.

    Args:
        client: Asks the model.
        turn: What is put around each turn.
    """

    def __init__(self, client: openai.OpenAI, turn: Callable[[], AbstractContextManager]) -> None:
        self.client = client
        self.turn = turn
        self.messages = []

    def ask(self, question: str) -> str:
        """Have a question answered, by the tool if need be."""
        self.messages.append({"role": "user", "content": question})
        with self.turn():
            message = self.complete(tools=[FIND_ORDER])
            while message.tool_calls:
                self.messages.append(message.to_dict())
                for call in message.tool_calls:
                    found = find_order(**json.loads(call.function.arguments))
                    self.messages.append({"role": "tool", "tool_call_id": call.id, "content": found})
                message = self.complete(tools=[FIND_ORDER])
        self.messages.append({"role": "assistant", "content": message.content})
        return message.content

    def leave(self, question: str) -> None:
        """Leave a streamed answer after its first word."""
        self.messages.append({"role": "user", "content": question})
        with self.turn():
            stream = self.complete_streaming()
            for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    break
            stream.close()

    def be_refused(self, question: str) -> None:
        """Ask what the model refuses."""
        self.messages.append({"role": "user", "content": question})
        with self.turn():
            try:
                self.complete()
            except openai.RateLimitError:
                return
        message = "the model has answered"
        raise AssertionError(message)

    def complete(self, **options):
        return self.client.chat.completions.create(model=MODEL, messages=self.messages, **options).choices[0].message

    def complete_streaming(self):
        return self.client.chat.completions.create(
            model=MODEL, messages=self.messages, stream=True, stream_options={"include_usage": True}
        )


def of_ada(chat: Chat) -> None:
    chat.ask(ORDER)
    chat.ask(NEIGHBOUR)


def of_bob(chat: Chat) -> None:
    chat.leave(LISBON)
    chat.be_refused(TOO_MUCH)
