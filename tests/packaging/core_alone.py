"""Run with nothing but the wheel and its dependencies installed: the core needs the API, and nothing else."""

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import otel_sessions

for absent in ("opentelemetry.sdk", "openai", "rich", "click", "starlette"):
    try:
        found = importlib.util.find_spec(absent)
    except ModuleNotFoundError:
        found = None
    assert found is None, f"{absent} is installed: this does not show that the core can do without it"

with otel_sessions.set_session("conv-42", user_id="ada") as session:
    assert otel_sessions.get_session() == session
assert otel_sessions.get_session() is None

# The guarded propagator is found by name, and needs no more than the API.
program = "from opentelemetry import propagate; print(type(propagate.get_global_textmap()._propagators[1]).__name__)"
environment = {**os.environ, "OTEL_PROPAGATORS": "tracecontext,session_baggage"}
found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
assert found.stdout == "SessionPropagator\n", found

assert (Path(otel_sessions.__file__).parent / "py.typed").is_file()
required = [name for name in importlib.metadata.requires("otel-sessions") or [] if "extra ==" not in name]
assert [name.partition(">")[0].partition("<")[0] for name in required] == ["opentelemetry-api"], required

description = importlib.metadata.metadata("otel-sessions")["Description"] or ""
assert "## Try it" in description
assert [target for target in re.findall(r"\]\(([^)]*)\)", description) if "://" not in target] == []

command = Path(sys.executable).with_name("otel-sessions")
answer = subprocess.run([command, "demo"], capture_output=True, text=True, check=False)
assert answer.returncode == 2, answer
assert "pip install 'otel-sessions[demo]'" in answer.stderr, answer
sys.stdout.write("the core works alone\n")
