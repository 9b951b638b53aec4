from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_sessions.view.store.sqlite import SQLiteStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "state" / "sessions.db"


@pytest.fixture
def store(path):
    made = SQLiteStore.open(path)
    yield made
    made.close()
