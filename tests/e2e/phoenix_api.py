"""Asks Phoenix, by the GraphQL that its own pages use, what it shows."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx

from shown import Shown, Turn

_ANNOTATION = "name score label explanation annotatorKind"
_SESSIONS = f"""
query ($project: String!) {{
  getProjectByName(name: $project) {{
    id
    traceCount
    sessions(first: 100) {{ edges {{ node {{
      id sessionId userId
      sessionAnnotations {{ {_ANNOTATION} }}
      traces(first: 100) {{ edges {{ node {{
        traceId numSpans
        rootSpan {{ spanId input {{ value }} output {{ value }} }}
        spans(first: 100) {{ edges {{ node {{ spanId name spanAnnotations {{ {_ANNOTATION} }} }} }} }}
      }} }} }}
    }} }} }}
  }}
}}
"""


class Annotation(NamedTuple):
    """What somebody found of ``target``: the id of a span, or that of a session."""

    target: str
    name: str
    score: float | None
    label: str | None
    explanation: str | None


class Phoenix:
    """A Phoenix server at ``url``."""

    name = "Phoenix"
    key = "phoenix"

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def new_project(self, name: str) -> str:
        """Return what stands for a new project: its name, for the project is made by the first span."""
        return name

    def trace_count(self, project: str) -> int:
        found = self._project(project)
        return found["traceCount"] if found else 0

    def sessions(self, project: str) -> dict[str, Shown]:
        return {node["sessionId"]: _shown(node) for node in self._sessions(project)}

    def span_annotations(self, project: str) -> list[Annotation]:
        spans = [
            span
            for session in self._sessions(project)
            for trace in _nodes(session["traces"])
            for span in _nodes(trace["spans"])
        ]
        return [_annotation(span["spanId"], each) for span in spans for each in span["spanAnnotations"]]

    def session_annotations(self, project: str) -> list[Annotation]:
        sessions = self._sessions(project)
        return [_annotation(each["sessionId"], found) for each in sessions for found in each["sessionAnnotations"]]

    def sessions_page(self, project: str) -> str:
        return f"{self.url}/projects/{self._project(project)['id']}/sessions"

    def session_page(self, project: str, session_id: str) -> str:
        (node_id,) = (node["id"] for node in self._sessions(project) if node["sessionId"] == session_id)
        return f"{self.sessions_page(project)}/{node_id}"

    def close(self) -> None:
        self._client.close()

    def _sessions(self, project: str) -> list[dict[str, Any]]:
        found = self._project(project)
        return _nodes(found["sessions"]) if found else []

    def _project(self, name: str) -> dict[str, Any] | None:
        query = {"query": _SESSIONS, "variables": {"project": name}}
        answer = self._client.post("/graphql", json=query).raise_for_status().json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]["getProjectByName"]


def _nodes(connection: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in connection["edges"]]


def _shown(session: dict[str, Any]) -> Shown:
    return Shown(session["userId"], tuple(map(_turn, _nodes(session["traces"]))))


def _turn(trace: dict[str, Any]) -> Turn:
    root = trace["rootSpan"] or {}
    texts = ((root.get(which) or {}).get("value") for which in ("input", "output"))
    return Turn(trace["traceId"], *texts, trace["numSpans"])


def _annotation(target: str, found: dict[str, Any]) -> Annotation:
    return Annotation(target, found["name"], found["score"], found["label"], found["explanation"])
