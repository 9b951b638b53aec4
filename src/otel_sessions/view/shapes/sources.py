"""What the source of a span says: the service, the scope, and whose all of it is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from . import content_names, ids, names
from . import raw as wire
from .facts import Named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_sessions.view.wire.batch import Source

    from .names import Name

_BROWSER = "webjs"
_MOST = 2048


class SourceFacts(NamedTuple):
    """What holds for all spans of a source.

    Attributes:
        service: ``service.name``.
        scope: The name of the instrumentation scope.
        session: What the resource names, ``None`` for none.
        user: The same.
        is_browser: It is a browser's SDK, whose session is a visit.
        is_ours: The scope is that of this package.
        accumulates: See `content_names.ACCUMULATED`.
    """

    service: str
    scope: str
    session: Named | None
    user: Named | None
    is_browser: bool
    is_ours: bool
    accumulates: bool


def rank_of(place: int, rows: Sequence[Name], *, is_resource: bool) -> int:
    """Return the rank of a row: the first one on spans, then on the resource, then the others on spans, then there."""
    if place == 0:
        return names.RESOURCE_RANK if is_resource else 0
    return place + (len(rows) if is_resource else 1)


@lru_cache(_MOST)
def facts_of_source(source: Source) -> SourceFacts:
    """Return what a source says."""
    attributes = [
        raw if wire.is_usual(raw) else wire.canonical(raw)
        for raw in wire.parsed(wire.Resource, source.resource).attributes
    ]
    by_key = {wire.text_of(raw[2 : raw[1] + 2]): raw for raw in attributes}
    is_browser = _text(by_key, "telemetry.sdk.language") == _BROWSER
    scope = ids.encodable(wire.text_of(wire.parsed(wire.Scope, source.scope).name))
    session = _named(by_key, names.SESSIONS)
    return SourceFacts(
        _text(by_key, "service.name"),
        scope,
        visit_of(session) if is_browser and session is not None else session,
        _named(by_key, names.USERS),
        is_browser,
        scope == OUR_SCOPE,
        scope in _ACCUMULATED,
    )


OUR_SCOPE = "otel_sessions"
_ACCUMULATED = frozenset(row.key for row in content_names.ACCUMULATED)


def visit_of(session: Named) -> Named:
    """Return ``session`` as a browser means it: last in rank, where it is what such an SDK writes."""
    if session.key not in names.VISITS:
        return session
    return Named(session.id, session.key, names.VISIT_RANK)


def named_in(raw: bytes, row: Name, rank: int) -> Named | None:
    """Return what an attribute in its usual form names, ``None`` for nothing."""
    if row.inside:
        key, found = ids.ids_in_json(raw, row.inside)
        return Named(found, f"{row.key}.{key}", rank) if found else None
    found = ids.id_in(raw)
    return Named(found, row.key, rank) if found else None


def _named(by_key: dict[str, bytes], rows: Sequence[Name]) -> Named | None:
    for place, row in enumerate(rows):
        found = named_in(by_key[row.key], row, rank_of(place, rows, is_resource=True)) if row.key in by_key else None
        if found is not None:
            return found
    return None


def _text(by_key: dict[str, bytes], key: str) -> str:
    return wire.text_in(by_key[key]) if key in by_key else ""
