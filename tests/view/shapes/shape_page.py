"""The tables of docs/reference/shapes.md, made from those of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions.view.shapes import content_names, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from otel_sessions.view.shapes.facts import Kind
    from otel_sessions.view.shapes.names import Name

KNOWN = {"run": "run", "code": "its source", "doc": "documented", "": "-"}


def code(text: str) -> str:
    return f"`{text}`"


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def table(*header: str, rows: Iterable[str]) -> list[str]:
    return [row(*header), row(*["---"] * len(header)), *rows]


def seen(name: Name) -> str:
    return f"[page]({name.seen_in})" if name.seen_in.startswith("https:") else name.seen_in or "-"


def of_names(rows: Iterable[Name]) -> list[str]:
    return table("attribute", "whose", "seen in", "known by", rows=map(of_name, rows))


def of_name(name: Name) -> str:
    inside = f": {', '.join(map(code, name.inside))}" if name.inside else ""
    return row(code(name.key) + inside, name.convention, seen(name), KNOWN[name.source])


def of_tokens() -> Iterator[str]:
    for field, rows in content_names.TOKENS.items():
        for name in rows:
            yield row(field.replace("_", " "), code(name.key), name.convention, seen(name), KNOWN[name.source])


def of_kinds() -> Iterator[str]:
    for name, kinds in names.KINDS.items():
        by_kind: dict[Kind, list[str]] = {}
        for value, kind in kinds.items():
            by_kind.setdefault(kind, []).append(value)
        said = "; ".join(f"{word(kind)}: {', '.join(map(code, values))}" for kind, values in by_kind.items())
        yield row(code(name.key), said, name.convention, seen(name))


def of_keys(kinds: Mapping[Name, Kind]) -> Iterator[str]:
    for name, kind in kinds.items():
        yield row(code(name.key), word(kind), name.convention, seen(name))


def word(kind: Kind) -> str:
    return kind.name.lower().replace("_", " ")


TABLES = {
    "sessions": of_names(names.SESSIONS),
    "users": of_names(names.USERS),
    "fields": of_names((*names.SESSION_NAMES, *names.PATHS, *names.PREVIOUS, *names.DISPLACED)),
    "kinds": table("attribute", "what its values mean", "whose", "seen in", rows=of_kinds()),
    "keys": table("attribute", "means", "whose", "seen in", rows=of_keys(names.KINDS_BY_KEY)),
    "models": of_names((*names.MODELS, *names.MODELS_OF_CALLS)),
    "tokens": table("what", "attribute", "whose", "seen in", "known by", rows=of_tokens()),
    "usages": of_names(content_names.USAGES),
    "accumulated": table("scope", "whose", "seen in", "known by", rows=map(of_name, content_names.ACCUMULATED)),
    "costs": of_names(names.COSTS),
    "errors": table(
        "attribute",
        "value",
        "whose",
        "seen in",
        rows=(row(code(n.key), code(v), n.convention, seen(n)) for n, v in names.ERRORS.items()),
    ),
    "error texts": of_names(names.ERROR_TEXTS),
    "calls": of_names((*names.STATUS_CODES, *names.URLS, *names.METHODS)),
    "inputs": of_names(content_names.INPUTS),
    "outputs": of_names(content_names.OUTPUTS),
    "events": table("event", "side", rows=(row(code(event), side) for event, side in content_names.EVENTS.items())),
    "logs": table(
        "event",
        "attribute",
        "side",
        "whose",
        "seen in",
        "known by",
        rows=(
            row(code(event), code(log.key), log.side, log.convention, log.seen_in, KNOWN[log.source])
            for event, log in content_names.LOGS.items()
        ),
    ),
}
"""By the names that stand before them on the page: ``<!-- sessions -->``."""
