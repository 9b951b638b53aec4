"""The file of a session can be read without a script, loads nothing, and shows hostile content as text."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from otel_sessions.view.api.content import without_content
from otel_sessions.view.page.export import session_html
from otel_sessions.view.page.visible import visible
from seen_pages import HOSTILE, Page, hostile_answer
from view_documents import NO_TOKENS, START, a_check, a_log, a_span, an_answer
from view_documents import a_turn as turn_document


@pytest.mark.parametrize("words", [pytest.param(HOSTILE, id="hostile"), pytest.param("x", id="plain")])
def test_what_is_shown_is_text_whatever_it_is(words):
    html = session_html(hostile_answer(words))

    Page(html).check()
    html.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", html)
    assert html.count(escape(visible(words))) >= 20


@given(st.text())
def test_no_content_makes_an_element(words):
    plain = [tag for tag, _ in Page(session_html(hostile_answer("x"))).elements]

    assert [tag for tag, _ in Page(session_html(hostile_answer(f"x{words}"))).elements] == plain


def test_the_file_has_a_policy_that_lets_nothing_run_and_only_its_own_style_hold():
    page = Page(session_html(an_answer()))

    (policy,) = [each["content"] for tag, each in page.elements if tag == "meta" and "http-equiv" in each]
    style = re.search(r"<style>(.*)</style>", session_html(an_answer()), re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert [each for _, each in page.elements if "href" in each or "src" in each] == []
    assert "url(" not in style


def test_the_file_shows_the_conversation_its_spans_checks_and_records():
    event = {"name": "retry", "time": START, "attributes": {"of": "chat"}}
    link = {"trace_id": "c" * 32, "span_id": "d" * 16, "attributes": {}}
    more = {"attributes": {"k": "v", "n": [1]}, "events": [event], "links": [link]}
    spans = [a_span("1", name="turn"), a_span("2", "1", 1, name="chat", type="llm", model="m-1", **more)]
    turns = [
        turn_document("1", input="What is 6 times 7?", output="Forty-two.", path="/sums", ended_early=True),
        turn_document("9", trace_id="c" * 32, duration=None),
    ]
    answer = an_answer(
        spans, turns, name="Maths", tokens=NO_TOKENS | {"input": 1_234}, checks=[a_check(passed=None)], logs=[a_log()]
    )

    page = Page(session_html(answer))

    assert "Maths" in page.text
    assert "Tokens 1.2k in" in page.text
    assert re.search(
        r"Turn 1 12:00:00 150 ms . tokens /sums ended early User: What is 6 times 7\? Assistant: Forty-two\.", page.text
    )
    assert re.search(r"llm chat m-1 1 ms All of it trace 0af\w+, span 2, service shop , scope tests , from", page.text)
    assert re.search(r", session s k v n \[1\] retry 2026-11-30 12:00:00 of chat Link to trace c+, span d+", page.text)
    assert re.search(r"Turn 2 12:00:00 . . tokens No words are recorded: turn \.", page.text)
    assert "polite" in page.text
    assert "log it rains" in page.text
    ids = [each["id"] for _, each in page.elements if "id" in each]
    assert {f"#{each}" for each in ids} >= {each["href"] for each in page.all("a")} != set()


def test_without_content_the_file_says_that_words_are_left_out():
    html = session_html(without_content(hostile_answer("secret")), has_content=False)

    page = Page(html)
    page.check()
    assert "Words and attributes are left out." in page.text
    assert "not recorded" not in page.text
    assert "No words" not in page.text


def test_a_deep_chain_stays_on_the_page():
    chain = [a_span(str(n), str(n - 1) if n else None, start=n) for n in range(2_000)]

    Page(session_html(an_answer(chain, [turn_document("0")]))).check()
