"""Pages can be read without a script, lead to each other, and say why there is nothing to see."""

from __future__ import annotations

import re
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics

from otel_sessions.view.page.assets import assets
from otel_sessions.view.page.coverage import coverage_values
from otel_sessions.view.page.environment import rendered
from otel_sessions.view.page.links import session_url
from otel_sessions.view.page.trace import MOST_SPANS, trace_values
from otel_sessions.view.page.visible import visible
from otel_sessions.view.store.interface import Dropped
from otlp_bodies import a_log, a_span, a_turn, pairs
from seen_pages import HOSTILE, Page
from view_documents import a_span as a_span_document

FRAME = {"here": "", "revision": 1, "dropped": Dropped(0, 0, 0)}


def test_the_list_has_a_row_for_each_session_that_leads_to_it(client):
    client.send(a_turn(1, "a/b", "q", "a", attributes={"session.name": "Trip"}), a_turn(2, "plain", "q", "a", start=9))

    page = Page(client.get("/").body.decode())

    page.check()
    links = [each["href"] for each in page.all("a") if each["href"].startswith("/session")]
    assert links == ["/sessions/plain", "/session?id=a%2Fb"]
    for link in links:
        assert client.get(link).status == 200


def test_a_long_list_leads_to_older_ones(client):
    client.send(*(a_turn(n, f"s{n}", "q", "a", start=n) for n in range(1, 61)))

    first = Page(client.get("/").body.decode())
    (older,) = [each["href"] for tag, each in first.elements if tag == "a" and "cursor" in each["href"]]
    second = Page(client.get(older).body.decode())

    assert len([tag for tag, _ in second.elements if tag == "tr"]) == 11
    assert "Older ones" not in second.text


def test_a_long_session_leads_to_more_turns(client):
    client.send(*(a_turn(n, "s", f"question {n}", "a", start=n * 10) for n in range(1, 61)))

    first = Page(client.get("/sessions/s").body.decode())
    (second,) = {each["href"] for each in first.all("a") if "cursor" in each["href"]}
    assert "question 20 " in first.text
    assert "question 21 " not in first.text
    assert "question 21 " in Page(client.get(second).body.decode()).text


def test_an_empty_store_says_what_to_do(client):
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in Page(client.get("/").body.decode()).text


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/sessions/none", 404, "There is no session with this id."),
        ("/session", 404, "There is no session with this id."),
        ("/?sort=x", 400, "sort must be one of id, name,"),
        ("/sessions/trip?limit=x", 400, "limit must be a number from 1 to 1000."),
    ],
)
def test_what_is_not_there_is_said_on_a_page(filled, path, status, message):
    answer = filled.get(path)

    assert answer.status == status
    page = Page(answer.body.decode())
    page.check()
    assert message in page.text


@pytest.mark.parametrize("path", ["/", "/sessions/trip", "/sessions/none", "/api/sessions", "/api/nothing", "/nothing"])
def test_no_answer_may_be_framed_guessed_or_followed(filled, path):
    headers = filled.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_styles_and_scripts_are_where_the_pages_have_them_from_and_stay_as_they_are(filled):
    page = Page(filled.get("/").body.decode())

    for path in [*(each["href"] for each in page.all("link")), *(each["src"] for each in page.all("script"))]:
        answer = filled.get(path)
        assert (answer.status, answer.headers["cache-control"]) == (200, "private, max-age=31536000, immutable")
    assert filled.get("/static/page.css").status == 404


@given(st.text(min_size=1))
def test_a_link_to_a_session_stays_on_the_page(session_id):
    link = session_url(session_id.encode("utf-8", "replace").decode())

    assert re.fullmatch(r"/session(s/[\w.~%-]+|\?id=[\w.~%+*-]+)", link, re.ASCII)
    assert not re.fullmatch(r"/sessions/\.*", link)


def seen(client, path: str) -> Page:
    """Return a page that is there, and made as pages are."""
    answer = client.get(path)
    assert answer.status == 200
    page = Page(answer.body.decode())
    page.check()
    return page


def cells(page: Page, label: str) -> int:
    return sum(each.get("data-label") == label for each in page.all("td"))


def test_the_list_shows_of_each_session_what_the_api_has(filled):
    page = seen(filled, "/")

    assert "Trip planning" in page.text
    for words in ("ada", "shop", "1.2k in 56 out", "300 ms", "torn"):
        assert words in page.text
    assert [each["aria-sort"] for each in page.all("th") if "aria-sort" in each] == ["descending"]
    assert cells(page, "Cost") == 3


def test_a_list_is_filtered_and_the_form_says_by_what(filled):
    page = seen(filled, "/?user=ada&error=1&q=lisbon&sort=-turns&limit=7")

    assert [each["data-key"] for each in page.all("tr") if "data-key" in each] == ["trip"]
    values = {each["name"]: each.get("value") for each in page.all("input")}
    assert (values["user"], values["q"], values["sort"], values["limit"]) == ("ada", "lisbon", "-turns", "7")
    assert [each["name"] for each in page.all("input") if "checked" in each] == ["error"]
    assert "/?error=1&q=lisbon&sort=-turns&limit=7" in [each["href"] for each in page.all("a")]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/?user=nobody", "No session is like that."),
        ("/users?user=nobody", "No user is like that."),
        ("/traces?service=none", "No trace is like that."),
        ("/traces?session=none&service=none", "No trace is like that."),
    ],
)
def test_a_filter_that_leaves_nothing_says_so(filled, path, words):
    assert words in seen(filled, path).text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "Nothing has come yet"),
        ("/users", "Nobody is named yet."),
        ("/traces", "Nothing has come yet."),
        ("/traces?session=none", "Every trace has a session."),
        ("/coverage", "Nothing has come yet."),
    ],
)
def test_where_nothing_has_come_each_page_says_so(client, path, words):
    assert words in seen(client, path).text


def test_the_first_trace_of_a_newcomer_is_seen_though_it_names_no_session(client):
    client.send(a_span(1, 1, name="first"))

    page = seen(client, "/")
    assert "Traces have come, and none of them names a session." in page.text
    assert "set_session" in page.text
    assert "first" in seen(client, "/traces?session=none").text
    assert "/traces?session=none" in [each["href"] for each in page.all("a")]


def test_users_lead_to_their_sessions(filled):
    page = seen(filled, "/users")

    assert "/?user=ada" in [each["href"] for each in page.all("a")]
    assert cells(page, "Sessions") == 2


def test_what_people_say_has_a_column_where_there_is_any(client):
    client.send(a_turn(1, "s", "q", "a", attributes={"user.id": "ada"}))
    assert not cells(seen(client, "/"), "Feedback")

    thumb = {"session.id": "s", "gen_ai.evaluation.name": "thumb", "annotation.annotator_kind": "HUMAN"}
    client.send_logs(a_log(None, trace=1, span=1, event_name="gen_ai.evaluation.result", attributes=thumb))

    assert cells(seen(client, "/"), "Feedback") == cells(seen(client, "/users"), "Feedback") == 1


def test_coverage_has_shares_causes_remedies_and_torn_traces(filled):
    page = seen(filled, "/coverage")

    for words in (
        "50 %",
        "1 of 2",
        "80 %",
        "8 of 10",
        "unknown",
        "set_session",
        "1 torn trace, which names two sessions",
    ):
        assert words in page.text
    links = [each["href"] for each in page.all("a")]
    assert f"/traces/{5:032x}" in links
    assert "/sessions/other" in links
    assert "/traces?session=none&service=shop" in links


def test_coverage_tells_where_all_is_well_and_which_other_keys_there_are(client):
    client.send(a_span(1, 1, attributes={"gen_ai.conversation.id": "c", "session.displaced_id": "d"}))

    page = seen(client, "/coverage")

    for words in ("Every span is in a session.", "100 %", "gen_ai.conversation.id 1 session"):
        assert words in page.text


def test_so_many_torn_traces_are_shown_and_the_rest_is_counted():
    torn = [{"trace_id": f"{number:032x}", "session_ids": ["a", "b"]} for number in range(103)]
    values = coverage_values(
        {"spans": 206, "without_session": 0, "llm_spans": 0, "llm_without_session": 0, "groups": [], "torn": torn}
        | {"other_keys": [], "displaced": 3, "metrics": 0}
    )

    page = Page(rendered("coverage.html", values | FRAME))
    page.check()
    assert "103 torn traces" in page.text
    assert "3 more are in" in page.text
    assert "3 session ids were displaced" in page.text


def test_a_trace_shows_its_spans_in_their_order_with_all_that_they_say(filled):
    page = seen(filled, f"/traces/{1:032x}")

    assert [each["id"] for each in page.all("li")] == [f"{span:016x}" for span in (1, 11, 12)]
    assert [each["class"] for each in page.all("li")] == ["depth-0", "depth-1", "depth-2"]
    for words in ("In session trip", "llm", "m-1", "1,152,921,504,606,846,976", "it rains", "3 spans"):
        assert words.replace(",", "") in page.text.replace(",", "")
    bars = page.all("rect")
    assert [(each["x"], each["width"]) for each in bars] == [("0.0", "100.0"), ("0.67", "60.0"), ("1.33", "0.67")]


def test_a_trace_in_two_sessions_and_one_in_none_say_so(filled):
    assert "In sessions course other" in seen(filled, f"/traces/{5:032x}").text
    assert "In no session" in seen(filled, f"/traces/{6:032x}").text
    assert "1 with errors" in seen(filled, f"/traces/{3:032x}").text


def test_a_large_trace_shows_so_many_spans_and_counts_the_rest(client):
    client.send(*(a_span(1, span, span - 1, name="deep") for span in range(1, MOST_SPANS + 6)))

    page = seen(client, f"/traces/{1:032x}")

    assert len(page.all("li")) == MOST_SPANS
    assert "5 more spans are in" in page.text
    assert page.all("li")[-1]["class"] == "depth-12"


def test_a_span_without_times_has_a_bar_at_the_beginning():
    spans = [a_span_document("1"), a_span_document("2", "1", start=20), a_span_document("3")]
    spans[2] |= {"start": None, "end": None, "duration": None}

    rows = trace_values({"trace_id": "a" * 32, "spans": spans, "logs": []})["rows"]

    bars = {row.span["span_id"]: (row.x, row.width) for row in rows}
    assert bars == {"1": (0, 4.76), "2": (95.24, 4.76), "3": (0, 0)}


def test_what_was_dropped_at_the_bound_is_said():
    frame = FRAME | {"dropped": Dropped(1_234, 2_345, 9)}

    page = Page(rendered("message.html", frame | {"heading": "h", "message": "m"}))

    assert "dropped the oldest: 1,234 sessions, 2,345 traces." in page.text


@pytest.mark.parametrize(
    "path", ["/nothing", "/traces/none", f"/traces/{99:032x}", "/static/nothing", "/users?sort=x", "/coverage?x=1"]
)
def test_what_is_no_page_says_so_on_one(filled, path):
    answer = filled.get(path)

    assert answer.status in {400, 404}
    page = Page(answer.body.decode())
    page.check()
    assert "must be" in page.text or "There is no" in page.text


@pytest.mark.parametrize(
    "path", ["/?limit=1000", "/users", "/coverage", "/traces", "/traces?session=none", f"/traces/{1:032x}"]
)
def test_hostile_content_stands_on_each_page_as_text(client, path):
    words = HOSTILE.replace("\ud800", "")
    ids = {"user.id": words, "session.name": words, words: words, "llm.model_name": words}
    event = {"name": words, "time_unix_nano": 1, "attributes": pairs({words: words})}
    turn = a_turn(1, words, words, words, attributes=ids, status={"code": 2, "message": words}, events=[event])
    client.send(turn, resource={"service.name": words}, scope=words)
    client.send(a_span(2, 2, name=words), resource={"service.name": words}, scope=words)
    client.send_logs(a_log(words, trace=1, span=1))

    page = seen(client, path)

    assert visible(words) in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", client.get(path).body.decode())


def test_a_name_that_a_template_does_not_know_is_an_error():
    with pytest.raises(UndefinedError):
        rendered("message.html", FRAME | {"heading": "h"})


def test_a_link_to_a_session_takes_more_parameters():
    assert session_url("a b", cursor="c") == "/sessions/a%20b?cursor=c"
    assert session_url("a/b", cursor="c") == "/session?id=a%2Fb&cursor=c"
    assert session_url("..") == "/session?id=.."


@pytest.mark.parametrize("path", ["/", "/users", "/coverage", "/traces", f"/traces/{1:032x}", "/?sort=services"])
def test_names_of_millions_of_characters_leave_a_page_light(client, path):
    long = "x" * 1_000_000
    ids = {"session.name": f"name {long}", "user.id": f"user {long}", f"key {long}": f"value {long}"}
    event = {"name": f"event {long}", "attributes": pairs({f"key {long}": long})}
    turn = a_turn(1, f"id {long}", long, long, attributes=ids, status={"code": 2, "message": long}, events=[event])
    client.send(turn, a_span(1, 5, 1, name=long), resource={"service.name": f"service {long}"}, scope=long)
    client.send(a_span(2, 2, name=long), resource={"service.name": f"service {long}"}, scope=long)
    client.send_logs(a_log(long, trace=1, span=1, event_name=long))

    seen(client, path)

    assert len(client.get(path).body) < 60_000


def test_the_script_and_the_style_are_small():
    assert len(assets()["page.js"].content) <= 10_000
    assert len(assets()["page.css"].content) <= 20_000


def test_metrics_are_counted_on_coverage(client):
    def post(number: int) -> None:
        metric = Metric(name="m", gauge=Gauge(data_points=[NumberDataPoint(as_int=1)] * number))
        of_scope = ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])
        body = ExportMetricsServiceRequest(resource_metrics=[of_scope]).SerializeToString()
        request = urllib.request.Request(f"{client.url}/v1/metrics", body)  # noqa: S310  # our own loopback URL
        request.add_header("Content-Type", "application/x-protobuf")
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            assert answer.status == 200

    post(1)
    assert "1 metric came, of which none is kept, and no span." in seen(client, "/coverage").text
    client.send(a_span(1, 1))
    assert "1 metric came since the start." in seen(client, "/coverage").text
