"""What a page of a browser gets: with a token or a cookie, for this server's own pages, and with headers that guard it."""

from __future__ import annotations

import logging
import re
import time

import pytest

from receivers import receiving

TOKEN = "token-of-this-test"  # noqa: S105


@pytest.fixture(scope="module")
def receiver():
    with receiving(allow_host=("Box.example",)) as open_to_all:
        yield open_to_all


@pytest.fixture(scope="module")
def guarded():
    with receiving(token=TOKEN) as receiver:
        yield receiver


def test_a_page_has_headers_that_guard_it(receiver):
    answer = receiver.ask("GET", "/users?sort=id")
    assert (answer.status, answer.body) == (200, b"page /users sort=id")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_may_be_stored_says_so_itself(receiver):
    assert receiver.ask("GET", "/stored").headers["cache-control"] == "max-age=9"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]", "192.0.2.7:4318", "box.example"])
def test_names_of_this_server_are_answered(receiver, host):
    assert receiver.ask("GET", "/", host=host).status == 200


@pytest.mark.parametrize("host", ["rebound.example", "localhost.example", ""])
def test_names_of_others_are_refused(receiver, host):
    answer = receiver.ask("GET", "/api/sessions", host=host)
    assert answer.status == 403
    assert b"--allow-host" in answer.body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://localhost:4318", "host": "localhost:4318"}, 200),
        ({"origin": "http://localhost:3000", "host": "localhost:4318"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, 403),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 200),
        ({"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}, 200),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/sessions"])
def test_pages_from_elsewhere_may_not_read(receiver, path, headers, status):
    assert receiver.ask("GET", path, **headers).status == status


def test_a_page_that_breaks_is_answered_and_said(receiver, caplog):
    with caplog.at_level(logging.ERROR):
        assert receiver.ask("GET", "/broken").status == 500
        deadline = time.monotonic() + 60
        while not caplog.records and time.monotonic() < deadline:
            time.sleep(0.005)
    assert "a page could not be shown" in caplog.text
    caplog.clear()  # the one that is expected


def test_nothing_is_shown_without_the_token(guarded):
    for path in ("/", "/api/sessions", "/?token=other", "/?token="):
        answer = guarded.ask("GET", path)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "set-cookie" not in answer.headers
        assert "content-security-policy" in answer.headers
    assert guarded.ask("POST", f"/?token={TOKEN}").status == 401
    assert guarded.ask("GET", "/", cookie=f"otel-sessions-{guarded.port}={TOKEN}").status == 401


def test_a_link_with_the_token_gives_a_cookie_and_the_clean_url(guarded):
    answer = guarded.ask("GET", f"/sessions/a%20b?sort=-end&token={TOKEN}&q=")
    assert (answer.status, answer.headers["location"]) == (303, "/sessions/a%20b?sort=-end&q=")
    name, value, attributes = re.fullmatch("([^=]+)=([^;]+); (.*)", answer.headers["set-cookie"]).groups()
    assert attributes == "Path=/; HttpOnly; SameSite=Strict"
    assert name == f"otel-sessions-{guarded.port}"
    assert TOKEN not in value
    assert guarded.ask("GET", "/users", cookie=f"other=1; {name}={value}").status == 200
    assert guarded.ask("GET", "/users", cookie=f"{name}-other={value}").status == 401


def test_a_ticket_opens_the_page_once(guarded):
    ticket = guarded.tokens.ticket()
    assert guarded.ask("GET", f"/?token={ticket}").status == 303
    assert guarded.ask("GET", f"/?token={ticket}").status == 401


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/%2F%2Fevil.example"])
def test_the_redirect_stays_here(guarded, path):
    location = guarded.ask("GET", f"{path}?token={TOKEN}").headers["location"]
    assert re.match(r"/[^/\\]", location)


def test_the_api_takes_the_token_in_a_header(guarded):
    assert guarded.ask("GET", "/api/sessions", authorization=f"Bearer {TOKEN}").status == 200
    assert guarded.ask("GET", "/api/sessions", authorization="Bearer other").status == 401
