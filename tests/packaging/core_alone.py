"""Run with nothing but the wheel and its dependencies installed: the core needs the API, and nothing else."""

import importlib.metadata
import importlib.util
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

assert (Path(otel_sessions.__file__).parent / "py.typed").is_file()
required = [name for name in importlib.metadata.requires("otel-sessions") or [] if "extra ==" not in name]
assert [name.partition(">")[0].partition("<")[0] for name in required] == ["opentelemetry-api"], required

command = Path(sys.executable).with_name("otel-sessions")
answer = subprocess.run([command, "demo"], capture_output=True, text=True, check=False)
assert answer.returncode == 2, answer
assert "pip install 'otel-sessions[demo]'" in answer.stderr, answer
sys.stdout.write("the core works alone\n")
