"""Where in the workflow the time and the tokens went: the branches of ``session.path``, with their shares. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOTTLENECK = 0.5
"""The share of the time of the branch above it from which a branch is where that one's time goes."""

_ROOT = "/"


class Branch(NamedTuple):
    """A branch of the workflow, with all below it.

    Attributes:
        path: All of it.
        step: Its last step, the only one that is written.
        depth: How many branches are above it.
        duration: In ms, ``None`` for not known.
        share: Of the time of all, in percent; ``None`` where that is not known.
        tokens: Those of the API.
        token_share: Of the tokens of all, likewise.
        is_bottleneck: Whether time goes here most: of several branches of the same parent it has the most time, at least half
            of the parent's, and so has each branch above it; and no branch below is one.
    """

    path: str
    step: str
    depth: int
    spans: int
    duration: float | None
    share: float | None
    tokens: Mapping[str, int | None]
    token_share: float | None
    is_bottleneck: bool


class PathTree(NamedTuple):
    """The branches, each after the one above it, and how many are not shown."""

    branches: Sequence[Branch]
    hidden: int


def path_tree(paths: Sequence[Mapping[str, Any]], most: int = 100) -> PathTree:
    """Return the branches of the ``paths`` of an answer; of more than ``most`` those with the most time."""
    if not paths:
        return PathTree((), 0)
    whole = paths[0]
    bottleneck = _bottleneck(paths)
    shown = _shown(paths, most)
    branches = [
        _branch(each, whole, is_bottleneck=each["path"] == bottleneck) for each in paths if each["path"] in shown
    ]
    return PathTree(branches, len(paths) - len(branches))


def _branch(said: Mapping[str, Any], whole: Mapping[str, Any], *, is_bottleneck: bool) -> Branch:
    steps = _steps(said["path"])
    return Branch(
        said["path"],
        steps[-1] if steps else _ROOT,
        len(steps),
        said["spans"],
        said["duration"],
        _percent(said["duration"], whole["duration"]),
        said["tokens"],
        _percent(_used(said["tokens"]), _used(whole["tokens"])),
        is_bottleneck,
    )


def _bottleneck(paths: Sequence[Mapping[str, Any]]) -> str:
    """Return the path of the bottleneck, empty for none."""
    below: dict[str, list[Mapping[str, Any]]] = {}
    for each in paths[1:]:
        below.setdefault(_above(each["path"]), []).append(each)
    found, duration = "", paths[0]["duration"] or 0.0
    at = paths[0]["path"]
    while at in below and duration > 0:
        largest = max(below[at], key=lambda each: each["duration"] or 0.0)
        if (largest["duration"] or 0.0) < BOTTLENECK * duration:
            break
        found = largest["path"] if len(below[at]) > 1 else found
        at, duration = largest["path"], largest["duration"]
    return found


def _shown(paths: Sequence[Mapping[str, Any]], most: int) -> set[str]:
    shown: set[str] = set()
    for each in sorted(paths, key=lambda path: -(path["duration"] or 0.0)):
        if len(shown) >= most:
            break
        path = each["path"]
        while path not in shown:
            shown.add(path)
            path = _above(path)
    return shown


def _above(path: str) -> str:
    return path.rpartition("/")[0] or _ROOT


def _steps(path: str) -> list[str]:
    return [step for step in path.split("/") if step]


def _used(tokens: Mapping[str, int | None]) -> int | None:
    """Return how many tokens were read and written; ``None`` for not recorded."""
    if tokens["input"] is None and tokens["output"] is None:
        return tokens["total"]
    return (tokens["input"] or 0) + (tokens["output"] or 0)


def _percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100 * part / whole
