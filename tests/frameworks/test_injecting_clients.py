"""Clients that inject by themselves, traced in every way: no id to a host that is not allowed, and all to one that is.

Each call is made by a program of its own, since there is one provider in a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import injecting
from injecting import SECRETS, SESSION

PROGRAM = str(Path(injecting.__file__))
_TESTS = str(Path(injecting.__file__).parents[1])
"""Where the program finds modules of other tests."""
MODELS = ["anthropic", "mistral", "azure"]
STDIO = ["mcp_stdio", "fastmcp_stdio"]
HTTP = ["mcp_http", "mcp_sse", "fastmcp_http"]
TRACED = {
    "sampled": {"TRACED": "sampled"},
    "dropped by a sampler that forgets": {"TRACED": "dropped"},
    "dropped by a sampler of ours": {"TRACED": "remembered"},
    "without an SDK": {"TRACED": "never"},
    "SDK disabled": {"TRACED": "sampled", "OTEL_SDK_DISABLED": "true"},
}
ELSEWHERE = "*.corp.example"

in_every_way = pytest.mark.parametrize("traced", TRACED)


def got(client, traced="sampled", propagate_to="private"):
    """Return what each host got of a call, as pairs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, PROGRAM, client],
        env={**environment, **TRACED[traced], "OTEL_SESSION_PROPAGATE_TO": propagate_to, "PYTHONPATH": _TESTS},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(pair) for pair in json.loads(done.stdout)]


def leaks(seen):
    """Return what was seen where of what is of the session or of its user."""
    return [(host, secret) for host, text in seen for secret in SECRETS if secret in text]


def sessions(seen):
    """Return the sessions that servers of MCP were called in."""
    return {text for host, text in seen if host == "session"}


@in_every_way
@pytest.mark.parametrize("client", MODELS)
def test_the_host_of_a_model_gets_nothing_of_the_session(client, traced):
    seen = got(client, traced)
    assert len(seen) == 2
    assert leaks(seen) == []
    if client != "mistral" or TRACED[traced]["TRACED"] != "never":  # without an SDK that one injects nothing
        assert all("tenant=acme" in text for _, text in seen)


@pytest.mark.parametrize("client", MODELS)
def test_with_all_it_gets_everything(client):
    assert all(SESSION in text for _, text in got(client, propagate_to="all"))


@in_every_way
def test_the_id_that_a_framework_has_in_baggage_goes_to_no_host_that_is_not_allowed(traced):
    (seen,) = got("pydantic_ai", traced, ELSEWHERE)
    assert leaks([seen]) == []
    assert "gen_ai.agent.name=helper" in seen[1] or traced != "sampled"


def test_it_goes_where_the_session_goes():
    (seen,) = got("pydantic_ai")
    assert f"gen_ai.conversation.id={SESSION}" in seen[1]


@in_every_way
@pytest.mark.parametrize("client", STDIO)
def test_a_program_gets_nothing_of_it_unless_the_word_is_listed(client, traced):
    assert leaks(got(client, traced)) == []
    assert sessions(got(client, traced, "private,mcp")) == {SESSION}


@pytest.mark.parametrize("traced", ["sampled", "without an SDK"])
@pytest.mark.parametrize("client", HTTP)
def test_over_http_a_server_goes_by_its_host(client, traced):
    assert leaks(got(client, traced, f"{ELSEWHERE},mcp")) == []
    assert sessions(got(client, traced)) == {SESSION}


@pytest.mark.parametrize("client", ["mcp_stdio_recipe", "fastmcp_stdio_recipe", "mcp_http_recipe"])
@pytest.mark.parametrize("propagate_to", ["private", "none", ELSEWHERE])
def test_what_the_application_gives_a_request_itself_arrives(client, propagate_to):
    assert sessions(got(client, propagate_to=propagate_to)) == {SESSION}


def test_a_server_in_the_same_process_gets_nothing_by_the_wire():
    assert leaks(got("mcp_in_memory")) == []


@in_every_way
def test_what_the_application_injects_itself_goes_into_a_mapping_of_its_own_alone(traced):
    seen = dict(got("own_inject", traced))
    assert leaks([("headers", seen["headers"])]) == []
    assert (SESSION in seen["own"]) is (traced != "dropped by a sampler that forgets")
