"""Each mistake of a new user is told once, with the remedy; of what is right nothing is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import catalogue

SAID = Path(__file__).parent / "said.py"


@pytest.fixture(scope="module")
def said() -> dict[str, list[tuple[str, str]]]:
    done = subprocess.run([sys.executable, SAID], check=True, capture_output=True, text=True)
    return {name: [(level, text) for level, text in records] for name, records in json.loads(done.stdout).items()}


MISTAKES = [name for name, program in catalogue.ALL.items() if program.level]


def test_there_are_as_many_as_are_claimed():
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_once_with_the_remedy(said, name):
    program = catalogue.ALL[name]
    assert [level for level, _ in said[name]] == [program.level]
    ((_, text),) = said[name]
    assert [each for each in program.words if each.lower() not in text.lower()] == []
    assert [each for each in ("conv-42", "ada@", "third-party") if each in text] == []


@pytest.mark.parametrize("name", [name for name in catalogue.ALL if name not in MISTAKES])
def test_of_what_is_right_nothing_is_said(said, name):
    assert said[name] == []
