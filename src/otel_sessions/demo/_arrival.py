"""Where the spans of the demo arrive: the receiver and the store of ``otel-sessions view``, and what is in it then."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from otel_sessions.view.api import answers
from otel_sessions.view.loopback import LoopbackServer
from otel_sessions.view.options import Options
from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.serving import application
from otel_sessions.view.store.interface import StoreInUseError, UnreadableStoreError
from otel_sessions.view.store.places import default_path
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.terminal.sources import LocalSource, whole_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from otel_sessions.view.wire.batch import Batch


@dataclass(slots=True)
class Arrival:
    """What came since this was made.

    Attributes:
        store: Where it is kept.
        path: The file, ``None`` for one that is removed at the end.
        endpoint: Where to send to.
        requests: How many came.
        size: Their bytes, unpacked.
    """

    store: SQLiteStore
    path: Path | None
    endpoint: str = ""
    requests: int = 0
    size: int = 0
    _traces: dict[bytes, None] = field(default_factory=dict)

    def write(self, batch: Batch) -> None:
        """Keep a request, and count it."""
        self.store.write(batch)
        self.requests += 1
        self.size += batch.size
        self._traces.update((span.trace_id, None) for span in batch.spans)

    def sessions(self) -> list[Mapping[str, Any]]:
        """Return the answer for each session that something came of, in the order of their starts."""
        ids = {span["session_id"]: None for trace in self._answers() for span in trace["spans"] if span["session_id"]}
        found = (whole_session(LocalSource(self.store), session_id) for session_id in ids)
        return sorted(filter(None, found), key=lambda each: str(each["session"]["start"]))

    def traces_without_session(self) -> list[Mapping[str, Any]]:
        """Return the answer for each trace with spans that are in no session, with these spans."""
        bare = (each | {"spans": [s for s in each["spans"] if s["session_id"] is None]} for each in self._answers())
        return [each for each in bare if each["spans"]]

    def _answers(self) -> list[dict[str, Any]]:
        return list(filter(None, (answers.trace(self.store, trace_id) for trace_id in self._traces)))


@contextmanager
def arriving() -> Iterator[Arrival]:
    """Receive at a port of this machine, into the store of the user, or a temporary one where that can't be used."""
    store, path = _opened()
    with closing(store):
        arrival = Arrival(store, path)
        with closing(Intake(arrival.write)) as intake, _server(intake) as server:
            arrival.endpoint = f"{server.url}/v1/traces"
            yield arrival


def _server(intake: Intake) -> LoopbackServer:
    return LoopbackServer(application(intake, Tokens(None), (), Options(), 0))


def _opened() -> tuple[SQLiteStore, Path | None]:
    path = default_path()
    try:
        return SQLiteStore.open(path), path
    except (StoreInUseError, UnreadableStoreError):
        return SQLiteStore.open(None), None
