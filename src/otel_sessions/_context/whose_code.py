"""Whose code it is, told by where its file lies: the application's, an installed library's, or Python's own.

A library lies in a folder of installed packages (``site-packages``, ``dist-packages``), or stands in the record of a distribution
beside it, as in a bundle for AWS Lambda. What was installed for development (``pip install -e``) lies elsewhere, and is
the application's, as are its scripts, notebooks and `exec`.
"""

from __future__ import annotations

import sys
import sysconfig
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_STANDARD = tuple(
    {
        folder
        for name in ("stdlib", "platstdlib")
        for folder in (Path(sysconfig.get_path(name)).parts, Path(sysconfig.get_path(name)).resolve().parts)
    }
)

_CACHED_FILES = 2048
_CACHED_FOLDERS = 64

APPLICATION, INSTALLED, STANDARD = "application", "installed", "standard"


@lru_cache(maxsize=_CACHED_FILES)
def origin_of(file: str | None, module: str) -> str:
    """Return whose code in ``file`` is, which is of that ``module``: `APPLICATION`, `INSTALLED` or `STANDARD`.

    What is not in a file, and what has no absolute name, is the application's: a notebook, or what it runs by `exec`.
    """
    if file is None or file.startswith("<frozen "):
        return STANDARD if module.partition(".")[0] in sys.stdlib_module_names else APPLICATION
    path = Path(file)
    if not path.is_absolute():
        return APPLICATION
    parts = path.parts
    if not _INSTALLED.isdisjoint(parts):
        return INSTALLED
    if any(parts[: len(folder)] == folder for folder in _STANDARD):
        return STANDARD
    root = str(Path(*parts[: -_depth(path.name, module)]))
    return INSTALLED if module.partition(".")[0] in _distributed_in(root) else APPLICATION


def _depth(file: str, module: str) -> int:
    """Return how many folders below the one that is searched for modules a ``file`` lies, itself counted."""
    return module.count(".") + (2 if file.startswith("__init__.") else 1)


@lru_cache(maxsize=_CACHED_FOLDERS)
def _distributed_in(folder: str) -> frozenset[str]:
    """Return the names of what distributions have put into ``folder`` as packages or modules.

    Only a distribution that is installed has a record of its files; what is developed there has none.
    """
    found: set[str] = set()
    try:
        for distribution in distributions(path=[folder]):
            record = distribution.read_text("RECORD") or ""
            found.update(line.partition(",")[0].partition("/")[0].partition(".")[0] for line in record.splitlines())
    except Exception:  # noqa: BLE001, S110  # whatever lies there
        pass
    return frozenset(found) - {""}
