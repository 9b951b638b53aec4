"""Pages of the backends in headless Chromium, set up as somebody would who wants to see conversations."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page, expect, sync_playwright

from chromium import CHROMIUM, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_WIDTH, _HEIGHT = 1280, 800
_MARGIN = 20
_MLFLOW_WIDER = 60
_MILLISECONDS = 240_000

# What Phoenix's list has besides the conversation.
_PHOENIX_CHARTS = ("Traces", "Session annotation scores")
_PHOENIX_COLUMNS = ("startTime", "endTime", "traceLatencyMsP99", "costTotal")

# What MLflow keeps of a visitor: the assistant and its hints were seen, and the list has users in place of times.
_MLFLOW_SEEN = """experiment => {
  localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
  localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');
  localStorage.setItem('mlflow.detectIssues.guidanceShown_v1', 'true');
  const columns = {user: true, start_time: false};
  localStorage.setItem(`mlflow.traces-v4.columns.${experiment}_v4`, JSON.stringify(columns));
}"""


@contextmanager
def opened(profile: Path) -> Iterator[Page]:
    """Open a page of a browser that has never been anywhere."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=OPTIONS,
            viewport={"width": _WIDTH, "height": _HEIGHT},
            timeout=_MILLISECONDS,
        )
        browser.set_default_timeout(_MILLISECONDS)
        yield browser.new_page()
        browser.close()


def tidy_phoenix(page: Page, sessions_page: str) -> None:
    """Leave the conversations on Phoenix's list: no charts, no side bars, fewer columns."""
    page.goto(sessions_page)
    page.get_by_role("button", name="Collapse side navigation").click()
    page.get_by_role("button", name="Hide aside panel").click()
    page.get_by_role("button", name="Charts").click()
    for chart in _PHOENIX_CHARTS:
        page.get_by_role("menuitemcheckbox", name=chart).first.click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Columns").click()
    for column in _PHOENIX_COLUMNS:
        page.locator(f'input[name="{column}"]').click(force=True)
    page.keyboard.press("Escape")


def tidy_mlflow(page: Page, sessions_page: str, experiment: str, session_id: str) -> None:
    """Leave the conversations on MLflow's list, no assistant, whole ids; unfold one, for only its turns have a user."""
    page.goto(sessions_page)
    page.evaluate(_MLFLOW_SEEN, experiment)
    page.reload()
    unfold = page.get_by_role("button", name=f"Expand session {session_id}")
    unfold.wait_for()  # the list, of which the first column may change while it is not there
    # By what it shows: MLflow gives the role to the cells of check boxes, too, which are named "Select session ...".
    widen(page, page.get_by_role("columnheader").filter(has_text="Session"), _MLFLOW_WIDER)
    unfold.click()


def widen(page: Page, header: Locator, pixels: int) -> None:
    """Drag the right edge of a column."""
    box = header.bounding_box()
    edge, middle = box["x"] + box["width"], box["y"] + box["height"] / 2
    page.mouse.move(edge - 2, middle)
    page.mouse.down()
    page.mouse.move(edge - 2 + pixels, middle, steps=5)
    page.mouse.up()
    page.mouse.move(0, 0)


def picture(page: Page, texts: Iterable[str], path: Path) -> None:
    """Take a picture once all ``texts`` are there; what is below the last of them is left out of it."""
    below = 0.0
    for text in texts:
        found = page.get_by_text(text).first
        expect(found).to_be_visible(timeout=_MILLISECONDS)
        box = found.bounding_box()
        below = max(below, box["y"] + box["height"])
    height = min(below + _MARGIN, _HEIGHT)
    page.evaluate("document.activeElement.blur()")
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, animations="disabled", clip={"x": 0, "y": 0, "width": _WIDTH, "height": height})
