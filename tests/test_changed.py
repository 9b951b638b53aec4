"""`make check` runs the tests of what differs from main, and no others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("changed.py")
FILES = [
    "README.md",
    "LICENSE",
    "trials/README.md",
    "trials/soak.py",
    "examples/chat.py",
    "src/otel_sessions/_wing/module.py",
    "src/otel_sessions/_forks.py",
    "src/otel_sessions/sdk.py",
    "tests/_wing/conftest.py",
    "tests/_wing/test_module.py",
    "tests/_wing/test_other.py",
    "tests/docs/test_docs.py",
    "tests/docs/test_examples.py",
    "tests/collector/test_ring.py",
    "tests/servers.py",
    "tests/test_sdk.py",
]


def git(project, *arguments):
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)  # noqa: S607


@pytest.fixture
def project(tmp_path):
    """A project like this one, as it is on main."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "tests/docs/test_docs.py").write_text("from servers import start\n")
    git(tmp_path, "init", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message=all")
    return tmp_path


def chosen(project):
    done = subprocess.run([sys.executable, PROGRAM], cwd=project, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        pytest.param(["src/otel_sessions/_wing/module.py"], ["tests/_wing"], id="a wing: its folder"),
        pytest.param(["src/otel_sessions/sdk.py"], ["tests/test_sdk.py"], id="no wing: what has its name"),
        pytest.param(["src/otel_sessions/_forks.py"], [], id="no test has its name"),
        pytest.param(["tests/_wing/test_other.py"], ["tests/_wing/test_other.py"], id="a test: itself"),
        pytest.param(["tests/_wing/conftest.py"], ["tests/_wing"], id="fixtures: their folder"),
        pytest.param(["tests/servers.py"], ["tests/docs/test_docs.py"], id="what tests import: those"),
        pytest.param(["tests/collector/test_ring.py"], [], id="what needs a server: not here"),
        pytest.param(["README.md"], ["tests/docs/test_docs.py"], id="a document"),
        pytest.param(["trials/README.md"], ["tests/docs/test_docs.py"], id="a document in a folder of other things"),
        pytest.param(["trials/soak.py"], [], id="what stands beside it"),
        pytest.param(["examples/chat.py"], ["tests/docs/test_examples.py"], id="an example"),
        pytest.param(["LICENSE"], [], id="nothing is about it"),
        pytest.param(
            ["src/otel_sessions/_wing/module.py", "tests/_wing/test_module.py", "tests/test_sdk.py"],
            ["tests/_wing", "tests/test_sdk.py"],
            id="several: each once",
        ),
    ],
)
def test_the_tests_of_what_has_changed_are_chosen(project, changed, tests):
    for name in changed:
        (project / name).write_text("changed = True\n")
    assert chosen(project) == tests


def test_nothing_is_chosen_where_nothing_has_changed(project):
    assert chosen(project) == []


def test_what_a_branch_has_committed_and_what_is_new_counts_too(project):
    git(project, "switch", "--create", "branch")
    (project / "src/otel_sessions/sdk.py").write_text("changed = True\n")
    git(project, "commit", "--all", "--message=changed")
    (project / "tests/_wing/test_new.py").touch()
    assert chosen(project) == ["tests/_wing/test_new.py", "tests/test_sdk.py"]


def test_a_test_that_is_gone_is_not_chosen(project):
    (project / "tests/test_sdk.py").unlink()
    assert chosen(project) == []
