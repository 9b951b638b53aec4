"""Styles and scripts: files of the package, under names that change with what is in them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import NamedTuple

from starlette.responses import Response

# The name has the digest of what is in the file, so that it never changes.
_FOR_EVER = "private, max-age=31536000, immutable"
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
PREFIX = "/static/"


class Asset(NamedTuple):
    """A file as it is served."""

    url: str
    content: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Return all of them by their names in the folder ``static``."""
    folder = resources.files("otel_sessions.view.page") / "static"
    return {file.name: _asset(file.name, file.read_bytes()) for file in folder.iterdir() if file.is_file()}


def _asset(name: str, content: bytes) -> Asset:
    stem, _, kind = name.rpartition(".")
    return Asset(f"{PREFIX}{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}", content, _TYPES[kind])


def asset_url(name: str) -> str:
    """Return the address of a file of the folder ``static``.

    Raises:
        KeyError: There is none of that name.
    """
    return assets()[name].url


def asset_response(path: str) -> Response | None:
    """Return the answer for an address, ``None`` where nothing is."""
    for each in assets().values():
        if each.url == path:
            return Response(each.content, media_type=each.media_type, headers={"cache-control": _FOR_EVER})
    return None
