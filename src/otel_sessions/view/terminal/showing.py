"""One session as text: its turns with what was said, their spans, and tokens and times in columns at the right."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from otel_sessions.view.api.tree import arranged

from .layout import Layout
from .text import counted, duration, one_line, tokens_in_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import Console

    from otel_sessions.view.api.tree import Document, Node

    from .layout import Signs

_TOKENS_WIDTH = 8
_TIME_WIDTH = 10
# Deeper spans stand at this depth, with their depth as a number.
_MAX_DEPTH = 8
_INDENT = "     "
_STYLES = {"LLM": "cyan", "TOOL": "yellow"}
_SERVED = {"server", "client", "producer", "consumer"}


def print_session(answer: Document, console: Console) -> None:
    """Print the answer for one session: of ``/api/sessions/{id}``, with all its turns."""
    shown = _Shown(answer, Layout(console))
    shown.print_title()
    turns, rest = arranged(answer)
    for number, (turn, nodes) in enumerate(turns, start=1):
        shown.print_turn(number, turn, nodes)
    for nodes in rest:
        shown.print_rest(nodes)
    shown.print_end()


def print_trace(answer: Document, console: Console) -> None:
    """Print the spans of one trace that are in no session: of ``/api/traces/{id}``."""
    shown = _Shown({**answer, "session": {"id": None}, "turns": []}, Layout(console))
    for nodes in arranged({**answer, "turns": []}).rest:
        shown.print_rest(nodes)


def print_heading(console: Console) -> None:
    """Print the names of the columns."""
    layout = Layout(console)
    titles = "tokens" + "in".rjust(_TOKENS_WIDTH) + "out".rjust(_TOKENS_WIDTH) + "time".rjust(_TIME_WIDTH)
    layout.print(Text("session / turn / span", "dim"), Text(titles, "dim"))
    layout.print_rule()


class _Shown:
    """One answer on the lines of one console."""

    def __init__(self, answer: Document, layout: Layout) -> None:
        self._answer = answer
        self._layout = layout
        self._checks: dict[str, list[Document]] = defaultdict(list)
        for check in answer["checks"]:
            self._checks[check["span_id"] or ""].append(check)
        self._processes: dict[str, list[str]] = {}  # the last one of each service

    def print_title(self) -> None:
        """Print whose session it is, and its id."""
        session = self._answer["session"]
        users = [Text("user " + one_line(user), "magenta") for user in session["users"]] or [Text("no user", "red")]
        title = [Text(one_line(session["name"] or "") or "session", "bold"), *users]
        title.append(Text(counted(session["turns"], "turn")))
        processes = {self._process_of(span) for span in self._answer["spans"]}
        if len(processes) > 1:
            title.append(Text(counted(len(processes), "process")))
        waited = sum(turn["duration"] or 0 for turn in self._answer["turns"])
        self._print(self._layout.joined(title), session["tokens"], waited, "bold")
        self._layout.print(Text.assemble(("session.id ", "dim"), (one_line(session["id"]), "cyan")))

    def print_turn(self, number: int, turn: Document, nodes: Sequence[Node]) -> None:
        """Print the user's words, the answer, and the spans."""
        self._print_process(nodes)
        label = Text(f"{number:>3}  ", "bold").append_text(self._turn_title(turn))
        self._print(label, turn["tokens"], turn["duration"])
        answer = one_line(turn["output"] or "")
        if answer:
            self._layout.print(Text.assemble(_INDENT, (self._layout.signs.answer + answer, "green")))
        self._print_spans(nodes)

    def print_rest(self, nodes: Sequence[Node]) -> None:
        """Print spans of a trace that are in no turn."""
        self._layout.print(Text(f"{_INDENT}outside of turns", "italic dim"))
        self._print_spans(nodes)

    def print_end(self) -> None:
        """Print what is about the session as a whole, and what is not shown."""
        for check in self._checks[""]:
            self._print_check(check)
        logs = len(self._answer["logs"])
        if logs:
            self._layout.print(Text(f"{counted(logs, 'log record')}: --json has them", "dim"))
        self._layout.print()

    def _print_process(self, nodes: Sequence[Node]) -> None:
        """Say where a service goes on in another process than before."""
        if not nodes:
            return
        service, *process = self._process_of(nodes[0].span)
        if self._processes.setdefault(service, process) != process:
            self._processes[service] = process
            pid = self._resource(nodes[0].span).get("process.pid")
            place = f" (pid {pid})" if isinstance(pid, int) else ""
            self._layout.print(Text(f"{_INDENT}resumed in another process{place}", "italic magenta"))

    def _print_spans(self, nodes: Sequence[Node]) -> None:
        for guide, node, parent in _with_guides(nodes, self._layout.signs):
            tokens, time = node.span["tokens"], node.span["duration"]
            self._print(self._span_title(guide, node, parent), tokens, time, "dim")
        for node in nodes:
            for check in self._checks[node.span["span_id"]]:
                self._print_check(check)

    def _print_check(self, check: Document) -> None:
        kind = "feedback" if check["feedback"] else "check"
        verdict = {True: "passed", False: "failed", None: ""}[check["passed"]]
        facts = (check["label"], "" if check["score"] is None else str(check["score"]), check["explanation"])
        parts = [Text(f"{_INDENT}{kind} {one_line(check['name'])}"), Text(verdict, _verdict_style(check["passed"]))]
        self._layout.print(self._layout.joined(filter(None, [*parts, *(Text(one_line(fact or "")) for fact in facts)])))

    def _turn_title(self, turn: Document) -> Text:
        path, question = one_line(turn["path"] or ""), one_line(turn["input"] or "")
        parts = [Text(path, "blue")] if path else []
        parts.append(Text(question or one_line(turn["name"]) or "(no name)", "bold" if question else ""))
        if turn["ended_early"]:
            parts.append(Text("ended early", "yellow"))
        return Text("  ").join(parts)

    def _span_title(self, guide: str, node: Node, parent: Document | None) -> Text:
        span = node.span
        kind = _kind(span)
        path = "" if parent is None or parent["path"] == span["path"] else one_line(span["path"] or "")
        facts = [
            Text(f"depth {node.depth}" if node.depth > _MAX_DEPTH else "", "dim"),
            Text(kind, _STYLES.get(kind, "dim")),
            Text(one_line(span["model"] or ""), "dim"),
            Text("streamed" if _is_streamed(span["attributes"]) else "", "dim"),
            Text(path, "blue"),
            Text("" if node.depth else f"trace {span['trace_id'][:8]}", "dim"),
            Text("" if span["error"] is None else "error: " + one_line(span["error"]), "bold red"),
            Text(self._other_session(span), "bold red"),
        ]
        name = Text(one_line(span["name"]) or "(no name)", "dim" if self._other_session(span) else "")
        title = Text(_INDENT + guide, "dim").append_text(name)
        return self._layout.joined([title, *filter(None, facts)])

    def _other_session(self, span: Document) -> str:
        session = span["session_id"]
        return f"in session {one_line(session)}" if session and session != self._answer["session"]["id"] else ""

    def _resource(self, span: Document) -> Mapping[str, Any]:
        resource: Mapping[str, Any] = self._answer["resources"][span["resource"]]
        return resource

    def _process_of(self, span: Document) -> tuple[str, ...]:
        """Return which process it came from, as far as the resource tells (semconv "Service", "Process")."""
        keys = ("service.name", "service.instance.id", "host.name", "process.pid")
        return tuple(str(self._resource(span).get(key, "")) for key in keys)

    def _print(self, left: Text, tokens: Mapping[str, Any], time: float | None, style: str = "") -> None:
        read, written = tokens_in_out(tokens)
        took = "" if time is None else duration(time)
        figures = read.rjust(_TOKENS_WIDTH) + written.rjust(_TOKENS_WIDTH) + took.rjust(_TIME_WIDTH)
        self._layout.print(left, Text(figures, style))


def _with_guides(nodes: Sequence[Node], signs: Signs) -> Iterator[tuple[str, Node, Document | None]]:
    """Yield for each node the lines that lead to it, the node, and its parent."""
    open_at: list[bool] = []
    ancestors: list[Document] = []
    for node, last in zip(nodes, _last_ones(nodes), strict=True):
        del open_at[node.depth :], ancestors[node.depth :]
        bars = "".join(signs.bar if is_open else " " * len(signs.bar) for is_open in open_at[:_MAX_DEPTH])
        yield bars + (signs.last if last else signs.branch), node, ancestors[-1] if ancestors else None
        open_at.append(not last)
        ancestors.append(node.span)


def _last_ones(nodes: Sequence[Node]) -> Iterable[bool]:
    """Tell of each node whether no sibling follows."""
    followed: set[int] = set()  # depths that a later node of the same family stands at
    result: list[bool] = []
    for node in reversed(nodes):
        followed = {depth for depth in followed if depth <= node.depth}
        result.append(node.depth not in followed)
        followed.add(node.depth)
    return reversed(result)


def _kind(span: Document) -> str:
    """Return what the span is of, in a word, empty where that says nothing."""
    if span["type"] in ("http_client", "http_server", "other", "noise"):
        return span["kind"].upper() if span["kind"] in _SERVED else ""
    return str(span["type"]).upper()


def _verdict_style(passed: bool | None) -> str:
    return {True: "green", False: "bold red", None: ""}[passed]


def _is_streamed(attributes: Mapping[str, Any]) -> bool:
    """Tell whether the model was asked to stream; OpenInference has it among the parameters of the call."""
    try:
        parameters = json.loads(str(attributes.get("llm.invocation_parameters", "")))
    except (ValueError, RecursionError):
        return False
    return isinstance(parameters, dict) and parameters.get("stream") is True
