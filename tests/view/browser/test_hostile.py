"""What comes is shown as text, whatever it is: nothing runs, nothing loads, and no element or address is made of it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest

from hostile_texts import HOSTILE
from otlp_bodies import a_span, a_turn
from seen_pages import ATTRIBUTES, ELEMENTS
from view_api import serving

GROUP = 33
GROUPS = range(0, len(HOSTILE), GROUP)
OWN_PATHS = ("/sessions/", "/session", "/users", "/coverage", "/traces", "/static/", "/live", "/api/")
_SEEN = """() => ({
  ran: window.ran ?? null,
  elements: [...new Set([...document.querySelectorAll('*')].map(e => e.localName))],
  attributes: [...new Set([...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()))],
  addresses: [...document.querySelectorAll('[href], [src], [action]')]
    .map(e => new URL(e.href?.baseVal ?? e.href ?? e.src ?? e.action, document.baseURI).href),
})"""


def _fill(client) -> None:
    for number, words in enumerate(HOSTILE, 1):
        ids = {"user.id": words, "session.name": words, words: words, "llm.model_name": words, "session.path": words}
        failed = {"code": 2, "message": words}
        resource = {"service.name": words}
        client.send(a_turn(number, words, words, words, attributes=ids, status=failed), resource=resource, scope=words)
        # In no session, and several in one trace.
        client.send(
            a_span(10_000 + number // GROUP, number, name=words, attributes={words: words, "list": [words]}),
            resource=resource,
            scope=words,
        )
        # Turns of one session.
        client.send(a_turn(20_000 + number, f"group {number // GROUP}", words, words, attributes=ids))
    client.store.settle()


@pytest.fixture(scope="module")
def hostile():
    with serving() as client:
        _fill(client)
        yield client


def _paths() -> list[str]:
    lists = ["/?limit=1000", "/users?limit=1000", "/coverage", "/traces?limit=1000", "/traces?session=none"]
    searches = [
        f"/?q={quote(HOSTILE[at])}&user={quote(HOSTILE[at + 1])}&sort=-turns" for at in GROUPS if at + 1 < len(HOSTILE)
    ]
    traces = [f"/traces/{10_000 + at // GROUP:032x}" for at in GROUPS]
    sessions = [f"/session?id=group+{at // GROUP}" for at in GROUPS]
    odd = [f"/session?id={quote(HOSTILE[at])}" for at in range(0, len(HOSTILE), 7)]
    return [*lists, *searches, *traces, *sessions, *odd]


def test_nothing_runs_or_loads_on_any_page(hostile, watch):
    assert len(HOSTILE) >= 300
    watched = watch(hostile)
    for path in _paths():
        page = watched.open(path)
        page.wait_for_load_state("load")

        seen = page.evaluate(_SEEN)

        assert seen["ran"] is None
        assert set(seen["elements"]) <= ELEMENTS | {"image", "rect"}
        assert {each.lower() for each in seen["attributes"]} <= ATTRIBUTES | {"x", "y"}
        for address in seen["addresses"]:
            where = urlsplit(address)
            assert f"{where.scheme}://{where.netloc}" == hostile.url
            assert where.path == "/" or where.path.startswith(OWN_PATHS)
    assert not [each for each in watched.requests if "loaded" in urlsplit(each).path]
    watched.check()


def test_nothing_runs_or_loads_where_it_comes_to_an_open_page(empty, watch):
    watched = watch(empty)
    page = watched.open("/?limit=1000")
    page.locator("#live.on").wait_for()

    for number, words in enumerate(HOSTILE[:: len(HOSTILE) // 25], 1):
        empty.send(a_turn(number, words, words, words, attributes={"user.id": words, "session.name": words}))
        page.locator(f"#rows tbody tr:nth-child({number})").wait_for()

    assert page.evaluate(_SEEN)["ran"] is None
    assert not [each for each in watched.requests if "loaded" in urlsplit(each).path]
    watched.check()
