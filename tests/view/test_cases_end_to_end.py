"""Each case and each recording, sent to the receiver and read from the API: the page says what was written down for it."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from otel_sessions.view.api.application import api_routes
from otel_sessions.view.loopback import LoopbackServer
from otel_sessions.view.options import Options
from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.serving import application
from otel_sessions.view.store.sqlite import SQLiteStore
from view.otlp_cases import logs_request, trace_id, trace_request
from view.shape_cases import CASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECORDED = Path(__file__).parent / "recorded"
EXPECTED = sorted(RECORDED.rglob("*.expected.json"))
LIST = "/api/sessions?limit=200"


class Page:
    """What sends to a server on a socket, and reads of it."""

    def __init__(self, connection: HTTPConnection, store: SQLiteStore) -> None:
        self._connection = connection
        self._store = store

    def post(self, signal: str, body: bytes, kind: str = "application/x-protobuf") -> None:
        assert self._ask("POST", f"/v1/{signal}", body, {"Content-Type": kind}) in ({}, None)

    def get(self, path: str) -> Any:
        self._store.settle()  # on a machine that is busy a list is answered before that is done
        return self._ask("GET", path, None, {})

    def sessions(self) -> dict[str, Any]:
        """Return every session by its id: as it is in the list, and whole."""
        rows = self.get(LIST)["sessions"]
        return {row["id"]: (row, self.get(f"/api/sessions/{quote(row['id'], safe='')}?limit=200")) for row in rows}

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        self._connection.request(method, path, body, dict(headers))
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return json.loads(content) if content else None


@pytest.fixture(scope="module")
def serving() -> Iterator[tuple[Page, SQLiteStore]]:
    with closing(SQLiteStore.open(None)) as store, closing(Intake(store.write)) as intake:
        app = application(intake, Tokens(None), api_routes(store), Options(), 0)
        with LoopbackServer(app) as server, closing(HTTPConnection(urlsplit(server.url).netloc, timeout=60)) as client:
            yield Page(client, store), store


@pytest.fixture
def page(serving) -> Page:
    """Return what asks a server whose store is empty."""
    page, store = serving
    store.clear()
    return page


def pair(tokens: Mapping[str, Any] | None) -> tuple[Any, Any]:
    return (None, None) if tokens is None else (tokens["input"], tokens["output"])


def seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


OF_SESSION = {
    "users": lambda whole: tuple(whole["session"]["users"]),
    "services": lambda whole: tuple(whole["session"]["services"]),
    "models": lambda whole: tuple(whole["session"]["models"]),
    "name": lambda whole: whole["session"]["name"] or "",
    "previous_id": lambda whole: whole["session"]["previous_id"] or "",
    "tokens": lambda whole: pair(whole["session"]["tokens"]),
    "cache": lambda whole: tuple(whole["session"]["tokens"][part] for part in ("cache_read", "cache_write")),
    "latency": lambda whole: seconds(whole["session"]["p95"]),
    "turns": lambda whole: [(turn["input"] or "", turn["output"] or "") for turn in whole["turns"]],
    "joined": lambda whole: [len(turn["joined"]) for turn in whole["turns"]],
    "early": lambda whole: [turn["ended_early"] for turn in whole["turns"]],
    "errors_by_turn": lambda whole: [turn["errors"] for turn in whole["turns"]],
    "tokens_by_turn": lambda whole: [pair(turn["tokens"]) for turn in whole["turns"]],
    "failed_by_turn": lambda whole: [turn["failed_checks"] for turn in whole["turns"]],
    "paths": lambda whole: [
        (each["path"], each["spans"], seconds(each["duration"]), pair(each["tokens"])) for each in whole["paths"]
    ],
}
# What the API does not tell of a session.
NOT_TOLD = {"displaced", "is_agent"}
# What a row of the list tells as well.
OF_ROW = ("users", "name", "tokens", "spans", "traces", "errors", "failed_checks", "feedback", "torn", "cost", "cost_complete")  # fmt: skip


def told(whole: Any, field: str) -> Any:
    return OF_SESSION[field](whole) if field in OF_SESSION else whole["session"][field]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_case_that_is_sent_gives_what_was_written_down_for_it(page, case):
    page.post("logs", logs_request(case.logs))
    page.post("traces", trace_request(case.spans))

    found = page.sessions()
    wanted = {id_: {key: fields[key] for key in fields.keys() - NOT_TOLD} for id_, fields in case.sessions.items()}
    assert {id_: {key: told(found[id_][1], key) for key in wanted.get(id_, ())} for id_ in found} == wanted
    in_list = {id_: {key: fields[key] for key in OF_ROW if key in fields} for id_, fields in wanted.items()}
    assert {id_: {key: told({"session": found[id_][0]}, key) for key in in_list[id_]} for id_ in found} == in_list
    assert [row["turns"] for row, _ in found.values()] == [len(whole["turns"]) for _, whole in found.values()]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_coverage_tells_what_of_a_case_is_in_no_session(page, case):
    page.post("traces", trace_request(case.spans))
    page.post("logs", logs_request(case.logs))

    found = page.get("/api/coverage")
    assert found["without_session"] == case.outside
    torn = {each["trace_id"]: tuple(each["session_ids"]) for each in found["torn"]}
    assert torn == {trace_id(number).hex(): ids for number, ids in case.torn.items()}
    assert not case.causes or {each["cause"] for each in found["groups"]} == set(case.causes)


# Of which the page does not say yet what is expected.
DIFFERENT = {
    "claude_code": "turns of records alone are not told",
    "google_adk_content": "of a stream that was left the first and the last bit are messages each",
    "openinference-js-openai-stream": "calls of the model in one trace are a turn each",
}


def turn_of(turn: Mapping[str, Any]) -> dict[str, Any]:
    return {side: (turn[side] or "").strip() for side in ("input", "output")} | {"errors": turn["errors"]}


def wanted_of(session: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is expected of a session of a recording, as far as the API tells it."""
    return {
        "key": session["key"],
        "users": sorted(session["users"]),
        "traces": session["traces"],
        "spans": session["spans"],
        "errors": session["errors"],
        "tokens": pair(session["tokens"]),
        "turns": [turn_of(turn) for turn in session["turns"]],
    }


def recordings() -> Iterator[Any]:
    for path in EXPECTED:
        name = path.name.removesuffix(".expected.json")
        marks = [pytest.mark.xfail(strict=True, reason=DIFFERENT[name])] if name in DIFFERENT else []
        yield pytest.param(path, id=name, marks=marks)


@pytest.mark.parametrize("path", list(recordings()))
def test_a_recording_that_is_sent_gives_what_was_written_down_for_it(page, path):
    name = path.name.removesuffix(".expected.json")
    expected = json.loads(path.read_text())
    for file, signal in ((f"{name}.json", "traces"), (f"{name}.logs.json", "logs")):
        if path.with_name(file).exists():
            page.post(signal, path.with_name(file).read_bytes(), "application/json")

    found = {id_: whole for id_, (_, whole) in page.sessions().items()}
    assert {id_: wanted_of({**whole["session"], "turns": whole["turns"]}) for id_, whole in found.items()} == {
        each["id"]: wanted_of(each) for each in expected["sessions"]
    }
    assert page.get("/api/coverage")["without_session"] == expected["without_session"]["spans"]
