"""A kind of what can be found in source: its code and level, and texts that take in the names of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_sessions._setup.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_sessions._setup.doctor.finding import Level

_ANY = {
    "call": "set_session(...)",
    "name": "scope",
    "function": "set_session",
    "set": "set_session",
    "bind": "bind_session",
    "value": "value",
    "next": "...",
    "owner": "answer",
    "field": "session_id",
    "kind": "def",
    "decorator": '@app.post("/chat")',
    "right": "from otel_sessions.sdk import instrument",
    "reason": "why not",
}
"""What stands on the page for what a finding takes from the source."""


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding; the texts have fields for what the source has: its calls and its names.

    Attributes:
        write: What to write in short, for the page, where the remedy has several lines.
    """

    code: str
    level: Level
    what: str
    why: str
    remedy: str
    write: str = ""

    def found(self, where: str, texts: Mapping[str, str], level: Level | None = None) -> Finding:
        """Return the finding at ``where``."""
        told = {**_ANY, **texts}
        return Finding(
            code=self.code,
            level=level or self.level,
            what=self.what.format_map(told),
            where=where,
            why=self.why.format_map(told),
            remedy=self.remedy.format_map(told),
        )

    def row(self, example: Mapping[str, str]) -> tuple[str, str, str, str]:
        """Return its row on the page: code, level, what, what to write, with ``example`` in the place of the source."""
        told = {**_ANY, **example}
        write = self.write or f"`{self.remedy}`"
        return self.code, self.level, self.what.format_map(told), write.format_map(told)
