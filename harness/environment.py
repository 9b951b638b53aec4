"""When and on what something runs: nothing that names the machine."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def here() -> dict[str, object]:
    """Return the date, the Python, the system and its cores."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the version of each package, or that it is not installed."""
    return {package: _version(package) for package in packages}


def told(packages: Iterable[str]) -> str:
    """Return the packages with their versions, as a page lists them."""
    return ", ".join(f"{package} {number}" for package, number in versions(packages).items())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
