"""What a backend shows of a project, in words that are the same for all of them."""

from __future__ import annotations

from typing import NamedTuple


class Turn(NamedTuple):
    """One trace of a session."""

    trace_id: str
    input: str
    output: str
    spans: int
    """How many spans the backend has of it."""


class Shown(NamedTuple):
    """One session; its turns in the order in which the backend shows them."""

    user_id: str | None
    turns: tuple[Turn, ...]
