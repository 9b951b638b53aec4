"""Runs the chat in two processes and shows what arrived. This process instruments nothing: the view is the bytes."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from otel_sessions.view.terminal.commands import standard_output
from otel_sessions.view.terminal.showing import print_heading, print_session, print_trace
from otel_sessions.view.terminal.text import counted, one_line, share, size

from . import _environment
from ._arrival import arriving
from ._launch import ProcessError, launched
from ._page import serve_page
from ._standin import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from ._arrival import Arrival

_TITLE = "otel-sessions demo: 2 users, 3 sessions, one resumed by a second process"
_STAND_IN = "local stand-in for the OpenAI API; set OPENAI_API_KEY for the real one"

_PAGE = "On a page: {command} view"
_PAGE_OF_OTHERS = (
    "Not kept, since the file for it is in use or can't be used. For the page of an otel-sessions view that is running: "
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 {command} demo"
)

_STAND_IN_SECONDS = 60.0
_REAL_API_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the demo runs against."""

    arrival: Arrival | None
    stand_in: StandIn | None
    environment: Mapping[str, str]

    @property
    def limit(self) -> float:
        """How many seconds a process of the chat may take."""
        return _REAL_API_SECONDS if self.stand_in is None else _STAND_IN_SECONDS


def run(
    console: Console | None = None, environment: Mapping[str, str] | None = None, *, opens_page: bool = False
) -> int:
    """Run the demo and print the result.

    Args:
        console: Where to print; ``None`` is the standard output.
        environment: What the user has set; ``None`` is that of this process.
        opens_page: Whether the page is served and opened then, until Ctrl-C, where there is a browser.

    Returns:
        0, or 1 if a process failed or a span lacks one of the ids.
    """
    console = standard_output() if console is None else console
    started = time.monotonic()
    with ExitStack() as stack:
        setting = _prepare(stack, os.environ if environment is None else environment)
        _print_setting(console, setting)
        try:
            first, second = _chat(console, setting)
        except ProcessError as error:
            _print_lines(console, str(error), "red")
            return 1
        arrival = setting.arrival
        status = _show_sent(console, first, second) if arrival is None else _show(console, arrival)
    console.print(Text(f"{time.monotonic() - started:.1f} s in all", "dim"))
    is_kept = arrival is not None and arrival.path is not None
    return serve_page() if opens_page and is_kept and not status else status


def _prepare(stack: ExitStack, environment: Mapping[str, str]) -> _Setting:
    arrival = None if _environment.backend(environment) else stack.enter_context(arriving())
    stand_in = None if environment.get(_environment.API_KEY) else stack.enter_context(StandIn())
    prepared = _environment.for_processes(
        environment,
        stand_in=stand_in.base_url if stand_in else None,
        receiver=arrival.endpoint if arrival else None,
    )
    return _Setting(arrival, stand_in, prepared)


def _chat(console: Console, setting: _Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    # Both import at once, which takes longer than what is said: the second reads where to go on when the first has ended.
    with launched("first", setting.environment) as starting, launched("second", setting.environment) as waiting:
        with console.status("first process: three conversations"):
            first = starting.finish(None, setting.limit)
        with console.status("second process: one of them goes on"):
            second = waiting.finish(first.result["stored"], setting.limit)
    _print_lines(console, first.complaints + second.complaints, "yellow")
    return first.result, second.result


def _print_setting(console: Console, setting: _Setting) -> None:
    console.print(Text(_TITLE, "bold"), soft_wrap=True)
    console.print()
    if setting.stand_in is not None:
        _print_fact(console, "model", _STAND_IN, "yellow")
    else:
        url = setting.environment.get(_environment.BASE_URL)
        _print_fact(console, "model", f"the API at {_environment.shown(url)}" if url else "the OpenAI API")
    target = setting.arrival.endpoint if setting.arrival else _environment.backend(setting.environment)
    _print_fact(console, "export", f"OTLP http/protobuf to {target}")


def _print_fact(console: Console, name: str, fact: str, style: str = "") -> None:
    console.print(Text.assemble((f"{name:<10}", "dim"), (fact, style)), soft_wrap=True)


def _print_lines(console: Console, text: str, style: str) -> None:
    for line in filter(None, map(one_line, text.splitlines())):
        console.print(Text(line, style), soft_wrap=True)


def _show(console: Console, arrival: Arrival) -> int:
    """Print what is in the store now."""
    came = f"{counted(arrival.requests, 'request')}, {size(arrival.size)}"
    _print_fact(console, "received", f"{came}; all below is read from the store")
    console.print()
    print_heading(console)
    sessions, outside = arrival.sessions(), arrival.traces_without_session()
    for session in sessions:
        print_session(session, console)
    for trace in outside:
        print_trace(trace, console)
    status = _print_summary(console, _spans_of([*sessions, *outside]))
    following = _PAGE if arrival.path else _PAGE_OF_OTHERS
    console.print(Text(following.format(command=command())), soft_wrap=True)
    return status


def command() -> str:
    """Return how this command is called from a shell in this folder: the environment of a clone is not on the PATH.

    What is there under its name may be another one.
    """
    name = "otel-sessions"
    beside, here, found = Path(sys.executable).parent / name, Path.cwd(), shutil.which(name)
    if not beside.exists() or (found is not None and Path(found).samefile(beside)):
        return name
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))


def _spans_of(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return each span once: a trace may be in two sessions."""
    return list({(span["trace_id"], span["span_id"]): span for each in found for span in each["spans"]}.values())


def _print_summary(console: Console, spans: Sequence[Mapping[str, Any]]) -> int:
    """Print how many spans there are, and how many of them have both ids; return the exit status."""
    whole = len(spans)
    part = sum(bool(span["attributes"].get("session.id") and span["attributes"].get("user.id")) for span in spans)
    is_complete = 0 < whole == part
    line = f"{counted(whole, 'span')} received, {part:,} with session.id and user.id ({share(part, whole)})"
    console.print(Text(line, "bold green" if is_complete else "bold red"), soft_wrap=True)
    return 0 if is_complete else 1


def _show_sent(console: Console, first: Mapping[str, Any], second: Mapping[str, Any]) -> int:
    """Print what to look for in the user's backend."""
    sent = counted(first["delivered"] + second["delivered"], "span")
    _print_fact(console, "sent", f"{sent}; look there for these sessions")
    console.print()
    for session in first["sessions"]:
        line = f"  {session['name']:<16}  user.id={session['user']:<6}  session.id={session['id']}"
        console.print(Text(line), soft_wrap=True)
    console.print()
    return 0
