"""Who may send and read: by the host that is meant, the page that asks, and the token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.receiving import access
from otel_sessions.view.receiving.access import Tokens, is_host_allowed, is_loopback, is_loopback_origin, is_same_origin

TOKEN = "token-of-this-test"  # noqa: S105


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "app.localhost"])
def test_this_machine_is_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.evil.example", "0.0.0.0", "::", "192.0.2.1", "example", "localhost."])  # noqa: S104
def test_others_are_not(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "header",
    [
        "localhost",
        "LOCALHOST:4318",
        "127.0.0.1:1",
        "[::1]:4318",
        "[::1]",
        "192.0.2.1:4318",
        "[2001:db8::1]",
        "Box.local:9",
    ],
)
def test_a_host_that_is_meant(header):
    assert is_host_allowed(header, frozenset({"box.local"}))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "evil.example",
        "evil.example:4318",
        "localhost@evil.example",
        "localhost/evil",
        "localhost?x",
        "[::1",
        "localhost:x",
        "box.local.evil.example",
        "a b",
    ],
)
def test_a_host_that_is_not(header):
    assert not is_host_allowed(header, frozenset({"box.local"}))


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://localhost:4318", "localhost:4318", True),
        ("http://LOCALHOST:4318", "localhost:4318", True),
        ("http://localhost:4319", "localhost:4318", False),
        ("https://localhost:4318", "localhost:4318", False),
        ("null", "localhost:4318", False),
    ],
)
def test_a_page_of_this_server(origin, host, expected):
    assert is_same_origin(origin, host) is expected


@given(st.text(max_size=30))
def test_no_header_raises(text):
    is_host_allowed(text, frozenset())
    is_loopback_origin(text)
    Tokens(TOKEN).is_bearer(text)
    assert Tokens(TOKEN).cookie_for(text) is None


def test_without_a_token_everybody_is_let_in():
    tokens = Tokens(None)
    assert not tokens.are_needed
    assert tokens.is_bearer("")
    assert tokens.cookie_for("") is None


def test_a_ticket_opens_once_and_the_token_again():
    tokens = Tokens(TOKEN)
    ticket = tokens.ticket()
    cookie = tokens.cookie_for(ticket)
    assert tokens.is_cookie(cookie)
    assert tokens.cookie_for(ticket) is None
    assert tokens.cookie_for(TOKEN) != tokens.cookie_for(TOKEN)


def test_cookies_are_bounded(monkeypatch):
    monkeypatch.setattr(access, "_MAX_COOKIES", 2)
    tokens = Tokens(TOKEN)
    cookies = [tokens.cookie_for(TOKEN) for _ in range(3)]
    assert [tokens.is_cookie(each) for each in cookies] == [False, True, True]


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"])
def test_what_is_not_the_token(shown):
    assert not Tokens(TOKEN).is_bearer(shown)
