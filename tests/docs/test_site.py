"""The documentation site shows the version, and links the repository if there is an address of it."""

from __future__ import annotations

import runpy
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

SITE = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "docs/_site.py")))


def shown(address):
    config = SimpleNamespace(site_name="otel-sessions", repo_url=address, repo_name=None)
    return SITE.on_config(config)


def test_the_name_of_the_site_has_the_version():
    assert shown(None).site_name == f"otel-sessions {version('otel-sessions')}"


def test_an_address_that_is_set_at_build_time_is_linked_by_its_path():
    config = shown("https://git.example/team/otel-sessions/")
    assert (config.repo_url, config.repo_name) == ("https://git.example/team/otel-sessions/", "team/otel-sessions")


def test_without_an_address_there_is_no_name_to_link():
    config = shown(None)
    assert bool(config.repo_url) == bool(config.repo_name)


@pytest.mark.parametrize(
    ("urls", "address"),
    [
        pytest.param([], None, id="none"),
        pytest.param(["Changelog, https://git.example/changes"], None, id="of something else"),
        pytest.param(
            ["Changelog, https://git.example/changes", "Repository, https://git.example/a, b"],
            "https://git.example/a, b",
            id="among others",
        ),
    ],
)
def test_the_repository_is_the_address_with_that_label(urls, address):
    assert SITE.repository_in(urls) == address
