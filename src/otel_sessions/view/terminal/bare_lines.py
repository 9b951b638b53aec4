"""OTLP JSON lines without content: ids, times, kinds, models and counts stay, and words go. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from otel_sessions.view.shapes import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What tells whose a span is, what it is of, and by which model, in any convention, but no JSON with more in it ...
_TABLES = (names.SESSIONS, names.USERS, names.SESSION_NAMES, names.PATHS, names.PREVIOUS, names.DISPLACED, names.MODELS)
_OF_TABLES = frozenset(row.key for table in (*_TABLES, tuple(names.KINDS)) for row in table if not row.inside)
# ... what happened, without words for it ...
_KEPT = frozenset(
    {
        "error.type",
        "exception.type",
        "gen_ai.agent.name",
        "gen_ai.evaluation.name",
        "gen_ai.evaluation.score.label",
        "gen_ai.evaluation.score.value",
        "gen_ai.provider.name",
        "gen_ai.system",
        "gen_ai.tool.name",
        "host.name",
        "http.request.method",
        "http.response.status_code",
        "process.pid",
        "tool.name",
    }
)
# ... and how many tokens.
_KEPT_BELOW = ("gen_ai.usage.", "llm.token_count.", "service.", "telemetry.")


def bare_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines that ``lines`` make, each with its line end, without what was said in the session."""
    for line in _whole(lines):
        if line.strip():
            yield json.dumps(_bare(json.loads(line)), separators=(",", ":")).encode() + b"\n"


def _whole(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    yield rest


def _bare(value: Any, key: str = "") -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, list):
        if key == "attributes":
            return [pair for pair in value if _is_kept(pair.get("key", ""))]
        return [_bare(item, key) for item in value]
    if isinstance(value, dict):
        return {name: _bare(item, name) for name, item in value.items() if not _is_said(key, name)}
    return value


def _is_said(holder: str, name: str) -> bool:
    """Tell whether a field holds what a person or a program wrote: the body of a record, the message of a status."""
    return (holder, name) in {("logRecords", "body"), ("status", "message")}


def _is_kept(key: str) -> bool:
    return key in _KEPT or key in _OF_TABLES or key.startswith(_KEPT_BELOW)
