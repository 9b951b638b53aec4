"""What the empty page says to write can be run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from otel_sessions.view.page.starts import starts


def test_the_program_in_python_is_on_the_page_when_it_was_run(client):
    [python, *_] = starts(client.url)
    [shell, program, _] = python.blocks
    name, _, value = shell.splitlines()[1].removeprefix("export ").partition("=")

    subprocess.run([sys.executable, "-c", program], env={**os.environ, name: value}, check=True, timeout=240)

    session = client.session("conv-42").json
    assert session["session"]["users"] == ["ada"]
    assert [each["input"] for each in session["turns"]] == ["What is a span?"]
    assert "conv-42" in client.get("/").body.decode()


def test_the_variables_for_claude_code_are_those_of_the_documents_and_of_the_real_program_that_was_recorded():
    root = Path(__file__).parents[3]
    [block] = [each for each in starts("http://localhost:4318") if each.name == "Claude Code"]
    *exports, command = block.blocks[0].splitlines()
    variables = dict(line.removeprefix("export ").split("=", 1) for line in exports)
    documented = (root / "docs/how-to/coding-agents.md").read_text(encoding="utf-8")
    recorded = (root / "tests/view/recorded/programs/claude_code.py").read_text(encoding="utf-8")

    assert command == "claude"
    own = {f"{name}={value}" for name, value in variables.items() if name.startswith("CLAUDE_CODE_")}
    assert own == set(re.findall(r"`(CLAUDE_CODE_EN\w+=1)`", documented))
    told = {
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    }  # by recorded_sources.py, and record.py
    assert {name for name in variables if f'"{name}"' not in recorded} == told
