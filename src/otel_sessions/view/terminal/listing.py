"""The list of sessions as text: two lines for each, with as many columns as the window has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from rich.text import Text

from .layout import Layout
from .text import ago, cost, counted, duration, number, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    Document: TypeAlias = Mapping[str, Any]

# What is to be read needs this much of a line, before columns that matter less are shown.
_MIN_LEFT = 34


class _Column(NamedTuple):
    """A column at the right; of those that find no room, the ones with the highest ``rank`` go first."""

    title: str
    width: int
    rank: int
    of: Callable[[Document, float], str]
    is_bad: bool = False


_COLUMNS = (
    _Column("turns", 7, 0, lambda session, _: number(session["turns"])),
    _Column("spans", 8, 3, lambda session, _: number(session["spans"])),
    _Column("in", 9, 4, lambda session, _: number(session["tokens"]["input"])),
    _Column("out", 9, 4, lambda session, _: number(session["tokens"]["output"])),
    _Column("cost", 11, 7, lambda session, _: cost(session["cost"], is_complete=session["cost_complete"])),
    _Column("p95", 10, 5, lambda session, _: "" if session["p95"] is None else duration(session["p95"])),
    _Column("errors", 8, 1, lambda session, _: number(session["errors"]), is_bad=True),
    _Column("failed checks", 15, 6, lambda session, _: number(session["failed_checks"]), is_bad=True),
    _Column("feedback", 10, 8, lambda session, _: number(session["feedback"])),
    _Column("last", 11, 2, lambda session, now: ago(session["end"], now)),
)


def print_sessions(answer: Document, console: Console, now: float) -> None:
    """Print the answer of ``/api/sessions``.

    Args:
        answer: The answer.
        console: Where to.
        now: Unix time in s, from which the last activity is told.
    """
    layout = Layout(console)
    columns = _fitting(layout.width)
    layout.print(Text("session", "dim"), Text("".join(each.title.rjust(each.width) for each in columns), "dim"))
    layout.print_rule()
    for session in answer["sessions"]:
        layout.print(_title(session, layout), _figures(session, columns, now))
        layout.print(Text.assemble(("session.id ", "dim"), (one_line(session["id"]), "cyan")))
    if not answer["sessions"]:
        layout.print("No session is like that.")
    elif answer["next"]:
        layout.print(Text(f"{counted(len(answer['sessions']), 'session')}, and there are more: --limit", "dim"))


def _fitting(width: int) -> Sequence[_Column]:
    """Return the columns that a line of ``width`` has room for, in their order."""
    room = width - _MIN_LEFT
    chosen = set()
    for column in sorted(_COLUMNS, key=lambda each: each.rank):
        if column.width <= room:
            room -= column.width
            chosen.add(column.title)
    return [column for column in _COLUMNS if column.title in chosen]


def _title(session: Document, layout: Layout) -> Text:
    users = [Text("user " + one_line(user), "magenta") for user in session["users"]]
    services = ", ".join(map(one_line, session["services"]))
    torn = [Text("torn", "bold red")] if session["torn"] else []
    name = Text(one_line(session["name"] or "") or "session", "bold")
    return layout.joined([name, *torn, *(users or [Text("no user", "red")]), *([Text(services)] if services else [])])


def _figures(session: Document, columns: Sequence[_Column], now: float) -> Text:
    figures = Text()
    for column in columns:
        figure = column.of(session, now)
        figures.append(figure.rjust(column.width), "bold red" if column.is_bad and figure != "0" else "")
    return figures
