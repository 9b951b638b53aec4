"""A report is written for a person and for a program, and says the same to both."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from otel_sessions._setup.doctor.causes import CAUSES
from otel_sessions._setup.doctor.finding import Finding, Report, in_order
from otel_sessions._setup.doctor.writing import as_json, as_text


def found(code, level, remedy="Write this."):
    return Finding(code=code, level=level, what=f"{code} is wrong.", where="app.py:3", why="It matters.", remedy=remedy)


HINT, WARNING, ERROR = found("a", "hint"), found("b", "warning"), found("c", "error")


def test_the_worst_comes_first_and_each_finding_once():
    assert in_order([HINT, WARNING, HINT, ERROR, WARNING]) == (ERROR, WARNING, HINT)


@pytest.mark.parametrize(
    ("findings", "is_good"),
    [
        pytest.param((), True, id="none"),
        pytest.param((HINT,), True, id="hints"),
        pytest.param((WARNING,), False, id="warning"),
        pytest.param((ERROR,), False, id="error"),
    ],
)
def test_hints_alone_are_good(findings, is_good):
    assert Report("source", findings).is_good is is_good


def test_a_program_gets_all_of_it():
    report = Report("program", (ERROR, HINT), {"spans": 3, "groups": [{"scope": "app"}]})
    assert json.loads(as_json(report)) == {
        "looked_at": "program",
        "is_good": False,
        "findings": [asdict(ERROR), asdict(HINT)],
        "facts": {"spans": 3, "groups": [{"scope": "app"}]},
    }


def test_a_person_reads_what_where_why_and_what_to_write():
    assert as_text(Report("source", (ERROR,))) == (
        "x c is wrong. [c]\n  where:  app.py:3\n  why:    It matters.\n  remedy: Write this.\n\n1 error."
    )


def test_what_is_to_be_pasted_keeps_its_lines():
    text = as_text(Report("source", (found("c", "error", "with set_session(x):\n    answer()"),)))
    assert "  remedy: with set_session(x):\n              answer()\n" in text


def test_long_sentences_are_wrapped_and_long_names_are_not_cut():
    name = "a-very-long-name/" * 9
    text = as_text(Report("source", (found("c", "error", "Some words. " * 30 + name),)))
    assert name in text
    assert all(len(line) <= 100 or name in line for line in text.splitlines())


@pytest.mark.parametrize(
    ("findings", "summary"),
    [
        pytest.param((), "Nothing was found that is wrong.", id="none"),
        pytest.param((WARNING,), "1 warning.", id="one"),
        pytest.param((ERROR, ERROR, HINT), "2 errors, 1 hint.", id="several"),
    ],
)
def test_the_last_line_counts(findings, summary):
    assert as_text(Report("source", findings)).splitlines()[-1] == summary


def test_each_cause_has_its_code_in_words_and_a_remedy():
    assert list(CAUSES) == [
        "no-processor",
        "context-lost-thread",
        "context-lost-process",
        "context-lost-stream",
        "after-block",
        "before-bind",
        "own-trace-of-framework",
        "background",
        "unknown",
    ]
    assert all(code == cause.code and cause.what and cause.remedy for code, cause in CAUSES.items())


def test_nothing_that_is_shown_moves_a_terminal_or_stays_unencoded():
    row = {"spans": 1, "without_session": 0, "llm_spans": 0, "service": "\x1b[2J", "scope": "a\ud800" + "b" * 500}
    facts = {"scopes": [row], "spans": 1, "without_session": 0, "llm_spans": 0, "llm_without_session": 0}
    hostile = Finding(code="a", level="hint", what="a\nb\x07", where="\x9b", why="\u202e", remedy="a\n  b\r")
    text = as_text(Report("program", (hostile,), facts))
    assert all(each.isprintable() or each == "\n" for each in text)
    assert text.startswith("- a\\nb\\x07 [a]\n")
    assert "remedy: a\n            b\\r" in text
    assert max(map(len, text.splitlines())) < 130
    text.encode()
