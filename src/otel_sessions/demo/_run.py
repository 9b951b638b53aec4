"""Runs the chat in two processes and shows what arrived. This process instruments nothing: the view is the bytes."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from otel_sessions.view import OTLPReceiver, decode, render
from otel_sessions.view._format import counted, one_line, size

from . import _environment
from ._launch import ProcessError, launch
from ._standin import StandIn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._launch import Finished

_TITLE = "otel-sessions demo: 2 users, 3 sessions, one resumed by a second process"
_STAND_IN = "local stand-in for the OpenAI API; set OPENAI_API_KEY for the real one"

_STAND_IN_SECONDS = 60.0
_REAL_API_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the demo runs against."""

    receiver: OTLPReceiver | None
    stand_in: StandIn | None
    environment: Mapping[str, str]

    def process(self, name: str, given: object = None) -> Finished:
        """Run one process of the chat."""
        limit = _REAL_API_SECONDS if self.stand_in is None else _STAND_IN_SECONDS
        return launch(name, given, self.environment, limit)


def run(console: Console | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run the demo and print the result.

    Args:
        console: Where to print; ``None`` is the standard output.
        environment: What the user has set; ``None`` is that of this process.

    Returns:
        0, or 1 if a process failed or a span lacks one of the ids.
    """
    console = _standard_output() if console is None else console
    started = time.monotonic()
    with ExitStack() as stack:
        setting = _prepare(stack, os.environ if environment is None else environment)
        _print_setting(console, setting)
        try:
            first, second = _chat(console, setting)
        except ProcessError as error:
            _print_lines(console, str(error), "red")
            return 1
    status = _show_sent(console, first, second) if setting.receiver is None else _show(console, setting.receiver)
    console.print(Text(f"{time.monotonic() - started:.1f} s in all", "dim"))
    return status


def _standard_output() -> Console:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # what an old encoding can't say must not end the demo
    return Console(highlight=False)


def _prepare(stack: ExitStack, environment: Mapping[str, str]) -> _Setting:
    receiver = None if _environment.backend(environment) else stack.enter_context(OTLPReceiver())
    stand_in = None if environment.get(_environment.API_KEY) else stack.enter_context(StandIn())
    prepared = _environment.for_processes(
        environment,
        stand_in=stand_in.base_url if stand_in else None,
        receiver=receiver.endpoint if receiver else None,
    )
    return _Setting(receiver, stand_in, prepared)


def _chat(console: Console, setting: _Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    with console.status("first process: three conversations"):
        first = setting.process("first")
    with console.status("second process: one of them goes on"):
        second = setting.process("second", first.result["stored"])
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
    target = setting.receiver.endpoint if setting.receiver else _environment.backend(setting.environment)
    _print_fact(console, "export", f"OTLP http/protobuf to {target}")


def _print_fact(console: Console, name: str, fact: str, style: str = "") -> None:
    console.print(Text.assemble((f"{name:<10}", "dim"), (fact, style)), soft_wrap=True)


def _print_lines(console: Console, text: str, style: str) -> None:
    for line in filter(None, map(one_line, text.splitlines())):
        console.print(Text(line, style), soft_wrap=True)


def _show(console: Console, receiver: OTLPReceiver) -> int:
    """Print what is in the received bytes."""
    bodies = receiver.bodies
    amount = size(sum(map(len, bodies)))
    _print_fact(console, "received", f"{counted(len(bodies), 'request')}, {amount}; all below is read from these bytes")
    console.print()
    view = decode(bodies)
    render(view, console)
    return 0 if view.spans and view.complete_count == len(view.spans) else 1


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
