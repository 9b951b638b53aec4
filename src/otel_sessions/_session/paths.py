"""Paths of steps: absolute, slash-separated, at most 200 characters. Pure.

A path is declared and not causal: repeats share one, and a missing one reads as the root, "/".
"""

from __future__ import annotations

from . import ids


def absolute(text: str) -> str:
    """Return ``text`` with one leading slash, none doubled and none at the end; a digest where it is too long."""
    path = "/" + "/".join(filter(None, (part.strip() for part in text.split("/"))))
    return path if len(path) <= ids.MAX_LENGTH else "/" + ids.digest(path)


def joined(base: str | None, name: str) -> str:
    """Return the path of the step ``name`` below ``base``; no base is the root."""
    return absolute(f"{base or ''}/{name}")
