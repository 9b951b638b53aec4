"""Which files are read: those of Python in the folders that were named, without what others have put there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = frozenset({".py", ".pyw", ".ipynb"})

SKIPPED = frozenset({"node_modules", "__pycache__", "__pypackages__", "site-packages", "build", "dist", "venv"})
"""Names of folders that hold what is installed, or built. So do all that begin with a dot."""

_OF_VENV = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class NotRead:
    """A file or folder that was not read, and why not, as the end of a sentence."""

    place: str
    reason: str


@dataclass(slots=True)
class Found:
    """What there is below the paths: files in order, each once; what can't be read; folders that are left out."""

    files: list[Path] = field(default_factory=list)
    not_read: list[NotRead] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def find_files(paths: Iterable[Path]) -> Found:
    """Return the files of Python at ``paths``; a file that is named is taken whatever its name, and so is a folder."""
    found, seen = Found(), set[str]()
    for path in paths:
        for file in _below(path, found) if path.is_dir() else (path,):
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                found.files.append(file)
    return found


def shown(path: str | Path) -> str:
    """Return ``path`` as one printable line, also where the file system has bytes that are no text."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _below(folder: Path, found: Found) -> Iterator[Path]:
    def note(error: OSError) -> None:
        found.not_read.append(NotRead(shown(error.filename), "the folder can't be listed"))

    # Links to folders are not followed, so that there are no loops.
    for place, folders, names in os.walk(folder, onerror=note):
        here = Path(place)
        left_out = [name for name in folders if _is_left_out(here / name)]
        found.skipped.extend(shown(here / name) for name in sorted(left_out))
        folders[:] = sorted(set(folders).difference(left_out))
        yield from (here / name for name in sorted(names) if Path(name).suffix in SUFFIXES)


def _is_left_out(folder: Path) -> bool:
    name = folder.name
    is_of_others = name.startswith(".") or name in SKIPPED or name.endswith(".egg-info")
    return is_of_others or folder.is_symlink() or (folder / _OF_VENV).exists()
