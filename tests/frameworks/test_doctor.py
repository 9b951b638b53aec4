"""The doctor runs programs with Logfire, Langfuse and LangGraph, as they are by default and as they are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SET_UPS = Path(__file__).parent / "set_ups"


def examined(name, mode):
    doctor = [sys.executable, "-m", "otel_sessions.cli", "doctor", "--json", "--"]
    ran = subprocess.run([*doctor, sys.executable, name, mode], cwd=SET_UPS, check=False, capture_output=True)
    report = json.loads(ran.stdout)
    return [finding for finding in report["findings"] if finding["level"] != "hint"], report["facts"], ran.returncode


@pytest.mark.parametrize(
    ("name", "code", "remedy"),
    [
        pytest.param("doctor_logfire.py", "scrubbed", "ScrubbingOptions(callback=keep)", id="logfire"),
        pytest.param("doctor_langfuse.py", "langfuse-filter", "should_export_span", id="langfuse"),
        pytest.param("doctor_langgraph.py", "framework-alone", "set_session", id="langgraph"),
    ],
)
def test_what_a_tool_does_by_default_is_named_with_the_remedy(name, code, remedy):
    findings, facts, status = examined(name, "wrong")
    assert [finding["code"] for finding in findings] == [code]
    assert remedy in findings[0]["remedy"]
    assert facts["spans"] >= 3
    assert status == 1


@pytest.mark.parametrize("name", ["doctor_logfire.py", "doctor_langfuse.py", "doctor_langgraph.py"])
def test_with_the_remedy_nothing_is_found(name):
    findings, facts, status = examined(name, "right")
    assert findings == []
    assert facts["llm_spans"] == 1
    assert facts["without_session"] == 0
    assert status == 0
