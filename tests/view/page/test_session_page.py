"""The page of a session shows the conversation and what was behind it, whatever came, and stays light."""

from __future__ import annotations

import re

import pytest

from otel_sessions.view.page.assets import assets
from otlp_bodies import a_log, a_span, a_turn
from seen_pages import HOSTILE, Page

LLM = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 1_000, "llm.token_count.completion": 50}
TOOL = {"openinference.span.kind": "TOOL", "input.value": '{"id": 4711}', "output.value": '{"state": "sent"}'}
FAILED = {"status": {"code": 2, "message": "timed out"}}


def shown(client, session_id="s", **query) -> Page:
    answer = client.get("/session", id=session_id, **query)
    assert answer.status == 200
    page = Page(answer.body.decode())
    page.check()
    return page


def links(page) -> list[str]:
    return [each["href"] for each in page.all("a")]


def a_chat(number, *spans, question="Where is it?", answer="On its way.", start=None, **more):
    at = number * 10_000 if start is None else start
    turn = a_turn(number, "s", question, answer, start=at, length=100, **more)
    return [turn, *(a_span(number, number * 100 + n, number, start=at + n, **each) for n, each in enumerate(spans, 1))]


def test_a_turn_has_words_tools_spans_records_and_checks_in_place(client):
    client.send(
        *a_chat(1, {"name": "chat", "attributes": LLM}, {"name": "find_order", "attributes": TOOL, "length": 50})
    )
    evaluation = {"gen_ai.evaluation.name": "polite", "gen_ai.evaluation.score.label": "fail", "session.id": "s"}
    client.send_logs(
        a_log("it rains", trace=1, span=102, at=10_020),
        a_log(None, trace=1, span=1, at=10_101, event_name="gen_ai.evaluation.result", attributes=evaluation),
    )

    page = shown(client)

    assert re.search(
        r"Turn 1 12:00:10 100 ms 1\.0k in 50 out 1 failed check User: Where is it\?"
        r" tool find_order 50 ms \{ \"id\": 4711 \} \{ \"state\": \"sent\" \} Where it stands · All of it"
        r" Assistant: On its way\. ✗ check polite failed 3 spans"
        r" turn 100 ms llm chat 1\.0k in 50 out 1 ms tool find_order 50 ms log it rains",
        page.text,
    )
    assert [each["class"] for each in page.all("article")] == ["turn"]
    assert [each["id"] for each in page.all("li") if "id" in each] == [f"span-{n:016x}" for n in (1, 101, 102)]
    assert all(client.get(link).status == 200 for link in links(page) if link.startswith("/"))
    assert {link[1:] for link in links(page) if link[0] == "#"} <= {
        each["id"] for _, each in page.elements if "id" in each
    }


def test_without_words_the_switch_is_told_once(client):
    spans = [a_span(n, n, start=n * 1_000, name="chat", attributes=LLM | {"session.id": "s"}) for n in (1, 2)]
    client.send(*spans, scope="openinference.instrumentation.openai")

    page = shown(client)

    assert page.text.count("No words are recorded: chat .") == 2
    assert page.text.count("With OpenInference they are recorded by OPENINFERENCE_HIDE_INPUTS=false") == 1


def test_half_of_the_words_is_told_as_half(client):
    client.send(
        *a_chat(1, answer=""), *a_chat(2, question=""), *a_chat(3, answer="", status={"code": 2, "message": "no"})
    )

    page = shown(client)

    assert "What was answered is not recorded." in page.text
    assert "What was asked is not recorded." in page.text
    assert "There is no answer: the turn failed." in page.text


def test_spans_of_another_session_are_dimmed_with_who_said_what_and_the_remedy(client):
    client.send(*a_chat(1, {"name": "graph", "attributes": {"session.id": "thread-7"}}))

    page = shown(client)

    assert re.search(r"A trace names 2 sessions s \(this one\) ?: said by 1 span, first by turn of shop", page.text)
    assert re.search(
        r"thread-7 ?: said by 1 span, first by graph of shop .* A trace belongs to one session\.", page.text
    )
    assert "graph in session thread-7" in page.text
    assert "/sessions/thread-7" in links(page)
    assert ["other" in each["class"] for each in page.all("li") if "id" in each] == [False, True]


def test_what_is_odd_stands_at_the_top_and_leads_to_the_turn(client):
    client.send(*a_chat(1, {"name": "audit", **FAILED}))

    page = shown(client)

    assert "What is odd Turn 1 : audit failed and the turn answered without an error." in page.text
    assert page.text.index("What is odd") < page.text.index("Where is it?")
    assert f"#turn-{1:016x}" in links(page)


def test_the_paths_say_where_the_time_went(client):
    client.send(
        *a_chat(
            1,
            *(
                {"name": n, "length": size, "attributes": {"session.path": f"/{n}"}}
                for n, size in [("a", 80), ("b", 10)]
            ),
        )
    )

    page = shown(client)

    assert re.search(r"Where time and tokens went, by path .* a bottleneck 1 80 ms 80 %", page.text)
    assert [each["width"] for each in page.all("rect") if each["width"] in {"80.0%", "10.0%"}] == ["80.0%", "10.0%"] * 2


def test_a_long_session_is_paged_and_its_time_line_leads_everywhere(client):
    for n in range(1, 51):
        client.send(*a_chat(n, attributes={"session.name": "Long"}))

    first = shown(client)
    second = shown(client, turn=f"{21:016x}")
    last = shown(client, turn=f"{41:016x}")

    assert [len(page.all("article")) for page in (first, second, last)] == [20, 20, 10]
    assert "Turns 21 to 40 of 50" in second.text
    assert "Turn 21 12:03:30" in second.text
    assert f"/sessions/s?turn={1:016x}&limit=20" in links(second)
    assert f"/sessions/s?turn={41:016x}&limit=20" in links(first)
    marks = [link for link in links(second) if "#turn-" in link and "limit" not in link]
    assert {link.partition("#")[2] for link in marks} == {f"turn-{n:016x}" for n in range(1, 51)}
    (there,) = {link for link in marks if link.startswith("/") and link.endswith(f"{50:x}")}
    page = shown(client, **dict(pair.split("=") for pair in there.partition("?")[2].partition("#")[0].split("&")))
    assert [each["id"] for each in page.all("article")] == [f"turn-{50:016x}"]
    assert f"#turn-{21:016x}" in links(second)


def test_a_page_of_twenty_turns_is_light_with_all_that_it_loads(client):
    words = "Take the tram 28 up to Graça, and walk down through Alfama. " * 12
    steps = [
        {"name": "chat", "attributes": LLM | {"input.value": words}},
        {"name": "find_order", "attributes": TOOL},
    ] * 5
    for n in range(1, 41):
        client.send(*a_chat(n, *steps, question=words, answer=words))

    answer = client.get("/sessions/s")

    loaded = sum(len(each.content) for each in assets().values())
    assert len(answer.body) + loaded <= 300_000
    assert len(Page(answer.body.decode()).all("article")) == 20


def test_a_turn_of_hundreds_of_spans_shows_what_matters_and_leads_to_the_rest(client):
    steps = [
        {"name": f"step {n}", "attributes": LLM if n % 100 == 0 else {}, **(FAILED if n == 450 else {})}
        for n in range(760)
    ]
    client.send(*a_chat(1, *steps), *a_chat(2))

    page = shown(client)
    whole = shown(client, turn=f"{1:016x}", limit=1)

    rows = [each for each in page.all("li") if "id" in each]
    assert 250 <= len(rows) <= 310
    assert "step 450 timed out" in page.text
    assert all(f"step {n} " in page.text for n in range(0, 760, 100))
    assert "761 spans" in page.text
    assert f"/sessions/s?turn={1:016x}&limit=1" in links(page)
    assert len([each for each in whole.all("li") if "id" in each]) == 761
    assert "more rows are not shown" not in whole.text


def test_a_prompt_of_megabytes_is_cut_and_leads_to_all_of_it(client):
    client.send(
        *a_chat(1, {"name": "tool", "attributes": TOOL | {"input.value": "y" * 5_000_000}}, question="x" * 5_000_000)
    )

    answer = client.get("/sessions/s")

    assert len(answer.body) < 20_000
    page = Page(answer.body.decode())
    assert "x Cut here: show all" in page.text
    (link,) = {
        each["href"] for each in page.all("a") if each.get("class") == "more" and "#" not in each["href"][:1]
    } - {f"/traces/{1:032x}#{101:016x}"}
    assert link == f"/traces/{1:032x}#{1:016x}"


def test_what_is_outside_of_turns_and_traces_is_there_too(client):
    client.send(*a_chat(1), a_span(9, 9, start=90_000, name="sync", attributes={"session.id": "s"}))
    client.send_logs(a_log({"left": ["over"]}, at=5, attributes={"session.id": "s"}, severity_number=13))

    page = shown(client)

    assert "Spans outside of turns sync 1 ms" in page.text
    assert '1 log record outside of traces warning {"left": ["over"]}' in page.text
    assert f"/traces/{9:032x}" in links(page)


def test_a_session_of_records_alone_says_that_nobody_asked(client):
    judged = {"session.id": "s", "gen_ai.evaluation.name": "polite"}
    client.send_logs(a_log(None, at=5, event_name="gen_ai.evaluation.result", attributes=judged))

    page = shown(client)

    assert "Nothing here is a turn" in page.text
    assert [("open" in each) for each in page.all("details")] == [True]


def test_the_sessions_before_and_after_are_one_click_away(client):
    for n in range(1, 4):
        more = {"session.previous_id": "s1"} if n == 2 else {}
        client.send(
            a_turn(n, f"s{n}", "q", "a", start=n * 100, attributes={"user.id": "ada", "session.name": f"N{n}"} | more)
        )

    page = shown(client, "s2")

    around = {each["rel"]: (each["href"], each["title"]) for each in page.all("a") if "rel" in each}
    assert around == {"prev": ("/sessions/s1", "N1"), "next": ("/sessions/s3", "N3")}
    assert "Goes on from s1" in page.text
    assert "← Earlier" not in shown(client, "s1").text


@pytest.mark.parametrize(
    "words", [pytest.param(HOSTILE[:-2], id="hostile"), pytest.param("שלום \u202egnp", id="from right to left")]
)
def test_whatever_is_said_is_text(client, words):
    spans = [
        {
            "name": words,
            "attributes": TOOL | {"input.value": words, "session.path": f"/{words}"},
            "status": {"code": 2, "message": words},
        }
    ]
    spans += [{"name": "x", "attributes": {"session.id": words + "2"}}]
    client.send(
        *a_chat(
            1,
            *spans,
            question=words,
            answer=words,
            attributes={"session.id": words, "user.id": words, "session.name": words},
        )
    )
    client.send(a_turn(2, words, "q", "a", start=9, attributes={"user.id": words}), resource={"service.name": words})
    client.send_logs(a_log(words, trace=1, span=1, event_name=words))

    page = shown(client, words)

    html = client.get("/session", id=words).body.decode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", html)
    assert [each for _, each in page.elements if "style" in each] == []
    assert [each.get("src", "")[:8] for each in page.all("script")] == ["/static/"]


def test_services_keep_their_colour_and_unknown_ones_have_none(client):
    client.send(*a_chat(1))
    client.send(a_span(1, 50, 1, start=10_001, name="db"), resource={"service.name": "db"})
    client.send(a_span(1, 51, 1, start=10_002, name="lost"), resource={})

    classes = [each["class"] for each in shown(client).all("svg") if "lane" in each.get("class", "")]

    assert [each.strip() for each in classes] == ["lane c1", "lane c0", "lane"]
