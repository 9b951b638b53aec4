"""Checks and late feedback stand in Phoenix beside what they judge."""

from __future__ import annotations

import pytest

from servers import eventually

SECONDS = 240.0


@pytest.fixture(scope="session")
def project(run):
    return run.programs.projects["phoenix"]


@pytest.fixture(scope="session")
def annotations(phoenix, project, run):
    """Return all annotations, of spans and of sessions, once they are there."""
    return eventually(
        lambda: phoenix.span_annotations(project) + phoenix.session_annotations(project),
        lambda found: len(found) >= len(run.checks),
        SECONDS,
    )


def test_each_check_stands_at_what_it_judges(annotations, run, compare):
    """That is a span or a session; with the score, the label and the explanation that the application has seen."""
    expected = {
        (check["target"], check["name"]): (check["score"], check["label"], check["explanation"]) for check in run.checks
    }

    found = {(each.target, each.name): (each.score, each.label, each.explanation) for each in annotations}

    compare("Phoenix: checks at the right span or session", found, expected)


def test_no_check_is_there_twice(annotations, run):
    assert len(annotations) == len(run.checks) == 21
