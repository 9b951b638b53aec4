"""What the applications do: which sessions there are, of how many turns, and which process holds each turn.

The programs that make the spans and the tests that look for them read it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL_CALL = "ChatCompletion"
SPANS_OF_A_TURN = ("reply", MODEL_CALL, "search")
TURN_NUMBER = "turn.number"


class Key(NamedTuple):
    """One span: there is one of each, so what arrives twice or not at all can be told."""

    session_id: str
    turn: int
    name: str


@dataclass(frozen=True)
class Plan:
    """A run of all the applications together.

    Attributes:
        name: Begins each session id, so that runs can be told apart.
        sessions: How many there are.
        turns: How many each session has. They are held one after the other, all sessions in between.
        processes: How many applications there are; the turns of a session are held in one after another.
        failing_every: Of so many sessions the last turn of one ends in an error; 0 for none.
        failed_check_every: Of so many sessions the first turn of one fails a check; 0 for none.
        pause: Seconds between one turn of all the sessions and the next.
    """

    name: str
    sessions: int
    turns: int = 3
    processes: int = 2
    failing_every: int = 0
    failed_check_every: int = 0
    pause: float = 0.0

    def session_ids(self) -> list[str]:
        return [self.session_id(number) for number in range(self.sessions)]

    def session_id(self, number: int) -> str:
        return f"{self.name}-{number:05d}"

    def user_id(self, number: int) -> str:
        return f"{self.name}-user-{number % 97}"

    def process_of(self, number: int, turn: int) -> int:
        return (number + turn) % self.processes

    def has_error(self, number: int) -> bool:
        return self.failing_every > 0 and number % self.failing_every == self.failing_every - 1

    def has_failed_check(self, number: int) -> bool:
        return self.failed_check_every > 0 and number % self.failed_check_every == self.failed_check_every - 1

    def spans(self) -> Iterator[Key]:
        """Give every span that is made."""
        for number in range(self.sessions):
            yield from self.spans_of(number)

    def spans_of(self, number: int) -> Iterator[Key]:
        session_id = self.session_id(number)
        for turn in range(self.turns):
            for name in SPANS_OF_A_TURN:
                yield Key(session_id, turn, name)
        if self.has_failed_check(number):
            yield Key(session_id, 0, "check polite")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        return cls(**json.loads(text))
