"""Asks MLflow, by its REST API, what it shows."""

from __future__ import annotations

import json
from typing import Any

import httpx

from shown import Shown, Turn

_SESSION, _USER = "mlflow.trace.session", "mlflow.trace.user"
_PREFIX = "tr-"  # stands before the id of a trace


class MLflow:
    """An MLflow server at ``url``."""

    name = "MLflow"
    key = "mlflow"

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def new_project(self, name: str) -> str:
        """Make an experiment, and return its id."""
        return self._post("2.0/mlflow/experiments/create", name=name)["experiment_id"]

    def trace_count(self, experiment: str) -> int:
        return len(self._traces(experiment))

    def sessions(self, experiment: str) -> dict[str, Shown]:
        """Return all sessions that any trace names, each as a search for it finds it."""
        names = {_metadata(trace).get(_SESSION) for trace in self._traces(experiment)} - {None}
        return {name: self._session(experiment, name) for name in names}

    def sessions_page(self, experiment: str) -> str:
        return f"{self.url}/#/experiments/{experiment}/traces?groupBy=session"

    def session_page(self, experiment: str, session_id: str) -> str:
        return f"{self.url}/#/experiments/{experiment}/chat-sessions/{session_id}"

    def close(self) -> None:
        self._client.close()

    def _session(self, experiment: str, session_id: str) -> Shown:
        traces = self._traces(experiment, f"metadata.`{_SESSION}` = '{session_id}'")
        users = {_metadata(trace).get(_USER) for trace in traces}
        return Shown(users.pop() if len(users) == 1 else str(users), tuple(map(self._turn, traces)))

    def _turn(self, trace: dict[str, Any]) -> Turn:
        texts = (_text(trace.get(f"{which}_preview")) for which in ("request", "response"))
        whole = self._client.get("/api/3.0/mlflow/traces/get", params={"trace_id": trace["trace_id"]})
        spans = whole.raise_for_status().json()["trace"]["spans"]
        return Turn(trace["trace_id"].removeprefix(_PREFIX), *texts, len(spans))

    def _traces(self, experiment: str, wanted: str = "") -> list[dict[str, Any]]:
        """Return the traces of an experiment, oldest first."""
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        options = {"filter": wanted, "order_by": ["timestamp ASC"], "max_results": 200}
        return self._post("3.0/mlflow/traces/search", locations=[place], **options).get("traces", [])

    def _post(self, path: str, **body: object) -> dict[str, Any]:
        return self._client.post(f"/api/{path}", json=body).raise_for_status().json()


def _metadata(trace: dict[str, Any]) -> dict[str, str]:
    return trace.get("trace_metadata", {})  # left out where there is none


def _text(preview: str | None) -> str | None:
    """Return a text that MLflow shows; a preview is JSON, and a JSON text in a span is not one more time."""
    if preview is None:
        return None
    found = json.loads(preview)
    return found if isinstance(found, str) else preview
