"""What `otel-sessions view` is asked for is looked at before anything is opened."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from otel_sessions.view.options import Options, UsageError
from otel_sessions.view.view_options import host_names, origins, size


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("token-of-this-test\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_needs_no_token(host):
    Options(host=host).check()


@pytest.mark.parametrize("more", [{}, {"allow_remote": True}, {"token_file": Path("token")}])
def test_others_are_let_in_by_two_options_only(more):
    with pytest.raises(UsageError, match="add --allow-remote and --token-file"):
        Options(host="0.0.0.0", **more).check()  # noqa: S104
    Options(host="0.0.0.0", allow_remote=True, token_file=Path("token")).check()  # noqa: S104


@pytest.mark.parametrize("more", [{"db": Path("x.db")}, {"clear": True}, {"reindex": True}])
def test_what_is_temporary_is_no_file(more):
    with pytest.raises(UsageError, match="--temporary goes with none"):
        Options(temporary=True, **more).check()


def test_the_token_is_what_its_file_says(token_file):
    assert Options(token_file=token_file).token() == "token-of-this-test"
    assert Options().token() is None


def test_a_token_that_others_may_read_is_refused(token_file):
    token_file.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        Options(token_file=token_file).token()


def test_where_files_have_no_such_rights_they_are_not_asked_for(token_file, monkeypatch):
    token_file.chmod(0o644)
    monkeypatch.setattr(sys, "platform", "win32")
    assert Options(token_file=token_file).token() == "token-of-this-test"


@pytest.mark.parametrize(
    "content", [b"", b"short", b"two words of a token", b"caf\xc3\xa9-caf\xc3\xa9-caf\xc3\xa9-caf"]
)
def test_a_token_that_is_none_is_refused(token_file, content):
    token_file.write_bytes(content)
    with pytest.raises(UsageError, match="openssl rand"):
        Options(token_file=token_file).token()


def test_a_file_that_is_no_text_or_not_there_is_said(token_file):
    token_file.write_bytes(b"\xff" * 20)
    for file in (token_file, token_file.parent / "none"):
        with pytest.raises(UsageError, match="can't be read"):
            Options(token_file=file).token()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2G", 2 * 10**9),
        ("500m", 5 * 10**8),
        ("1.5GiB", 3 * 2**29),
        (" 3 MB ", 3 * 10**6),
        ("1000000", 10**6),
        ("1T", 10**12),
    ],
)
def test_sizes_have_units(text, expected):
    assert size(None, None, text) == expected


@pytest.mark.parametrize("text", ["", "G", "-1G", "2X", "1e9", "2I", "0", "10", "999K", "\u0662G"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(click.BadParameter):
        size(None, None, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://app.example", "https://app.example"),
        (" HTTP://App.Example:3000/ ", "http://app.example:3000"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80/", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://[fd00::1]:8080", "http://[fd00::1]:8080"),
        ("chrome-extension://abc", "chrome-extension://abc"),
        ("*", "*"),
        ("null", "null"),
    ],
)
def test_an_origin_is_taken_as_a_browser_sends_it(text, expected):
    assert origins(None, None, (text,)) == (expected,)


@pytest.mark.parametrize(
    "text", ["", "app.example", "localhost:3000", "https://app.example/page", "https://", "https://*.example", "a b"]
)
def test_what_is_no_origin_is_refused_as_no_page_ever_sends_it(text):
    with pytest.raises(click.BadParameter, match="is no origin"):
        origins(None, None, ("*", text))


def test_names_of_hosts_are_taken_as_they_are():
    assert host_names(None, None, ("host.docker.internal", "Pi")) == ("host.docker.internal", "Pi")


@pytest.mark.parametrize("text", ["", "http://pi", "pi:4318", "pi/", "*.example", "a b"])
def test_what_is_no_name_of_a_host_is_refused_as_no_request_ever_names_it(text):
    with pytest.raises(click.BadParameter, match="is no name of a host"):
        host_names(None, None, (text,))
