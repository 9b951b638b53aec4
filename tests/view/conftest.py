"""The pages and the API of real stores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from otel_sessions.view import loopback
from otel_sessions.view.receiving import sockets
from otel_sessions.view.store import session_rows, sqlite
from view_api import Client, fill, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _patient(monkeypatch) -> None:
    """Have nobody give up, or answer with what was there before, since the machine is busy; a test may set another time."""
    monkeypatch.setattr(session_rows, "_DEAR", math.inf)
    monkeypatch.setattr(sqlite, "_PATIENCE_FOR_LITTLE", 60.0)
    monkeypatch.setattr(sqlite, "_PATIENCE", 60.0)
    monkeypatch.setattr(sockets, "_ASK_SECONDS", 60.0)
    monkeypatch.setattr(loopback, "_START_SECONDS", 60.0)


@pytest.fixture
def client() -> Iterator[Client]:
    """The API of an empty store."""
    with serving() as client:
        yield client


@pytest.fixture(scope="module")
def filled() -> Iterator[Client]:
    """The API of a store with a bit of everything; nobody writes to it."""
    with serving() as client:
        fill(client)
        client.get("/api/coverage")  # what came before is settled then
        yield client
