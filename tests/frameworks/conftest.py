"""What all frameworks need: a model on the loopback, a pipeline that is the process's, and no way out of the loopback."""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from opentelemetry import context

from loopback import QUIET, refuse_all_else
from model import Model
from page import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    from turns import Turns

pytest.register_assert_rewrite("turns", "conversations", "hosts")

# What they keep in the folder of a user, or among temporary files: it goes with the process.
_home = tempfile.TemporaryDirectory(prefix="frameworks-", ignore_cleanup_errors=True)
os.environ.update(HOME=_home.name, TMPDIR=_home.name)
tempfile.tempdir = _home.name

os.environ.update(QUIET)  # before any of them is imported


@pytest.fixture(autouse=True)
def _clean_slate() -> None:
    """Leave all as it is between the tests, for a framework keeps what it has found: as in a process of an application."""


@pytest.fixture(autouse=True)
def _nothing_is_detached_where_it_was_not_attached() -> None:
    """Let frameworks log what they detach in the wrong place."""


@pytest.fixture(scope="session", autouse=True)
def _no_call_leaves_the_loopback() -> Iterator[None]:
    """Refuse to look up any other host, and fail where that was tried."""
    with pytest.MonkeyPatch.context() as patch:
        tried = refuse_all_else(patch.setattr)
        yield
    assert tried == []


@pytest.fixture(scope="session")
def processors() -> list[SpanProcessor]:
    """Return the span processors of others, before the exporter; for a module to override."""
    return []


@pytest.fixture(scope="session")
def provider() -> TracerProvider | None:
    """Return the provider that another tool has made global, if one has; for a module to override."""


@pytest.fixture(scope="session")
def _pipeline(
    processors: list[SpanProcessor], provider: TracerProvider | None, request: pytest.FixtureRequest
) -> Turns:
    from turns import OwnIds, Turns

    modules = {item.path.stem for item in request.session.items}
    kind = OwnIds if all(module.endswith("_own_ids") for module in modules) else Turns
    return kind(*processors, provider=provider)


@pytest.fixture
def emptied(_pipeline: Turns) -> Turns:
    """The pipeline, with nothing exported yet, and nothing left of another test."""
    context.attach(context.Context())
    _pipeline.exporter.clear()
    _pipeline.with_turn = False
    return _pipeline


@pytest.fixture(params=[False, True], ids=["set_session", "set_session and turn"])
def turns(emptied: Turns, request: pytest.FixtureRequest) -> Turns:
    """The same, whose turns are a session, or a session and a turn."""
    emptied.with_turn = request.param
    return emptied


@pytest.fixture
def desk(tmp_path: Path, model: Model) -> Iterator[Desk]:
    """Where a program of a page is run."""
    from local_receiver import OTLPReceiver

    with OTLPReceiver() as receiver:
        yield Desk(tmp_path, model, receiver)


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    with Model(seconds_per_word=0.001) as model:
        yield model


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables that say where the servers of queues are: a Redis, and a Kafka where its client is installed."""
    from queue_server import kafka_broker, redis_server

    installed = find_spec("confluent_kafka") is not None
    with redis_server(tmp_path) as redis, kafka_broker() if installed else nullcontext("") as kafka:
        yield {"KAFKA_SERVERS": kafka, "REDIS_URL": redis, "RQ_REDIS_URL": redis}
