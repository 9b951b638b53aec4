"""What the empty page says to write, pasted as it stands into a new folder: its session is on the page then."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from otel_sessions.view.page.starts import starts
from programs import GO, HERE, JARS, JAVA, NODE, lacks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from programs import Language

pytestmark = pytest.mark.timeout(1200)  # what is not in a cache is downloaded, and compiled

PREFIXES = ("OTEL_", "NODE_", "JAVA_TOOL_")


def variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}


@pytest.fixture
def url() -> Iterator[str]:
    """Where the page of the command is, in a process of its own, which keeps nothing."""
    command = [sys.executable, "-m", "otel_sessions.cli", "view", "--temporary", "--no-browser"]
    ports = ["--port", "0", "--grpc-port", "0"]
    with subprocess.Popen([*command, *ports], env=variables(), stdout=subprocess.PIPE, text=True) as view:
        try:
            yield next(found[1] for line in view.stdout if (found := re.match(r"Sessions +(http://\S+)", line)))
        finally:
            view.terminate()


@contextmanager
def new_folder(language: Language, folder: Path) -> Iterator[dict[str, str]]:
    """Give what the note beside the block asks for: for Java the API of OpenTelemetry, and for the others nothing."""
    if lacks(language):
        pytest.skip(f"{language.name}: here is no {' and no '.join(lacks(language))}")
    if language is not JAVA:
        yield {}
        return
    shutil.copy(HERE / "java" / "pom.xml", folder)
    run(" ".join(JARS), folder, {})
    (folder / "pom.xml").unlink()
    yield {"CLASSPATH": f".{os.pathsep}jars/*"}


def run(script: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-ec", script], cwd=folder, env=variables() | environment, timeout=900, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("language", [NODE, GO, JAVA], ids=lambda language: language.name)
def test_the_session_of_the_program_is_on_the_page(language, url, tmp_path):
    with new_folder(language, tmp_path) as environment:
        [block] = [each for each in starts(url) if each.name.lower() == language.name]
        before, program, after = block.blocks
        (tmp_path / program.splitlines()[0].removeprefix("// ")).write_text(program + "\n")
        run(f"{before}\n{after}", tmp_path, environment)
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        sessions = client.get("/api/sessions").json()["sessions"]
        assert [(each["id"], each["turns"]) for each in sessions] == [("conv-42", 1)], json.dumps(sessions)
        [turn] = client.get("/api/sessions/conv-42").json()["turns"]
    assert (turn["input"], turn["output"]) == ("What is a span?", "A piece of work.")
