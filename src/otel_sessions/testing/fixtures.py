"""pytest fixtures, to be asked for by name.

In the ``conftest.py`` of a project::

    pytest_plugins = ["otel_sessions.testing.fixtures"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ._pipeline import InMemoryPipeline
from ._slate import clean_slate, every_scope_is_entered

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def session_pipeline() -> Iterator[InMemoryPipeline]:
    """A pipeline in memory, on a clean slate; the test fails for a scope that it makes and never enters."""
    clean_slate()
    pipeline = InMemoryPipeline()
    try:
        with every_scope_is_entered():
            yield pipeline
    finally:
        pipeline.tracer_provider.shutdown()
        clean_slate()
