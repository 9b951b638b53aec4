"""Where a scenario plays: one tool that is set up, what its pipeline exports, and what it logs at ERROR."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ._outcome import NO_IDS, Ids, Outcome, fails, judged, passes
from ._recorder import Recorder

if TYPE_CHECKING:
    from ._tools import Tool


class _Noise(logging.Handler):
    """Counts what is logged at ERROR."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Stage:
    """One tool, set up as its documentation says."""

    def __init__(self, tool: Tool) -> None:
        """Set the tool up."""
        self.tool = tool
        self.recorder = Recorder()
        self._noise = _Noise()
        logging.getLogger().addHandler(self._noise)
        tool.set_up(self.recorder)

    @property
    def error_records(self) -> int:
        """How many records were logged at ERROR so far, by anybody."""
        return len(self._noise.records)

    def mark(self, name: str = "mark") -> None:
        """Start and end a span, to see which session is there."""
        self.tool.tracer().start_span(name).end()

    def ids(self, name: str = "mark") -> list[Ids]:
        """Return the session and user of each exported span called ``name``."""
        tool = self.tool
        return [Ids(each.get(tool.session_key), each.get(tool.user_key)) for each in self.recorder.attributes(name)]

    def have(self, wanted: Ids, *names: str) -> Outcome:
        """Tell whether each span with one of these names has both of these ids."""
        found = [ids for name in names for ids in self.ids(name)]
        right = sum(each == wanted for each in found)
        wrong = any(each.session not in {None, wanted.session} for each in found)  # worse than none
        if right == len(found) == 1:
            return passes("on the span")
        if len(found) == 1:
            return fails("another session" if wrong else "not on the span")
        count = f"{right} of {len(found)} spans"
        return judged(bool(found) and right == len(found), count, f"{count}{', another session' * wrong}")

    def clean(self, name: str) -> Outcome:
        """Tell whether no span called ``name`` has a session or a user."""
        found = self.ids(name)
        return judged(bool(found) and all(each == NO_IDS for each in found), "clean", "leaks")

    def quiet(self) -> Outcome:
        """Tell whether nothing was logged at ERROR."""
        count = self.error_records
        return judged(not count, "quiet", f"{count} ERROR record{'s' if count != 1 else ''}")
