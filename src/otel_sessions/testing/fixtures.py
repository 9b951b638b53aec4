"""pytest fixtures, to be asked for by name.

In the ``conftest.py`` of a project::

    pytest_plugins = ["otel_sessions.testing.fixtures"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.context import Context, attach, detach

from ._pipeline import InMemoryPipeline
from ._slate import clean_slate, every_scope_is_entered

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def session_pipeline() -> Iterator[InMemoryPipeline]:
    """A pipeline in memory, on a clean slate; it is an error of the test to make a scope and never enter it."""
    clean_slate()
    pipeline = InMemoryPipeline()
    token = attach(Context())
    try:
        with every_scope_is_entered():
            yield pipeline
    finally:
        detach(token)
        pipeline.tracer_provider.shutdown()
        clean_slate()
