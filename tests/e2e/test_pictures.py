"""What a person sees: the pages of both backends have the conversations. Their pictures are in docs/images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import browser
from conversations import CONVERSATIONS, TRIP

IMAGES = Path(os.environ.get("E2E_IMAGES") or Path(__file__).parents[2] / "docs" / "images")
IDS = [each.session_id for each in CONVERSATIONS]
TALK = [text for turn in TRIP.turns[:2] for text in turn]

pytestmark = [
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no pictures: there is no chromium on this machine"),
    pytest.mark.usefixtures("shown"),
]


@pytest.fixture
def page(tmp_path):
    with browser.opened(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("backend", ["phoenix"], indirect=True)
def test_phoenix_shows_the_sessions_and_a_conversation(backend, run, page):
    project = run.programs.projects["phoenix"]
    browser.tidy_phoenix(page, backend.sessions_page(project))
    browser.picture(page, IDS, IMAGES / "phoenix-sessions.png")

    page.goto(backend.session_page(project, TRIP.session_id))

    browser.picture(page, [*TALK, "thumb"], IMAGES / "phoenix-session.png")


@pytest.mark.parametrize("backend", ["mlflow"], indirect=True)
def test_mlflow_shows_the_sessions_and_a_conversation(backend, run, page):
    experiment = run.programs.projects["mlflow"]
    browser.tidy_mlflow(page, backend.sessions_page(experiment), experiment, TRIP.session_id)
    browser.picture(page, [*IDS, TRIP.turns[-1][0]], IMAGES / "mlflow-sessions.png")

    page.goto(backend.session_page(experiment, TRIP.session_id))

    browser.picture(page, TALK, IMAGES / "mlflow-session.png")
