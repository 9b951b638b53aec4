from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_sessions.view.store.sqlite import SQLiteStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _closed(monkeypatch):
    """Close what a test has opened and left open, as one of a file that can't be used: Python warns of it later on."""
    opened = []
    make = SQLiteStore.__init__

    def made(store, *arguments):
        opened.append(store)
        make(store, *arguments)

    monkeypatch.setattr(SQLiteStore, "__init__", made)
    yield
    for store in opened:
        store.close()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "state" / "sessions.db"


@pytest.fixture
def store(path):
    made = SQLiteStore.open(path)
    yield made
    made.close()
