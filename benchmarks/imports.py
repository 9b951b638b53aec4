"""What importing the package and using it once takes, in fresh interpreters, and what it loads."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._interleaved import Key

API = "`import opentelemetry.trace, opentelemetry.baggage`"
FIRST_USE = "`from otel_sessions import set_session`, with one enter and leave"
OURS = "`import otel_sessions`"
OURS_SDK = "`import otel_sessions.sdk`"
SDK = "`import opentelemetry.sdk.trace`"
_CODE = {
    API: API.strip("`"),
    FIRST_USE: "from otel_sessions import set_session\nwith set_session('0b6f0f5e-7d0c-4a52-9a4e-6a1f7c1f6c55'): pass",
    OURS: OURS.strip("`"),
    OURS_SDK: OURS_SDK.strip("`"),
    SDK: SDK.strip("`"),
}
TIMED = tuple(_CODE)

_SDK = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.instrumentation")
_SERVERS = ("aiohttp", "django", "fastapi", "flask", "grpc", "http.server", "socketserver", "starlette", "tornado")
_MORE_SERVERS = ("uvicorn", "werkzeug", "wsgiref")
_CLIENTS = ("httpx", "openai", "openinference", "requests", "urllib3")
_COMMANDS = ("click", "rich")
_UNWANTED = (*_SDK, *_SERVERS, *_MORE_SERVERS, *_CLIENTS, *_COMMANDS)

_TIMER = "import time; start = time.process_time_ns()\n{}\nprint(time.process_time_ns() - start)"
_LISTER = "import sys; before = set(sys.modules)\n{}\nprint(*sorted(set(sys.modules) - before))"


def run(rounds: int) -> dict[Key, list[float]]:
    """Return the nanoseconds of CPU that each of `TIMED` has taken in each round."""
    samples: dict[Key, list[float]] = {(title,): [] for title in TIMED}
    for number in range(-1, rounds):
        for title in random.sample(TIMED, len(TIMED)):
            took = float(_output(_TIMER.format(_CODE[title])))
            if number >= 0:  # the first writes the byte code
                samples[title,].append(took)
    return samples


def loaded() -> list[str]:
    """Return the names of the modules that ``import otel_sessions`` loads."""
    return _output(_LISTER.format(_CODE[OURS])).split()


def unwanted(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that must not be loaded by the core."""
    return [name for name in names if any(name == each or name.startswith(f"{each}.") for each in _UNWANTED)]


def _output(code: str) -> str:
    command = [sys.executable, "-c", code]
    environment = {**os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is measured has its byte code in place
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout  # noqa: S603
