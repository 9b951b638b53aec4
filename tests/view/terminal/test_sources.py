"""A view is asked over HTTP, and whatever answers there is taken or refused with a message."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from otel_sessions.view.api.application import api_routes
from otel_sessions.view.loopback import LoopbackServer
from otel_sessions.view.options import Options, UsageError
from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.serving import application
from otel_sessions.view.terminal.commands import Asked, list_sessions
from otel_sessions.view.terminal.sources import RemoteSource, UnreachableError, whole_session
from ports import refusing_port
from view_documents import an_answer

TOKEN = "0123456789abcdef"  # noqa: S105  # of this test


def answering(response):
    """Serve ``response`` at every path."""
    return LoopbackServer(Starlette(routes=[Route("/{rest:path}", lambda _: response)]))


def test_a_token_is_shown_and_one_is_asked_for(client, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    with closing(Intake(client.store.write)) as intake:
        app = application(intake, Tokens(TOKEN), api_routes(client.store), Options(), 0)
        with LoopbackServer(app) as server:
            assert RemoteSource(server.url, TOKEN).sessions({}) == {"sessions": [], "next": None}
            assert list_sessions(Asked(url=server.url, token_file=file)) == 0
            with pytest.raises(UnreachableError, match=r"^http://127\.0\.0\.1:\d+ answers: 401 Unauthorized$"):
                RemoteSource(server.url).sessions({})


def test_a_token_that_others_may_read_is_refused(tmp_path, capsys):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o644)

    assert list_sessions(Asked(url="http://127.0.0.1:9", token_file=file)) == 2
    assert f"chmod 600 {file}" in capsys.readouterr().err
    assert issubclass(UsageError, Exception)


def test_what_the_view_refuses_is_told(filled):
    with pytest.raises(UnreachableError, match=r"answers: limit must be a number from 1 to 1000\.$"):
        RemoteSource(filled.url).sessions({"limit": "0"})


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(PlainTextResponse("hello"), id="text"),
        pytest.param(Response(b"[" * 100_000), id="deep JSON"),
        pytest.param(Response(b"[]"), id="a list"),
        pytest.param(Response(b"\xff\xfe"), id="bytes"),
        pytest.param(Response(status_code=404), id="nothing"),
    ],
)
def test_another_server_is_no_view(response):
    with answering(response) as server, pytest.raises(UnreachableError, match=r"is no otel-sessions view\.$"):
        RemoteSource(server.url).sessions({})


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        pytest.param(Response(b"{}", 500), "500 Internal Server Error", id="JSON without a reason"),
        pytest.param(Response(b'{"error": 1}', 503), "503 Service Unavailable", id="a reason that is none"),
        pytest.param(Response(b"<html>", 502), "502 Bad Gateway", id="a gateway"),
        pytest.param(RedirectResponse("http://127.0.0.1:9/"), "307 Temporary Redirect", id="a redirect"),
    ],
)
def test_an_error_of_the_server_is_told_and_no_redirect_is_followed(response, reason):
    with answering(response) as server, pytest.raises(UnreachableError, match=f"answers: {reason}$"):
        RemoteSource(server.url).page("s", None)


def test_nobody_there_is_told():
    with refusing_port() as port:
        refused = rf"^No answer from http://127\.0\.0\.1:{port}: .*[Rr]efused"
        with pytest.raises(UnreachableError, match=refused):
            RemoteSource(f"http://127.0.0.1:{port}/").export("s")


@pytest.mark.parametrize("url", ["localhost:4318", "file:///etc/passwd", "", "ftp://x"])
def test_what_is_no_address_of_http_is_refused(url):
    with pytest.raises(UnreachableError, match=r"^--url must be an address as http://127\.0\.0\.1:4318\.$"):
        RemoteSource(url)


@pytest.mark.parametrize("url", ["http://[", "http://a b/", "http://x:y"])
def test_an_address_that_can_not_be_asked_is_told(url):
    with pytest.raises(UnreachableError):
        RemoteSource(url).sessions({})


def test_an_answer_that_breaks_off_is_told():
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"sessions"', "more_body": True})
        raise ConnectionError

    with LoopbackServer(app) as server:
        source = RemoteSource(server.url)
        with pytest.raises(UnreachableError):
            source.sessions({})
        with pytest.raises(UnreachableError, match=r"^The answer from http://127\.0\.0\.1:\d+ breaks off\.$"):
            list(source.export("s"))


class Vanishing:
    """A session that is removed after its first page was read."""

    def page(self, _: str, cursor: str | None):
        return None if cursor else an_answer(next="c")


def test_a_session_that_goes_while_it_is_read_is_told():
    with pytest.raises(UnreachableError, match=r"^The session was removed while it was read\.$"):
        whole_session(Vanishing(), "s")


class Paged:
    """Two pages that share a trace."""

    def page(self, _: str, cursor: str | None):
        from view_documents import a_check, a_log, a_span, a_turn

        spans, logs, checks = [a_span("a")], [a_log()], [a_check("a")]
        if cursor is None:
            return an_answer(spans, [a_turn("a")], logs=logs, checks=checks, next="c")
        more = a_span("b", trace_id="b" * 32)
        return an_answer(
            [*spans, more],
            [a_turn("b", trace_id="b" * 32)],
            logs=[*logs, a_log(trace_id=None)],
            checks=checks,
            resources=[{"service.name": "other"}],
        )


def test_a_trace_that_is_on_two_pages_is_there_once():
    whole = whole_session(Paged(), "s")

    assert [turn["span_id"] for turn in whole["turns"]] == ["a", "b"]
    assert [span["span_id"] for span in whole["spans"]] == ["a", "b"]
    assert [whole["resources"][span["resource"]]["service.name"] for span in whole["spans"]] == ["shop", "other"]
    assert [log["trace_id"] for log in whole["logs"]] == [whole["spans"][0]["trace_id"], None]
    assert len(whole["checks"]) == 1
    assert whole["next"] is None
    assert json.dumps(whole)
