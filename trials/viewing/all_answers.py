"""Every answer of the API, as one value that can be compared."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server import Server

# A machine that has other things to do is slow.
_STAYS_SECONDS = 3.0
_LISTS = (
    ("sessions", {"sort": "-end"}),
    ("sessions", {"sort": "-tokens", "error": "true"}),
    ("sessions", {"torn": "true"}),
    ("sessions", {"q": "refund invoice"}),
    ("users", {"sort": "-sessions"}),
    ("traces", {"session": "none"}),
)


def settled(server: Server) -> dict[str, Any]:
    """Return what it says of coverage when it says that again and again: lists come a while after the spans."""
    last, since = server.get("/api/coverage"), time.monotonic()
    while time.monotonic() - since < _STAYS_SECONDS:
        time.sleep(0.2)
        found = server.get("/api/coverage")
        if found != last:
            last, since = found, time.monotonic()
    return last


def digests(server: Server) -> dict[str, str]:
    """Return by path a digest of the answer: all pages of the lists, every session whole, and coverage.

    Where the order of spans in a trace is not promised, it is by their ids here.
    """
    found: dict[str, str] = {"coverage": _digest(settled(server))}
    ids: list[str] = []
    for name, parameters in _LISTS:
        rows = list(_rows(server, name, parameters))
        found[f"{name} {urlencode(parameters)}"] = _digest(rows)
        ids += [row["id"] for row in rows] if name == "sessions" else []
    for session in sorted(set(ids)):
        found[session] = _digest(list(_pages(server, f"/api/sessions/{quote(session, safe='')}", {"limit": "200"})))
    return found


def _rows(server: Server, name: str, parameters: dict[str, str]) -> Iterator[Any]:
    for page in _pages(server, f"/api/{name}", {**parameters, "limit": "200"}):
        yield from page[name]


def _pages(server: Server, path: str, parameters: dict[str, str]) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        page = server.get(f"{path}?{urlencode(parameters | ({'cursor': cursor} if cursor else {}))}")
        cursor = page.pop("next")
        yield page
        if cursor is None:
            return


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
