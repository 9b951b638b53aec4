"""How much memory a process takes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def rss(process: int | None = None) -> float:
    """Return the resident memory of a process, of this one by default, in MB.

    Where that can't be read, it is the most that this process had.
    """
    statm = Path("/proc", "self" if process is None else str(process), "statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
