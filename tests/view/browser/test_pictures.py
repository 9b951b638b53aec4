"""The picture of the documentation: sessions of a shop that is made up."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sample_sessions import fill

IMAGES = Path(os.environ.get("VIEW_IMAGES") or Path(__file__).parents[3] / "docs" / "images")
MOST_BYTES = 200_000


def test_the_picture_of_the_sessions_is_taken(empty, watch):
    fill(empty.store, 24, now=time.time_ns())
    watched = watch(empty, viewport={"width": 1_560, "height": 860})
    page = watched.open("/")
    page.locator("#live.on").wait_for()

    picture = page.screenshot(path=IMAGES / "view-sessions.png", animations="disabled")

    assert len(watched.rows) >= 24
    assert len(picture) <= MOST_BYTES
    watched.check()
