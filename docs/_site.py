# ruff: noqa: INP001  # a hook that mkdocs.yml names by its path
"""Tells the documentation site the version of the package and, where it has one, the address of its repository."""

from __future__ import annotations

from importlib.metadata import metadata
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mkdocs.config.defaults import MkDocsConfig


def repository_in(urls: Iterable[str]) -> str | None:
    """Return the address of the repository from ``urls``, each "label, address" as in the metadata of a package."""
    by_label = dict(url.split(", ", 1) for url in urls)
    return by_label.get("Repository")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the version behind the name of the site, and link the repository, unless there is no address of it.

    The address is that of the environment variable ``REPOSITORY_URL`` (mkdocs.yml), else that of ``[project.urls]`` in
    pyproject.toml.
    """
    package = metadata("otel-sessions")
    config.site_name = f"{config.site_name} {package['Version']}"
    config.repo_url = config.repo_url or repository_in(package.get_all("Project-URL") or [])
    if config.repo_url:
        config.repo_name = urlsplit(config.repo_url).path.strip("/")
    return config
