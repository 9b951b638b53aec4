"""Where the file is, and that nobody else can read it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def default_path() -> Path:
    """Return the file that is used where no other is named, in the user's state directory; nothing is made."""
    return _state_directory() / "otel-sessions" / "sessions.db"


def _state_directory() -> Path:
    named = os.environ.get("XDG_STATE_HOME", "")
    # The specification of these directories has relative ones ignored.
    if named and Path(named).is_absolute():
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "state"


def make_private(path: Path) -> None:
    """Make the file, and its folder where that is not there, for this user alone.

    SQLite gives the files that it puts beside it the same rights. A folder that was there is left as it is.

    Raises:
        OSError: It can't be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for each in (path, *beside(path)):
        if each.exists():
            each.chmod(0o600)


def beside(path: Path) -> tuple[Path, ...]:
    """Return the files that belong to it: SQLite's own, and the one that says that it is in use."""
    return tuple(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-owner"))
