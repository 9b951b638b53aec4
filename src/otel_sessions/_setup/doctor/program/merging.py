"""What all processes of a program have written, as one: records may be of another version, or cut, so nothing is taken for granted."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .sightings import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True)
class Bare:
    """Spans without a session that are alike, and why they are."""

    service: str
    scope: str
    is_llm: bool
    cause: str
    provider: int = -1
    matters: bool = True
    where: str = ""
    is_of_other: bool = False
    """No session was set in its process."""


@dataclass
class Seen:
    """What was seen in all processes.

    Attributes:
        processes: Of each, what it is and how many spans it has ended.
        providers: Of each, what is known; `Bare.provider` is its place here.
        said: What the package has said: problem, level, text and place.
        is_off: Sessions are switched off in one of them.
        servers: Whether each request has a Context of its own, of each server of uvicorn.
    """

    processes: list[Mapping[str, Any]] = field(default_factory=list)
    providers: list[dict[str, Any]] = field(default_factory=list)
    spans: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    bare: Counter[Bare] = field(default_factory=Counter)
    names: dict[Bare, dict[str, None]] = field(default_factory=dict)
    torn: Counter[str] = field(default_factory=Counter)
    of_frameworks: Counter[str] = field(default_factory=Counter)
    displaced: Counter[str] = field(default_factory=Counter)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    said: dict[tuple[str, int, str, str], None] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    instrumented: set[str] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)
    dropped: int = 0
    sessions: int = 0
    is_off: bool = False
    servers: set[bool] = field(default_factory=set)

    @property
    def total(self) -> int:
        """How many spans have ended."""
        return sum(self.spans.values())

    @property
    def llm_total(self) -> int:
        """How many of them are of a model."""
        return sum(count for (_, _, is_llm), count in self.spans.items() if is_llm)

    def said_of(self, *problems: str) -> list[str]:
        """Return where the package has told of one of ``problems``, which are the beginnings or ends of their words."""
        return [where for problem, *_, where in self.said if problem.startswith(problems) or problem.endswith(problems)]


def merged(records: Iterable[Mapping[str, Any]]) -> Seen:
    """Return what ``records`` tell together."""
    seen = Seen()
    for record in records:
        with suppress(AttributeError, IndexError, KeyError, TypeError, ValueError):  # what another version has written
            _add(seen, record)
    _settle(seen)
    return seen


def _settle(seen: Seen) -> None:
    """Have spans of processes in which no session was set, and which are of none that was set elsewhere, tell so."""
    rows, names = seen.bare, seen.names
    seen.bare, seen.names = Counter(), {}
    for row, count in rows.items():
        settled = replace(row, cause=_settled_cause(row, has_sessions=seen.sessions > 0))
        seen.bare[settled] += count
        seen.names.setdefault(settled, {}).update(names[row])


def _settled_cause(row: Bare, *, has_sessions: bool) -> str:
    if row.cause == ELSEWHERE:
        return "background" if has_sessions else "unknown"
    return "context-lost-process" if row.cause == "unknown" and row.is_of_other and has_sessions else row.cause


def _add(seen: Seen, record: Mapping[str, Any]) -> None:
    seen.processes.append(record)
    seen.dropped += int(record.get("dropped", 0))
    seen.modules.update(record.get("modules", ()))
    pipelines, sightings = record.get("pipelines") or {}, record.get("seen") or {}
    seen.is_off |= bool(pipelines.get("is_off"))
    seen.servers.update(map(bool, record.get("servers") or ()))
    seen.instrumented.update(pipelines.get("instrumented", ()))
    seen.variables.update(pipelines.get("variables", {}))
    places = [_place_of(seen, provider) for provider in pipelines.get("providers", ())]
    for _, service, scope, is_llm, count in sightings.get("spans", ()):
        seen.spans[service, scope, is_llm] += count
    for bare, name, count in _bare_in(sightings, places):
        seen.bare[bare] += count
        seen.names.setdefault(bare, {})[name] = None
    for counts, name in ((seen.torn, "torn"), (seen.of_frameworks, "of_frameworks"), (seen.displaced, "displaced")):
        counts.update(dict(sightings.get(name, ())))
    seen.errors.update({(name, kind): count for name, kind, count in record.get("errors", ())})
    seen.failed.update({(what, kind): count for what, kind, count in record.get("failed", ())})
    seen.said.update(dict.fromkeys(map(tuple, record.get("said", ()))))
    seen.sessions += max(int(sightings.get("sessions", 0)), bool(sightings.get("opened", 0)))


def _bare_in(sightings: Mapping[str, Any], places: list[int]) -> Iterator[tuple[Bare, str, int]]:
    is_of_other = not (sightings.get("opened") or sightings.get("sessions"))
    for provider, service, scope, is_llm, name, cause, matters, where, count in sightings.get("bare", ()):
        place = places[provider] if 0 <= provider < len(places) else -1
        yield Bare(service, scope, is_llm, cause, place, matters, where, is_of_other), name, count


_SUMS = ("spans", "calls")


def _place_of(seen: Seen, provider: Mapping[str, Any]) -> int:
    """Return the place of ``provider``, which several processes may have each, as workers do."""
    same = {name: value for name, value in provider.items() if name not in {*_SUMS, "number", "filtered", "service"}}
    for place, known in enumerate(seen.providers):
        if known["same"] == same:
            for name in _SUMS:
                known[name] += provider[name]
            known["filtered"] = sorted({*known["filtered"], *provider["filtered"]})
            known["service"] = known["service"] or provider["service"]
            return place
    seen.providers.append({**provider, "same": same})
    return len(seen.providers) - 1
