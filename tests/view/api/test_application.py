"""The API on a socket: every route, what is found, and what is refused."""

from __future__ import annotations

import json
import re
import threading
import urllib.parse

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.api import answers
from otel_sessions.view.api.openapi import openapi
from otel_sessions.view.api.parameters import Paging
from otel_sessions.view.api.schemas import SCHEMAS
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.wire.json_form import traces_from_json
from otlp_bodies import a_log, a_span, a_turn

TRACE = f"{1:032x}"
NO_TRACE = "f" * 32


def strict(schema: object) -> object:
    """Return ``schema`` such that nothing may be there that it does not name."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: strict(each) for name, each in schema.items()}
    return inner | ({"additionalProperties": False} if "required" in inner and "properties" in inner else {})


def check(document: object, name: str) -> None:
    """Hold ``document`` against what the OpenAPI document says of ``name``."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": strict(SCHEMAS)}}
    jsonschema.Draft202012Validator(schema).validate(document)


ROUTES = [
    pytest.param("/api/sessions", "Sessions", id="sessions"),
    pytest.param("/api/sessions/trip", "OneSession", id="a session"),
    pytest.param("/api/sessions/course?limit=1", "OneSession", id="a page of a session"),
    pytest.param("/api/session?id=trip", "OneSession", id="a session by its id"),
    pytest.param("/api/traces", "Traces", id="traces"),
    pytest.param("/api/traces?session=none", "Traces", id="traces in no session"),
    pytest.param(f"/api/traces/{TRACE}", "OneTrace", id="a trace"),
    pytest.param(f"/api/spans/{TRACE}/{12:016x}", "WholeSpan", id="a span"),
    pytest.param("/api/users", "Users", id="users"),
    pytest.param("/api/coverage", "Coverage", id="coverage"),
]


@pytest.mark.parametrize(("path", "name"), ROUTES)
def test_an_answer_is_as_the_openapi_document_says(filled, path, name):
    answer = filled.get(path)

    assert answer.status == 200
    check(answer.json, name)


def test_the_openapi_document_is_one_and_has_every_route(filled):
    answer = filled.get("/api/openapi.json").json

    assert answer == json.loads(json.dumps(openapi()))
    assert answer["openapi"] == "3.1.0"
    for schema in answer["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(answer)))
    assert references | {"Sessions"} == set(SCHEMAS)
    asked = {path.partition("?")[0] for path, _ in (route.values for route in ROUTES)}
    for path in asked:
        assert [known for known in answer["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path)] != []


def test_the_parameters_that_it_names_are_those_that_are_taken(filled):
    values = {"limit": "5", "cursor": "", "id": "trip", "since": "2h", "until": "2h", "q": "x", "session": "none"}
    values["turn"] = f"{2:016x}"
    flags = dict.fromkeys(("error", "failed_check", "torn"), "true")
    for path, operation in openapi()["paths"].items():
        for parameter in operation["get"]["parameters"]:
            if parameter["in"] == "query":
                name, allowed = parameter["name"], parameter["schema"].get("enum", [None])
                query = {"id": "trip"} if path in ("/api/session", "/api/export") else {}
                for each in allowed:
                    given_value = each or (values | flags).get(name, "x")
                    address = path.format(id="trip", trace_id=TRACE, span_id=f"{12:016x}")
                    assert filled.get(address, **query | {name: given_value}).status == 200, (path, name, each)


def test_a_session_has_its_turns_spans_records_and_checks(filled):
    answer = filled.session("trip").json

    session = answer["session"]
    assert (session["name"], session["users"], session["turns"], session["spans"]) == ("Trip planning", ["ada"], 3, 5)
    assert (session["services"], session["models"], session["errors"]) == (["shop"], ["m-1"], 1)
    assert (session["tokens"]["input"], session["tokens"]["output"], session["cost"]) == (1_234, 56, None)
    assert (session["start"], session["end"]) == ("2026-11-30T12:00:00.000000000Z", "2026-11-30T12:00:00.601000000Z")
    assert [(turn["input"], turn["output"], turn["duration"]) for turn in answer["turns"]] == [
        ("Three days in Lisbon?", "Day one: Alfama.", 150.0),
        ("And with children?", "Day two: the tarts.", 300.0),
        ("And in rain?", None, 1.0),
    ]
    assert [span["name"] for span in answer["spans"]] == ["turn", "chat", "search", "turn", "turn"]
    assert [(log["body"], log["event"]) for log in answer["logs"]] == [
        ("it rains", None),
        (None, "gen_ai.evaluation.result"),
        ({"k": [1, None]}, None),
    ]
    (check,) = answer["checks"]
    assert (check["name"], check["passed"], check["score"], check["label"]) == ("polite", False, 0.25, "fail")
    assert (check["trace_id"], check["span_id"]) == (TRACE, f"{1:016x}")
    paths = {path["path"]: (path["spans"], path["duration"]) for path in answer["paths"]}
    assert paths.keys() == {"/", "/plan"}
    assert paths["/plan"] == (2, 90.0)
    assert answer["next"] is None


def test_a_span_says_what_it_is_of_and_whose(filled):
    spans = {span["span_id"]: span for span in filled.session("trip").json["spans"]}

    chat, search = spans[f"{11:016x}"], spans[f"{12:016x}"]
    assert (chat["type"], chat["model"], chat["path"], chat["duration"]) == ("llm", "m-1", "/plan", 90.0)
    assert (chat["session_id"], chat["session_ids"], chat["session_key"]) == ("trip", ["trip"], "session.id")
    assert (search["session_id"], search["session_ids"], search["session_key"]) == ("trip", [], None)
    assert search["parent_span_id"] == chat["span_id"]
    assert search["attributes"] == {"big": "1152921504606846976", "nan": "NaN", "long": "x" * 4_096 + "…"}
    assert search["cut"] == {"long": 5_000}
    assert spans[f"{3:016x}"]["status"] == "error"
    assert spans[f"{3:016x}"]["error"] == "no forecast"


def test_a_span_alone_is_whole(filled):
    answer = filled.get(f"/api/spans/{TRACE}/{12:016X}").json

    assert answer["attributes"]["long"] == "x" * 5_000
    assert answer["resource"] == {"service.name": "shop"}
    assert answer["scope"] == {"name": "tests", "version": "1", "attributes": {}}


def test_events_and_links_come_along(client):
    event = {"name": "exception", "time_unix_nano": 1, "attributes": [{"key": "k", "value": {"int_value": 2**60}}]}
    link = {"trace_id": bytes(16), "span_id": bytes(8)}
    client.send(a_span(1, 1, attributes={"session.id": "s"}, events=[event], links=[link], dropped_events_count=3))

    (span,) = client.session("s").json["spans"]

    expected = {"name": "exception", "time": "1970-01-01T00:00:00.000000001Z", "attributes": {"k": str(2**60)}}
    assert span["events"] == [expected]
    assert span["links"] == [{"trace_id": "0" * 32, "span_id": "0" * 16, "attributes": {}}]
    assert span["dropped"] == {"attributes": 0, "events": 3, "links": 0}
    whole = client.get(f"/api/spans/{TRACE}/{1:016x}").json
    assert (whole["events"], whole["links"]) == (span["events"], span["links"])


def test_a_torn_trace_is_in_both_sessions_and_each_span_in_one(filled):
    assert filled.get("/api/coverage").json["torn"] == [{"trace_id": f"{5:032x}", "session_ids": ["course", "other"]}]
    spans = filled.session("other").json["spans"]
    assert [(span["name"], span["session_id"]) for span in spans] == [("POST", "course"), ("task", "other")]


def test_what_is_in_no_session_is_listed_and_opens(filled):
    rows = filled.get("/api/traces", session="none", sort="start").json["traces"]

    assert [(row["name"], row["session_ids"], row["duration"]) for row in rows] == [
        ("health", [], 1.0),
        ("lost", [], 1.0),
    ]
    answer = filled.get(f"/api/traces/{rows[1]['trace_id']}").json
    assert [(span["name"], span["session_id"]) for span in answer["spans"]] == [("lost", None)]


def test_coverage_has_a_cause_and_a_remedy_for_each_group(filled):
    answer = filled.get("/api/coverage").json

    assert (answer["spans"], answer["without_session"]) == (10, 2)
    assert (answer["llm_spans"], answer["llm_without_session"]) == (2, 1)
    assert sum(group["spans"] for group in answer["groups"]) == 2
    assert all(group["remedy"] and group["what"] for group in answer["groups"])


def test_users_have_what_their_sessions_have(filled):
    rows = filled.get("/api/users", sort="id").json["users"]

    assert [(row["id"], row["sessions"], row["turns"]) for row in rows] == [("ada", 1, 3), ("grace", 1, 1)]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        pytest.param({}, ["other", "course", "trip"], id="newest first"),
        pytest.param({"sort": "start"}, ["trip", "course", "other"], id="oldest first"),
        pytest.param({"sort": "-turns"}, ["trip", "course", "other"], id="most turns"),
        pytest.param({"sort": "id"}, ["course", "other", "trip"], id="by id"),
        pytest.param({"user": "ada"}, ["trip"], id="user"),
        pytest.param({"user": "ad"}, [], id="the beginning of a user"),
        pytest.param({"name": "Trip planning"}, ["trip"], id="name"),
        pytest.param({"service": "school"}, ["other", "course"], id="service"),
        pytest.param({"model": "m-1"}, ["trip"], id="model"),
        pytest.param({"error": "true"}, ["trip"], id="error"),
        pytest.param({"error": "false", "sort": "id"}, ["course", "other"], id="no error"),
        pytest.param({"failed_check": "true"}, ["trip"], id="failed check"),
        pytest.param({"torn": "true", "sort": "id"}, ["course", "other"], id="torn"),
        pytest.param({"q": "children tarts"}, ["trip"], id="words of one turn"),
        pytest.param({"q": "LOOMS"}, ["course"], id="a word in capitals"),
        pytest.param({"q": '"(*'}, [], id="signs"),
        pytest.param({"since": "2026-11-30T12:00:00.700Z", "sort": "id"}, ["course", "other"], id="since"),
        pytest.param({"until": "2026-11-30T12:00:00.700Z"}, ["trip"], id="until"),
        pytest.param({"until": "2026-11-30"}, [], id="until a day"),
        pytest.param({"user": "grace", "service": "school", "torn": "true", "error": "false"}, ["course"], id="all"),
    ],
)
def test_sessions_are_filtered_and_sorted(filled, query, ids):
    answer = filled.get("/api/sessions", **query)

    assert [row["id"] for row in answer.json["sessions"]] == ids


@pytest.mark.parametrize("path", ["/api/sessions", "/api/users", "/api/traces"])
def test_every_sort_works_both_ways_with_ties_in_order(filled, path):
    (sort,) = [each for each in openapi()["paths"][path]["get"]["parameters"] if each["name"] == "sort"]
    name = path.rpartition("/")[2]
    for field in sort["schema"]["enum"]:
        whole = filled.get(path, sort=field).json[name]
        assert len(whole) == {"sessions": 3, "users": 2, "traces": 7}[name]
        assert filled.pages(path, name, sort=field, limit=1) == whole


def test_each_row_comes_once_over_all_pages_also_while_spans_come(client):
    def send(first: int, count: int) -> None:
        client.send(*(a_turn(n, f"s{n}", "q", "a", start=n) for n in range(first, first + count)))

    send(1, 25)
    page = client.get("/api/sessions", sort="start", limit=10).json
    ids = [row["id"] for row in page["sessions"]]
    while page["next"]:
        send(100 + len(ids), 3)
        page = client.get("/api/sessions", sort="start", limit=10, cursor=page["next"]).json
        ids += [row["id"] for row in page["sessions"]]
        assert len(ids) < 100

    assert len(ids) == len(set(ids))
    assert ids[:25] == [f"s{n}" for n in range(1, 26)]


def test_the_turns_of_a_session_come_in_pages_with_their_spans(client):
    client.send(*(a_turn(n, "s", f"question {n}", "a", start=n * 10) for n in range(1, 8)))

    page = client.session("s", limit=3).json
    seen = [(page["turns"], page["spans"])]
    while page["next"]:
        page = client.session("s", limit=3, cursor=page["next"]).json
        seen.append((page["turns"], page["spans"]))

    assert [[turn["input"][-1] for turn in turns] for turns, _ in seen] == [["1", "2", "3"], ["4", "5", "6"], ["7"]]
    assert [[span["trace_id"] for span in spans] for _, spans in seen] == [
        [turn["trace_id"] for turn in turns] for turns, _ in seen
    ]


def test_a_page_begins_with_the_turn_that_is_asked_for(client):
    client.send(*(a_turn(n, "s", f"question {n}", "a", start=n * 10) for n in range(1, 8)))

    page = client.session("s", limit=2, turn=f"{4:016x}").json
    after = client.session("s", limit=2, turn=f"{1:016x}", cursor=page["next"]).json

    assert (page["first"], [turn["input"][-1] for turn in page["turns"]]) == (4, ["4", "5"])
    assert (after["first"], [turn["input"][-1] for turn in after["turns"]]) == (6, ["6", "7"])
    assert client.session("s", turn="f" * 16).json["first"] == 1
    assert client.session("s", turn="x").json == {"error": "turn must be 16 hexadecimal digits."}


def test_a_tool_says_what_it_was_given_and_gave(client):
    said = {"session.id": "s", "input.value": "4711", "output.value": "x" * 5_000}
    client.send(
        a_span(1, 1, attributes={"openinference.span.kind": "TOOL"} | said),
        a_span(1, 2, 1, attributes={"openinference.span.kind": "CHAIN"} | said),
    )

    tool, chain = client.session("s").json["spans"]

    assert (tool["input"], tool["output"]) == ("4711", "x" * 4_096 + "…")
    assert (chain["input"], chain["output"]) == (None, None)
    assert client.get(f"/api/spans/{TRACE}/{1:016x}").json["output"] == "x" * 5_000


def test_the_outline_of_a_session_has_all_its_turns_and_what_is_apart_from_them(client):
    client.send(*(a_turn(n, "s", f"question {n}", "a", start=n * 10, length=5) for n in range(1, 4)))
    client.send(a_span(9, 9, start=99, attributes={"session.id": "s"}, status={"code": 2}))

    answer = answers.session_with_outline(client.store, "s", Paging(1, None))
    turns, apart = answer.pop("outline").values()

    assert answer == client.session("s", limit=1).json
    assert [(turn["span_id"][-1], turn["duration"], turn["errors"]) for turn in turns] == [
        ("1", 5.0, 0), ("2", 5.0, 0), ("3", 5.0, 0),
    ]  # fmt: skip
    assert apart == [
        {
            "trace_id": f"{9:032x}",
            "start": "2026-11-30T12:00:00.099000000Z",
            "end": "2026-11-30T12:00:00.100000000Z",
            "duration": 1.0,
            "errors": 1,
        }
    ]
    assert answers.session_with_outline(client.store, "none", Paging(1, None)) is None


def test_the_neighbours_of_a_session_are_those_of_its_user(client):
    for n, user in enumerate(["ada", "ada", "bob", "ada"], 1):
        client.send(a_turn(n, f"s{n}", "q", "a", start=n * 100, attributes={"user.id": user, "session.name": f"N{n}"}))
    # Began first, and is under way all the time.
    client.send(a_turn(9, "long", "q", "a", length=999, attributes={"user.id": "ada"}))
    client.send(a_turn(10, "alone", "q", "a"))

    def around(session_id):
        found = answers.neighbours(client.store, client.session(session_id).json["session"])
        return found["user"], *((found[which] or {}).get("id") for which in ("previous", "next"))

    assert around("s2") == ("ada", "s1", "s4")
    assert around("long") == ("ada", None, "s1")
    assert around("s4") == ("ada", "s2", None)
    assert around("s3") == ("bob", None, None)
    assert around("alone") == (None, None, None)
    found = answers.neighbours(client.store, client.session("s1").json["session"])
    assert found["next"] == {"id": "s2", "name": "N2"}
    assert found["previous"] == {"id": "long", "name": None}


HOSTILE = [
    "a/b",
    "..",
    ".",
    "/",
    "//x",
    "a%2Fb",
    "100%",
    "%",
    "a b",
    "é字😀",
    "?x=1",
    "#",
    "a\\b",
    "\u202ex",
    "'\"<b>",
    "+",
    "x" * 1_000,
]


@pytest.mark.parametrize("session_id", HOSTILE)
def test_a_session_is_found_whatever_its_id(client, session_id):
    client.send(a_turn(1, session_id, "q", "a"))

    found = client.get("/api/session", id=session_id).json
    (row,) = client.get("/api/sessions").json["sessions"]

    assert found["session"]["id"] == row["id"] == session_id
    assert client.session(session_id).json == found
    assert client.get("/sessions/" + urllib.parse.quote(session_id, safe="")).status == 200


@given(st.text(max_size=50))
def test_any_id_is_answered_by_a_session_or_by_none(filled, session_id):
    answer = filled.get("/api/session", id=session_id.encode("utf-8", "replace").decode())

    assert answer.status == (200 if session_id in ("trip", "course", "other") else 404)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/sessions/none", "There is no session with this id."),
        ("/api/sessions/", "There is no session with this id."),
        ("/api/session", "There is no session with this id."),
        ("/api/session?id=", "There is no session with this id."),
        ("/api/session?id=none", "There is no session with this id."),
        ("/api/export?id=none", "There is no session with this id."),
        (f"/api/traces/{NO_TRACE}", "There is no such trace."),
        (f"/api/spans/{NO_TRACE}/{12:016x}", "There is no such span."),
        (f"/api/spans/{TRACE}/{'f' * 16}", "There is no such span."),
        ("/api/nothing", "There is no such thing; /api/openapi.json tells what there is."),
        ("/api/", "There is no such thing; /api/openapi.json tells what there is."),
    ],
)
def test_what_is_not_there_is_a_404_with_a_message(filled, path, message):
    answer = filled.get(path)

    assert (answer.status, answer.json) == (404, {"error": message})
    check(answer.json, "Error")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/sessions?limit=many", "limit must be a number from 1 to 1000."),
        ("/api/sessions?cursor=x", "cursor must be what next was in the answer to the same question."),
        ("/api/session?id=trip&cursor=x", "cursor must be what next was in the answer to the same question."),
        ("/api/sessions/trip?id=x", "Each parameter must be one of turn, limit, cursor."),
        ("/api/coverage?x=1", "Each parameter must be left out here."),
        ("/api/traces?session=trip", "session must be none."),
        ("/api/traces/xyz", "trace_id must be 32 hexadecimal digits."),
        ("/api/spans/xyz/abc", "span_id must be 16 hexadecimal digits."),
        (f"/api/spans/xyz/{12:016x}", "trace_id must be 32 hexadecimal digits."),
        ("/api/users?error=2", "error must be true or false."),
    ],
)
def test_what_can_not_be_used_is_a_400_with_a_message(filled, path, message):
    answer = filled.get(path)

    assert (answer.status, answer.json) == (400, {"error": message})


def test_a_cursor_of_another_question_is_refused(filled):
    cursor = filled.get("/api/sessions", limit=1).json["next"]

    assert filled.get("/api/sessions", limit=1, cursor=cursor, user="ada").status == 400
    assert filled.get("/api/users", limit=1, cursor=cursor).status == 400


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_query_is_answered_with_200_or_400(filled, name, value):
    query = urllib.parse.urlencode({name.encode("utf-8", "replace"): value.encode("utf-8", "replace")})

    assert filled.get(f"/api/sessions?{query}").status in (200, 400)


@given(st.sampled_from(["q", "user", "name", "service", "model", "cursor"]), st.text(max_size=60))
def test_any_text_that_is_looked_for_is_answered(filled, name, value):
    answer = filled.get("/api/sessions", **{name: value.encode("utf-8", "replace")})

    assert answer.status == 200 or (name == "cursor" and answer.status == 400)


def test_a_session_is_exported_as_lines_that_can_be_read_again(filled):
    answer = filled.get("/api/export", id="trip")

    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = answer.body.splitlines()
    batches = [traces_from_json(line) for line in lines if line.startswith(b'{"resourceSpans"')]
    assert sum(len(batch.spans) for batch in batches) == 5
    copy = SQLiteStore.open(None)
    try:
        assert copy.load(lines) == (8, [])
        assert copy.session("trip").summary == filled.store.session("trip").summary
    finally:
        copy.close()


def test_records_outside_of_any_trace_belong_to_their_session(client):
    client.send(a_turn(1, "s", "q", "a"))
    client.send_logs(a_log("alone", attributes={"session.id": "s"}, at=5))

    answer = client.session("s").json

    assert [(log["body"], log["trace_id"], log["span_id"]) for log in answer["logs"]] == [("alone", None, None)]
    check(answer, "OneSession")


def test_many_may_ask_at_once(filled):
    answers: list[int] = []

    def ask() -> None:
        answers.extend(filled.get(path).status for path, _ in (route.values for route in ROUTES))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 4 * len(ROUTES)
