"""How a file is read: its bytes, the text in the encoding that it names, and the tree of that."""

from __future__ import annotations

import ast
import io
import os
import re
import stat
import sys
import tokenize
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .files import NotRead, shown
from .notebooks import cells_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 4 << 20
"""Largest file that is read. What people write by hand has a hundredth of it."""

WORDS = ("otel_sessions", "Depends")
"""Of these one is in each module that says anything of sessions: it imports them, or a dependency that may open one."""

_IS_WITHOUT_LIMIT = sys.version_info < (3, 11)
"""Whether the parser builds a tree however deep, until the stack is full; later ones raise RecursionError."""

_SHORT, _DEEP = 100_000, 50_000
"""Length of a text that can't nest too deep, in characters, and a depth that is none too deep."""

_NO_FILE = "it is no regular file"
_LINES = re.compile(r"\r\n|\r|\n")
_HERE = ".".join(map(str, sys.version_info[:2]))


@dataclass(frozen=True, slots=True)
class Parsed:
    """One file, or the cells of one notebook: the text in lines, and its tree.

    Attributes:
        name: The path, as it was named.
        lines: The text, in the lines that Python counts.
        tree: What it says; empty where none of `WORDS` is in it.
        cells: Of a notebook, for each line its cell and the line in that, from 1.
    """

    name: str
    lines: tuple[str, ...]
    tree: ast.Module
    cells: tuple[tuple[int, int], ...] = ()

    def where(self, line: int) -> str:
        """Return the place of ``line``, from 1: ``path:line``, or ``path:cell N:line``."""
        if not self.cells:
            return f"{self.name}:{line}"
        cell, line_of_cell = self.cells[line - 1]
        return f"{self.name}:cell {cell}:{line_of_cell}"


def read(path: Path) -> Iterator[Parsed | NotRead]:
    """Return what is in ``path``, and for what can't be read why not."""
    name = shown(path)
    data = _bytes_of(path)
    if isinstance(data, str):
        yield NotRead(name, data)
    elif path.suffix == ".ipynb":
        yield from _notebook(name, data)
    else:
        text = _text_of(data)
        yield (
            NotRead(name, "its bytes are not text in the encoding that it names")
            if text is None
            else _parsed(name, text)
        )


def _bytes_of(path: Path) -> bytes | str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a device may do something
            return _NO_FILE
        # What was opened is looked at, too: the name may be that of a pipe meanwhile, which would wait.
        with open(path, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return _NO_FILE
            data = b"" if status.st_size > MAX_BYTES else file.read(MAX_BYTES + 1)
            is_too_large = max(status.st_size, len(data)) > MAX_BYTES  # it may grow
    except OSError as error:
        return f"opening it raised {type(error).__name__}"
    return f"it is larger than {MAX_BYTES >> 20} MiB" if is_too_large else data


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has none


def _text_of(data: bytes) -> str | None:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except Exception:  # noqa: BLE001  # a codec may raise anything
        return None


def _parsed(name: str, text: str, cells: tuple[tuple[int, int], ...] = ()) -> Parsed | NotRead:
    tree = tree_of(text)
    if isinstance(tree, str):
        return NotRead(name, tree)
    # Trees are large: those in which there is nothing to look for are not kept.
    kept = tree if any(word in text for word in WORDS) else ast.Module([], [])
    return Parsed(name, tuple(_LINES.split(text)), kept, cells)


def tree_of(text: str) -> ast.Module | str:
    """Return the tree of ``text``, or why there is none."""
    if _IS_WITHOUT_LIMIT and len(text) > _SHORT and _may_nest(text):
        return "it may nest deeper than Python 3.10 can read"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says is not ours to judge
            return ast.parse(text)
    except SyntaxError as error:
        return f"line {error.lineno or 1} is no syntax of Python {_HERE}, which reads it here"
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return f"parsing it raised {type(error).__name__}"


def _may_nest(text: str) -> bool:
    """Tell whether a statement of ``text`` has so many tokens, or an ``if`` so many branches, that it may be too deep."""
    if text.count("elif") > _DEEP // 2:
        return True
    length = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            length = 0 if token.type == tokenize.NEWLINE else length + 1
            if length > _DEEP:
                return True
    except (tokenize.TokenError, SyntaxError):
        return True
    return False


def _notebook(name: str, data: bytes) -> Iterator[Parsed | NotRead]:
    cells = cells_of(data)
    if cells is None:
        yield NotRead(name, "it is no notebook with cells of Python in JSON")
        return
    lines, places = list[str](), list[tuple[int, int]]()
    for number, text in cells:
        if isinstance(tree_of(text), str):
            yield NotRead(f"{name}:cell {number}", f"it is no syntax of Python {_HERE}, which reads it here")
            continue
        of_cell = _LINES.split(text)
        lines += of_cell
        places += [(number, line) for line in range(1, len(of_cell) + 1)]
    yield _parsed(name, "\n".join(lines), tuple(places))
