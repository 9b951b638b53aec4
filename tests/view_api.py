"""A real store, its API on a real socket, and what asks it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from otel_sessions.view.api.application import api_routes
from otel_sessions.view.loopback import LoopbackServer
from otel_sessions.view.options import Options
from otel_sessions.view.page.application import page_routes
from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.serving import application
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.wire.reading import read_logs, read_traces
from otlp_bodies import a_log, a_span, a_turn, logs_body, traces_body

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Asks an API on a socket."""

    url: str
    store: SQLiteStore

    def get(self, path: str, **query: object) -> Answer:
        """Ask for ``path``, which is escaped already."""
        url = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  # our own loopback URL
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def session(self, session_id: str, **query: object) -> Answer:
        """Ask for one session by the path."""
        return self.get(f"/api/sessions/{quote(session_id, safe='')}", **query)

    def pages(self, path: str, name: str, **query: object) -> list[Any]:
        """Return all rows of a list, page after page."""
        rows: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.get(path, **query, **cursor).json
            rows += answer[name]
            if answer["next"] is None:
                return rows
            cursor = {"cursor": answer["next"]}

    def send(self, *spans: Any, **more: Any) -> None:
        self.store.write(read_traces(traces_body(*spans, **more)))

    def send_logs(self, *records: Any) -> None:
        self.store.write(read_logs(logs_body(*records)))


@contextmanager
def serving() -> Iterator[Client]:
    """Serve a temporary store, as the command does."""
    with closing(SQLiteStore.open(None)) as store, closing(Intake(store.write)) as intake:
        app = application(intake, Tokens(None), [*api_routes(store), *page_routes(store)], Options(), 0)
        with LoopbackServer(app) as server:
            yield Client(server.url, store)


LLM = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "m-1",
    "llm.token_count.prompt": 1_234,
    "llm.token_count.completion": 56,
}
ADA = {"user.id": "ada", "session.name": "Trip planning"}


def fill(client: Client) -> None:
    """Send three sessions of two users, a torn trace, and what is in no session."""
    client.send(
        a_turn(1, "trip", "Three days in Lisbon?", "Day one: Alfama.", length=150, attributes=ADA),
        a_span(
            1, 11, 1, start=1, length=90, name="chat", attributes=LLM | {"session.id": "trip", "session.path": "/plan"}
        ),
        a_span(1, 12, 11, start=2, name="search", attributes={"big": 2**60, "nan": float("nan"), "long": "x" * 5_000}),
        a_turn(2, "trip", "And with children?", "Day two: the tarts.", start=200, length=300, attributes=ADA),
        a_turn(3, "trip", "And in rain?", "", start=600, attributes=ADA, status={"code": 2, "message": "no forecast"}),
    )
    client.send(
        a_turn(4, "course", "History of computing", "Looms.", start=700, attributes={"user.id": "grace"}),
        a_span(5, 51, start=800, name="POST", kind=2, attributes={"session.id": "course", "user.id": "grace"}),
        a_span(5, 52, 51, start=801, name="task", attributes={"session.id": "other"}),
        resource={"service.name": "school", "process.pid": 7},
    )
    client.send(a_span(6, 61, start=900, name="health"), a_span(7, 71, start=901, name="lost", attributes=LLM))
    client.send_logs(
        a_log("it rains", trace=1, span=12, at=3, severity_number=9),
        a_log({"k": [1, None]}, trace=2, at=201, attributes={"a": 1}),
        a_log(
            None,
            trace=1,
            span=1,
            at=160,
            event_name="gen_ai.evaluation.result",
            attributes={
                "session.id": "trip",
                "gen_ai.evaluation.name": "polite",
                "gen_ai.evaluation.score.value": 0.25,
                "gen_ai.evaluation.score.label": "fail",
                "gen_ai.evaluation.explanation": "It does not greet.",
            },
        ),
    )
