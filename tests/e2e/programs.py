"""Runs the programs of this directory, each as a process of its own, and asks a backend for what they sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from servers import eventually

if TYPE_CHECKING:
    from mlflow_api import MLflow
    from phoenix_api import Phoenix
    from shown import Shown

    Backends: TypeAlias = dict[str, Phoenix | MLflow]
    """Those that were started, by their keys."""

HERE = Path(__file__).parent
_ENDS_WITHIN = 600
_ARRIVES_WITHIN = 240.0


class Programs:
    """Runs the programs of this directory; all that they export goes to one project of each backend."""

    def __init__(self, backends: Backends, model: str, project: str) -> None:
        self.projects = {name: api.new_project(project) for name, api in backends.items()}
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "E2E_"))},
            **{f"E2E_{name.upper()}": api.url for name, api in backends.items()},
            "E2E_PROJECT": project,
            "E2E_MLFLOW_EXPERIMENT": self.projects.get("mlflow", ""),
            "OPENAI_BASE_URL": model,
            "OPENAI_API_KEY": "not-needed-by-the-stand-in",
            "OTEL_BSP_SCHEDULE_DELAY": "60000",  # ms: what is sent is sent at the end, as one batch
            "NO_PROXY": "127.0.0.1",
        }

    def run(self, program: str, given: object = None) -> dict[str, Any]:
        """Run a program to its end; return what it prints, which is JSON as what it is given."""
        done = subprocess.run(
            [sys.executable, HERE / program],
            input=json.dumps(given),
            text=True,
            capture_output=True,
            env=self._environment,
            timeout=_ENDS_WITHIN,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) | {"said": done.stderr}

    def shown(self, backend: Phoenix | MLflow, sent: dict[str, int]) -> dict[str, Shown]:
        """Return the sessions that a backend shows, once it has all that was ``sent``, or time is up."""
        project = self.projects[backend.key]

        def is_all(sessions: dict[str, Shown]) -> bool:
            turns = [turn for session in sessions.values() for turn in session.turns]
            return backend.trace_count(project) >= len(sent) and all(
                turn.spans >= sent[turn.trace_id] for turn in turns
            )

        return eventually(lambda: backend.sessions(project), is_all, _ARRIVES_WITHIN)
