"""The view as text: one line per thing, with tokens and times in columns at the right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from ._format import counted, duration, one_line, share, tokens_in_out
from ._model import NO_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from ._model import Node, Session, Span, Tokens, Trace, View

# Below this, lines wrap at the edge of the window; there is nothing left to shorten.
_MIN_WIDTH = 60
_TOKENS_WIDTH = 7
_TIME_WIDTH = 10
# Deeper spans stand at this depth, with their depth as a number.
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class _Signs:
    branch: str
    last: str
    bar: str
    answer: str
    dot: str
    rule: str
    cut: str


_UNICODE = _Signs(branch="├─ ", last="└─ ", bar="│  ", answer="→ ", dot=" · ", rule="─", cut="…")
_ASCII = _Signs(branch="|- ", last="`- ", bar="|  ", answer="> ", dot=" - ", rule="-", cut="~")


def render(view: View, console: Console) -> None:
    """Print ``view``: sessions, their turns with what was said, the spans of each turn, and the count of them all."""
    layout = _Layout(console)
    layout.print_heading()
    for session in view.sessions:
        layout.print_session(session)
    if view.without_session.traces:
        layout.print_session(view.without_session)
    layout.print_summary(view)


class _Layout:
    """Where things stand on a line of one console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = max(console.width, _MIN_WIDTH)
        self._signs = _ASCII if console.options.ascii_only else _UNICODE

    def print_heading(self) -> None:
        """Print the names of the columns."""
        line = self._left(Text("session / turn / span"))
        line.right_crop(len("tokens"))
        line.append("tokens" + "in".rjust(_TOKENS_WIDTH) + "out".rjust(_TOKENS_WIDTH) + "time".rjust(_TIME_WIDTH))
        line.stylize("dim")
        self._print(line)
        self._print(Text(self._signs.rule * self._width, "dim"))

    def print_session(self, session: Session) -> None:
        """Print a session with everything in it."""
        self._print_row(self._session_title(session), session.tokens, session.duration_ns, "bold")
        if session.id is not None:
            self._print_row(Text.assemble(("session.id ", "dim"), (one_line(session.id), "cyan")))
        seen = session.traces[0].root.process
        for number, trace in enumerate(session.traces, start=1):
            if trace.root.process != seen:
                seen = trace.root.process
                pid = trace.root.resource.get("process.pid")
                place = f" (pid {pid})" if isinstance(pid, int) else ""
                self._print_row(Text(f"     resumed in another process{place}", "italic magenta"))
            self._print_trace(number, trace)
        self._print(Text())

    def print_summary(self, view: View) -> None:
        """Print how many spans there are, and how many of them have both ids."""
        whole, part = len(view.spans), view.complete_count
        style = "bold green" if whole and part == whole else "bold red"
        line = Text(f"{counted(whole, 'span')} received, {part:,} with session.id and user.id ({share(part, whole)})")
        line.stylize(style)
        if view.duplicate_count:
            line.append(f", {counted(view.duplicate_count, 'duplicate')} left out", "yellow")
        self._print(line)

    def _session_title(self, session: Session) -> Text:
        if session.id is None:
            return Text("no session.id on these spans", "bold red")
        title = Text(one_line(session.name) or "session", "bold")
        users = [("user " + one_line(user), "magenta") for user in session.users] or [("no user", "red")]
        facts = [*users, (counted(len(session.traces), "turn"), "")]
        if session.process_count > 1:
            facts.append((counted(session.process_count, "process"), ""))
        return self._joined([title, *(Text(*fact) for fact in facts)])

    def _print_trace(self, number: int, trace: Trace) -> None:
        """Print the user's words, the answer, and the spans."""
        label = Text(f"{number:>3}  ", "bold")
        label.append_text(self._turn_title(trace))
        self._print_row(label, trace.tokens, trace.duration_ns)
        answer = one_line(trace.answer)
        if answer:
            self._print_row(Text.assemble("     ", (self._signs.answer, "green"), (answer, "green")))
        for guide, node, parent in _with_guides(trace.nodes, self._signs):
            self._print_row(self._span_title(guide, node, parent), node.span.tokens, node.span.duration_ns, "dim")

    def _turn_title(self, trace: Trace) -> Text:
        path, question = one_line(trace.root.path), one_line(trace.question)
        parts = [Text(path, "blue")] if path else []
        parts.append(Text(question or one_line(trace.root.name) or "(no name)", "bold" if question else ""))
        return Text("  ").join(parts)

    def _span_title(self, guide: str, node: Node, parent: Span | None) -> Text:
        span = node.span
        title = Text.assemble(("     " + guide, "dim"), one_line(span.name) or "(no name)")
        path = "" if parent is None or parent.path == span.path else one_line(span.path)
        facts = [
            Text(f"depth {node.depth}" if node.depth > _MAX_DEPTH else "", "dim"),
            Text(one_line(span.kind), _kind_style(span.kind)),
            Text(one_line(span.model), "dim"),
            Text("streamed" if _is_streamed(span) else "", "dim"),
            Text(path, "blue"),
            Text("" if node.depth else f"trace {span.trace_id[:8]}", "dim"),
            Text("" if span.error is None else "error: " + one_line(span.error), "bold red"),
        ]
        return self._joined([title, *filter(None, facts)])

    def _joined(self, parts: Iterable[Text]) -> Text:
        return Text(self._signs.dot, "dim").join(parts)

    def _print_row(self, left: Text, tokens: Tokens = NO_TOKENS, time_ns: int | None = None, style: str = "") -> None:
        line = self._left(left, self._width if time_ns is None else None)
        prompt, completion = tokens_in_out(tokens)
        time = "" if time_ns is None else duration(time_ns)
        right = prompt.rjust(_TOKENS_WIDTH) + completion.rjust(_TOKENS_WIDTH) + time.rjust(_TIME_WIDTH)
        self._print(line.append(right, style))

    def _left(self, text: Text, width: int | None = None) -> Text:
        """Return ``text`` cut and padded to what the columns leave, or to ``width``."""
        room = self._width - 2 * _TOKENS_WIDTH - _TIME_WIDTH if width is None else width
        if text.cell_len > room:
            text.truncate(room - 1)
            text.append(self._signs.cut)
        text.pad_right(room - text.cell_len)
        return text

    def _print(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line, soft_wrap=True)  # the line has its length: rich must not break or pad it


def _with_guides(nodes: Sequence[Node], signs: _Signs) -> Iterator[tuple[str, Node, Span | None]]:
    """Yield for each node the lines that lead to it, the node, and its parent."""
    is_last = _last_ones(nodes)
    open_at: list[bool] = []
    ancestors: list[Span] = []
    for node, last in zip(nodes, is_last, strict=True):
        del open_at[node.depth :], ancestors[node.depth :]
        bars = "".join(signs.bar if is_open else " " * len(signs.bar) for is_open in open_at[:_MAX_DEPTH])
        yield bars + (signs.last if last else signs.branch), node, ancestors[-1] if ancestors else None
        open_at.append(not last)
        ancestors.append(node.span)


def _last_ones(nodes: Sequence[Node]) -> list[bool]:
    """Tell of each node whether no sibling follows."""
    followed: set[int] = set()  # depths that a later node of the same family stands at
    result: list[bool] = []
    for node in reversed(nodes):
        followed = {depth for depth in followed if depth <= node.depth}
        result.append(node.depth not in followed)
        followed.add(node.depth)
    return result[::-1]


def _kind_style(kind: str) -> str:
    return {"LLM": "cyan", "TOOL": "yellow"}.get(kind, "dim")


def _is_streamed(span: Span) -> bool:
    """Tell whether the model was asked to stream; OpenInference has it among the parameters of the call."""
    try:
        parameters = json.loads(str(span.attributes.get("llm.invocation_parameters", "")))
    except (ValueError, RecursionError):
        return False
    return isinstance(parameters, dict) and parameters.get("stream") is True
