"""How much the tests send: enough to see that it works, or with ``THOROUGH`` set what the project's claims are of."""

from __future__ import annotations

import os

IS_THOROUGH = os.environ.get("THOROUGH", "") not in ("", "0")


def size(*, claimed: int, usual: int) -> int:
    """Return how many there are in this run: what is claimed is measured now and then, what is usual at every change."""
    return claimed if IS_THOROUGH else usual
