"""The page in a real Chromium, with a note of all that it complains of and asks for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from chromium import CHROMIUM, OPTIONS
from sample_sessions import fill
from view_api import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from view_api import Client

MANY = 120
_MILLISECONDS = 60_000
"""How long is waited for what is to come on a page."""


@dataclass
class Watched:
    """A page, and what happened on it."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def check(self) -> None:
        """Nothing was complained of, and nobody else was asked."""
        assert self.complaints == []
        assert {urlsplit(each).netloc for each in self.requests} <= {urlsplit(self.url).netloc}

    @property
    def rows(self) -> list[str]:
        """The first words of each row."""
        return self.page.locator("#rows tbody tr .name").all_inner_texts()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        expect.set_options(timeout=_MILLISECONDS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def empty() -> Iterator[Client]:
    """A view to which nothing has come."""
    with serving() as client:
        yield client


@pytest.fixture(scope="session")
def full() -> Iterator[Client]:
    """A view with many sessions; nobody writes to it."""
    with serving() as client:
        fill(client.store, MANY, now=time.time_ns())
        yield client


@pytest.fixture
def watch(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Return what opens a page of a view, in a browser that has never been anywhere."""
    contexts = []

    def watching(client: Client, **options: object) -> Watched:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(_MILLISECONDS)
        contexts.append(context)
        watched = Watched(context.new_page(), client.url)
        watched.page.on("console", lambda said: watched.complaints.append(f"{said.type}: {said.text}"))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("dialog", lambda dialog: (watched.complaints.append(dialog.message), dialog.dismiss()))
        context.on("request", lambda request: watched.requests.append(request.url))
        return watched

    yield watching
    for each in contexts:
        each.close()
