"""Which spans of a program are in a session, as numbers and as a table."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from otel_sessions._setup.doctor.causes import CAUSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .merging import Seen

_OF_PROVIDER = ("is_global", "made_at", "service", "spans", "stamping", "processors", "exporters", "sampler")


def facts_of(seen: Seen) -> dict[str, object]:
    """Return what was seen, by the names that ``/api/coverage`` has for it, and processes and providers besides."""
    return {
        "processes": [_process(each) for each in seen.processes],
        "providers": [{name: each.get(name) for name in _OF_PROVIDER} for each in seen.providers],
        "spans": seen.total,
        "without_session": sum(seen.bare.values()),
        "llm_spans": seen.llm_total,
        "llm_without_session": sum(count for row, count in seen.bare.items() if row.is_llm),
        "groups": _groups(seen),
        "scopes": _scopes(seen),
    }


def _process(record: Any) -> dict[str, object]:  # noqa: ANN401  # as it was written
    sightings = record.get("seen") or {}
    return {
        "command": record.get("command"),
        "python": record.get("python"),
        "spans": sum(row[-1] for row in sightings.get("spans", ())),
    }


def _groups(seen: Seen) -> list[dict[str, object]]:
    groups: Counter[tuple[str, str, str]] = Counter()
    for row, count in seen.bare.items():
        groups[row.service, row.scope, row.cause] += count
    return [
        {"service": service, "scope": scope, "spans": count, "cause": cause, "remedy": CAUSES[cause].remedy}
        for (service, scope, cause), count in groups.most_common()
    ]


def _scopes(seen: Seen) -> list[dict[str, object]]:
    """Return by service and scope how many spans there are, how many have a session, and how many of those are of models."""
    spans: Counter[tuple[str, str]] = Counter()
    bare: Counter[tuple[str, str]] = Counter()
    llm: Counter[tuple[str, str]] = Counter()
    for (service, scope, is_llm), count in seen.spans.items():
        spans[service, scope] += count
        llm[service, scope] += count * is_llm
    for row, count in seen.bare.items():
        bare[row.service, row.scope] += count
    return [
        {"service": key[0], "scope": key[1], "spans": count, "llm_spans": llm[key], "without_session": bare[key]}
        for key, count in spans.most_common()
    ]


_MOST_SHOWN = 12
_LONGEST = 60
_HEAD = ("spans", "in a session", "model calls", "service", "scope")


def coverage_rows(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of `facts_of`, as a person reads it."""
    shown = facts["scopes"][:_MOST_SHOWN]
    rows = [
        (
            str(each["spans"]),
            _share(each),
            str(each["llm_spans"] or ""),
            each["service"][:_LONGEST],
            each["scope"][:_LONGEST],
        )
        for each in shown
    ]
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    for row in (_HEAD, *rows):
        numbers = (cell.rjust(width) for cell, width in zip(row[:3], widths[:3], strict=True))
        texts = (cell.ljust(width) for cell, width in zip(row[3:], widths[3:], strict=True))
        yield "  ".join((*numbers, *texts)).rstrip()
    if len(facts["scopes"]) > _MOST_SHOWN:
        yield f"and {len(facts['scopes']) - _MOST_SHOWN} more"
    yield _last(facts)


def _share(row: Mapping[str, Any]) -> str:
    return f"{100 * (row['spans'] - row['without_session']) // row['spans']} %"


def _last(facts: Mapping[str, Any]) -> str:
    spans, llm = facts["spans"], facts["llm_spans"]
    text = f"{spans - facts['without_session']} of {spans} spans are in a session"
    return f"{text}, and {llm - facts['llm_without_session']} of {llm} model calls." if llm else f"{text}."
