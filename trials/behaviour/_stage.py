"""Where a scenario plays: one tool that is set up, what its pipeline exports, and what it logs at ERROR."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from ._outcome import NO_IDS, Ids, Outcome, fails, judged, passes
from ._recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import SpanProcessor

    from ._tools import Tool


class _Noise(logging.Handler):
    """Counts what is logged at ERROR."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Stage:
    """One tool, set up as its documentation says.

    Args:
        tool: The tool.
        first: The processor that the application has before, in place of its exporter, which `export_last` adds then.
    """

    def __init__(self, tool: Tool, first: SpanProcessor | None = None) -> None:
        """Set the tool up."""
        self.tool = tool
        self.recorder = Recorder(first)
        self._noise = _Noise()
        logging.getLogger().addHandler(self._noise)
        tool.set_up(self.recorder)

    def export_last(self, *processors: SpanProcessor) -> None:
        """Add ``processors`` behind all that are there, and the exporter behind these."""
        for processor in (*processors, SimpleSpanProcessor(self.recorder)):
            trace.get_tracer_provider().add_span_processor(processor)  # type: ignore[attr-defined]

    @property
    def error_records(self) -> int:
        """How many records were logged at ERROR so far, by anybody."""
        return len(self._noise.records)

    def mark(self, name: str = "mark") -> None:
        """Start and end a span, to see which session is there."""
        self.tool.tracer().start_span(name).end()

    def ids(self, name: str = "mark") -> list[Ids]:
        """Return the session and user of each exported span called ``name``."""
        return [self.ids_in(attributes) for attributes in self.recorder.attributes(name)]

    def ids_in(self, attributes: Mapping[str, Any]) -> Ids:
        """Return the session and user among ``attributes``."""
        return Ids(attributes.get(self.tool.session_key), attributes.get(self.tool.user_key))

    def have(self, wanted: Ids, *names: str) -> Outcome:
        """Tell whether each span with one of these names has both of these ids."""
        return _all_are(wanted, [ids for name in names for ids in self.ids(name)])

    def all_have(self, wanted: Ids, library: str, *but: str) -> Outcome:
        """Tell whether each span but those called ``but`` has both of these ids, and there are some of ``library``."""
        spans = [span for span in self.recorder.spans() if span.name not in but]
        if not any(span.library.startswith(library) for span in spans):
            return fails("no span of the framework")
        return _all_are(wanted, [self.ids_in(span.attributes) for span in spans])

    def clean(self, name: str) -> Outcome:
        """Tell whether no span called ``name`` has a session or a user."""
        found = self.ids(name)
        return judged(bool(found) and all(each == NO_IDS for each in found), "clean", "leaks")

    def fresh(self, name: str) -> Outcome:
        """Tell whether each span called ``name`` has no session, no user, and a trace of its own."""
        is_root = all(span.is_root for span in self.recorder.spans() if span.name == name)
        own_trace = judged(is_root, "clean, traces of their own", "in the trace of before")
        leaks = self.clean(name)
        return own_trace if leaks.is_pass else leaks

    def quiet(self) -> Outcome:
        """Tell whether nothing was logged at ERROR."""
        count = self.error_records
        return judged(not count, "quiet", f"{count} ERROR record{'s' if count != 1 else ''}")


def _all_are(wanted: Ids, found: Sequence[Ids]) -> Outcome:
    right = sum(each == wanted for each in found)
    wrong = any(each.session not in {None, wanted.session} for each in found)  # worse than none
    if right == len(found) == 1:
        return passes("on the span")
    if len(found) == 1:
        return fails("another session" if wrong else "not on the span")
    count = f"{right} of {len(found)} spans"
    return judged(bool(found) and right == len(found), count, f"{count}{', another session' * wrong}")
