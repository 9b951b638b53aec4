"""Sessions as OTLP JSON lines, as the Collector's file exporter writes them, out and in."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from otel_sessions.view.wire.json_form import logs_from_json, logs_to_json, traces_from_json, traces_to_json
from otel_sessions.view.wire.reading import InvalidOTLPError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from otel_sessions.view.store.interface import StoredTrace
    from otel_sessions.view.wire.batch import Batch

# What a line holds is told by its first names; the protocol allows both spellings.
_KIND = re.compile(rb'"resource_?(spans|logs|metrics)"', re.IGNORECASE)
# So many lines are named one by one; a file of another kind has a million.
_MOST_PROBLEMS = 100


def lines_of(trace: StoredTrace) -> Iterator[bytes]:
    """Yield the lines of one trace."""
    if trace.spans:
        yield traces_to_json(trace.spans) + b"\n"
    if trace.logs:
        yield logs_to_json(trace.logs) + b"\n"


def load(lines: Iterable[bytes], write: Callable[[Batch], None]) -> tuple[int, list[str]]:
    """Hand each line to ``write``; return how many spans and records were good, and what was wrong, by line."""
    problems: list[str] = []
    taken = unnamed = 0
    for number, line in enumerate(lines, 1):
        batch, wrong = _read(line)
        if batch is not None:
            write(batch)
            taken += len(batch.spans) + len(batch.logs)
        if wrong and len(problems) < _MOST_PROBLEMS:
            problems.append(f"line {number}: {wrong}")
        elif wrong:
            unnamed += 1
    if unnamed:
        problems.append(f"{unnamed} more lines")
    return taken, problems


def _read(line: bytes) -> tuple[Batch | None, str]:
    line = line.strip()
    if not line:
        return None, ""
    kind = _KIND.search(line)
    if kind is None:
        return None, _why_none(line)
    if kind[1].lower() == b"metrics":
        return None, "metrics are not kept"
    try:
        batch = (traces_from_json if kind[1].lower() == b"spans" else logs_from_json)(line)
    except InvalidOTLPError as error:
        return None, str(error)
    return batch, "; ".join(batch.reasons)


def _why_none(line: bytes) -> str:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return "no JSON"
    return "no OTLP: neither resourceSpans nor resourceLogs"
