"""The pages and the API of real stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from view_api import Client, fill, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


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
