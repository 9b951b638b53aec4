"""Pages and the file of a session can be read without a script, load nothing, and show hostile content as text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.api.content import without_content
from otel_sessions.view.api.export import session_html
from otel_sessions.view.api.html_text import text
from otel_sessions.view.api.pages import link_to, message_page, session_page, sessions_page
from otlp_bodies import a_turn
from view_documents import NO_TOKENS, a_check, a_log, a_session, a_span, an_answer
from view_documents import a_turn as turn_document

HOSTILE = "</pre></style><script>alert(1)</script><img src=x onerror=alert(1)> \"'& \x1b[2J\x00 \u202egnp \ud800"


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "title"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def check(self) -> None:
        """It has what such a page has, and no more, whatever stands on it."""
        assert self.open == []
        allowed = {
            "a", "body", "br", "details", "div", "h1", "h2", "head", "html", "link", "meta", "p", "pre", "section", "span",
            "style", "summary", "table", "tbody", "td", "th", "thead", "title", "tr", "code",
        }  # fmt: skip
        assert {tag for tag, _ in self.elements} <= allowed
        names = {name for _, attributes in self.elements for name in attributes}
        assert names <= {"lang", "charset", "name", "content", "http-equiv", "rel", "href", "class", "id"}


def hostile_answer(words: str) -> dict[str, object]:
    event = {"name": words, "time": None, "attributes": {words: [words]}}
    span = a_span(
        "1", name=words, service=words, error=words, model=words, path=words, session_id=words, events=[event]
    )
    span["attributes"] = {words: words, "n": 1, "none": None, "map": {words: words}}
    return an_answer(
        [span, a_span("2", trace_id="b" * 32)],
        [turn_document("1", input=words, output=words, path=words, errors=1)],
        id=words,
        name=words,
        users=[words],
        services=[words],
        torn=True,
        checks=[a_check("1", name=words, label=words, explanation=words, passed=False, score=0.5)],
        logs=[a_log(event=words, body=words), a_log(body={words: 1}, time=None)],
    )


@pytest.mark.parametrize("words", [pytest.param(HOSTILE, id="hostile"), pytest.param("x", id="plain")])
def test_what_is_shown_is_text_whatever_it_is(words):
    answer = hostile_answer(words)

    row = a_session(id=words.encode("utf-8", "replace").decode(), name=words)

    for html in (session_html(answer), session_page(answer), sessions_page({"sessions": [row], "next": "c"})):
        page = Page(html)
        page.check()
        html.encode()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", html)
    assert session_html(answer).count(text(words)) >= 20


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
    assert [each for _, each in page.elements if "href" in each] == []


def test_the_file_shows_the_conversation_its_spans_checks_and_records():
    spans = [a_span("1", name="turn"), a_span("2", "1", 1, name="chat", type="llm", model="m-1", attributes={"k": "v"})]
    turns = [
        turn_document("1", input="What is 6 times 7?", output="Forty-two.", path="/sums", ended_early=True),
        turn_document("9", trace_id="c" * 32, duration=None),
    ]
    answer = an_answer(
        spans, turns, name="Maths", tokens=NO_TOKENS | {"input": 1_234}, checks=[a_check(passed=None)], logs=[a_log()]
    )

    page = Page(session_html(answer)).text

    assert "Maths" in page
    assert "tokens in, out 1,234, not recorded" in page
    assert re.search(r"Turn 1 150\.0 ms · /sums · ended early What is 6 times 7\? Forty-two\. Spans: 2", page)
    assert re.search(r"│ chat shop · llm · m-1 · 1\.0 ms trace 0af\w+, span 2 k v", page)
    assert re.search(r"Turn 2 No words are recorded\.", page)
    assert "polite" in page
    assert "it rains" in page


def test_without_content_the_file_says_that_words_are_left_out():
    html = session_html(without_content(hostile_answer("secret")), has_content=False)

    page = Page(html)
    page.check()
    assert "Words and attributes are left out." in page.text
    assert "No words are recorded" not in page.text


def test_a_deep_chain_stays_on_the_page():
    chain = [a_span(str(n), str(n - 1) if n else None, start=n) for n in range(2_000)]

    Page(session_html(an_answer(chain, [turn_document("0")]))).check()


def test_the_list_has_a_row_for_each_session_that_leads_to_it(client):
    client.send(a_turn(1, "a/b", "q", "a", attributes={"session.name": "Trip"}), a_turn(2, "plain", "q", "a", start=9))

    page = Page(client.get("/").body.decode())

    page.check()
    assert "more is to come" in page.text
    links = [each["href"] for tag, each in page.elements if tag == "a"]
    assert links == ["/sessions/plain", "/session?id=a%2Fb", "/api/openapi.json"]
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
    (more,) = [each["href"] for tag, each in first.elements if tag == "a" and "cursor" in each["href"]]

    assert "question 60" in Page(client.get(more).body.decode()).text


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


@pytest.mark.parametrize(
    "path", ["/", "/sessions/trip", "/sessions/none", "/api/sessions", "/api/nothing", "/plain.css"]
)
def test_no_answer_may_be_framed_guessed_or_followed(filled, path):
    headers = filled.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_the_style_is_where_the_pages_have_it_from(filled):
    (link,) = [each["href"] for tag, each in Page(filled.get("/").body.decode()).elements if tag == "link"]

    answer = filled.get(link)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")


@given(st.text(min_size=1))
def test_a_link_to_a_session_stays_on_the_page(session_id):
    link = link_to(session_id.encode("utf-8", "replace").decode())

    assert re.fullmatch(r"/session(s/[\w.~%-]+|\?id=[\w.~%+*-]+)", link, re.ASCII)
    assert not re.fullmatch(r"/sessions/\.*", link)


def test_a_message_is_text():
    Page(message_page(HOSTILE)).check()
