"""What is right is left alone: this project's examples and documents, and the source of large packages."""

from __future__ import annotations

import ast
import importlib.util
import time
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from otel_sessions._setup.doctor.source.look import look_at_source

ROOT = Path(__file__).parents[3]
SHOWS_WHAT_IS_WRONG = "doctor.md"
DOCUMENTS = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != SHOWS_WHAT_IS_WRONG),
]
PACKAGES = ["celery", "django", "hypothesis", "openai", "opentelemetry"]


def blocks(document):
    """Return the blocks of Python in ``document``."""
    tokens = MarkdownIt().parse(document.read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info.split()[:1] == ["python"]]


@pytest.mark.parametrize("folder", ["src", "examples", "tests/programs"])
def test_nothing_is_wrong_in_this_project(folder):
    report = look_at_source([ROOT / folder])
    assert [finding for finding in report.findings if finding.level != "hint"] == []
    assert report.facts["not_read"] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_wrong_in_the_documents(tmp_path, document):
    texts = blocks(document)
    for number, text in enumerate([*texts, "\n".join(texts)]):
        (tmp_path / f"block_{number}.py").write_text(text, encoding="utf-8")
    report = look_at_source([tmp_path])
    assert [finding for finding in report.findings if finding.level != "hint"] == []


def seconds_to(read, folder):
    began = time.process_time()
    found = read(folder)
    return found, time.process_time() - began


def parsed(folder):
    """Parse each file, as is the least that anybody does who looks into source."""
    for path in folder.rglob("*.py"):
        ast.parse(path.read_bytes())


@pytest.mark.parametrize("package", PACKAGES)
def test_large_packages_are_read_in_little_more_time_than_it_takes_to_parse_them_and_nothing_is_told(package):
    (folder,) = list(importlib.util.find_spec(package).submodule_search_locations)[:1]
    report, seconds = seconds_to(lambda found: look_at_source([found]), Path(folder))
    assert report.findings == ()
    assert report.facts["lines"] > 10_000
    _, least = seconds_to(parsed, Path(folder))
    print(f"{package}: {seconds:.1f} s, {seconds / least:.1f} times what parsing takes")  # noqa: T201
    assert seconds < 15 * least  # it is some two
