"""What the page of the doctor shows of an environment is what comes, and its codes are those of the source."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import otel_sessions
from otel_sessions._setup.doctor.environment.variables import _WHY
from otlp_receivers import answering

ROOT = Path(__file__).parents[3]
SECTION = (ROOT / "docs/how-to/doctor.md").read_text().partition("## The environment\n")[2].partition("\n## ")[0]
CONSOLES = re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")
MODULES = ("answers", "conflicts", "look", "exporter", "installed", "libraries", "reaching", "variables")


@pytest.mark.parametrize("console", CONSOLES, ids=["alone", "send"])
def test_what_is_shown_is_what_is_written(console):
    """Beside it there may be hints on packages, which are not everywhere the same."""
    commands = [line.removeprefix("$ ") for line in console.splitlines() if line.startswith("$ ")]
    shown = "".join(line for line in console.splitlines(keepends=True) if not line.startswith("$ "))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
    with answering() as received:
        done = subprocess.run(
            ["/bin/sh", "-c", "\n".join(commands).replace("http://localhost:4318", received.url)],
            env=environment, capture_output=True, encoding="utf-8", timeout=240, check=False,
        )  # fmt: skip
        written = done.stdout.replace(received.url.removeprefix("http://"), "localhost:4318")
    assert done.stderr == ""
    assert shown
    for paragraph in shown.strip().split("\n\n"):
        assert TIME.sub("then", paragraph) in TIME.sub("then", written)


def test_the_codes_of_the_page_are_those_of_the_source():
    folder = Path(otel_sessions.__file__).parent / "_setup/doctor/environment"
    source = "".join((folder / f"{name}.py").read_text() for name in MODULES)
    found = re.findall(r'code="([a-z0-9-]+)",\s+level=([^\n]+),\n', source)
    levels = {code: set(re.findall(r'"(error|warning|hint)"', level)) for code, level in found}
    levels |= {code: {"warning"} for code in _WHY}
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([a-z, ]+) \|", SECTION, re.MULTILINE)
    assert {code: set(level.split(", ")) for code, level in rows} == levels
    assert len(rows) == len(levels)
