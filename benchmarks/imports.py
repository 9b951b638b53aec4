"""What importing the package takes, in fresh interpreters, and what it loads."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._interleaved import Key

API = "opentelemetry.trace, opentelemetry.baggage"
OURS = "otel_sessions"
OURS_SDK = "otel_sessions.sdk"
SDK = "opentelemetry.sdk.trace"
TIMED = (API, OURS, OURS_SDK, SDK)

_SDK = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.instrumentation")
_SERVERS = ("aiohttp", "django", "fastapi", "flask", "grpc", "http.server", "socketserver", "starlette", "tornado")
_MORE_SERVERS = ("uvicorn", "werkzeug", "wsgiref")
_CLIENTS = ("httpx", "openai", "openinference", "requests", "urllib3")
_COMMANDS = ("click", "rich")
_UNWANTED = (*_SDK, *_SERVERS, *_MORE_SERVERS, *_CLIENTS, *_COMMANDS)

_TIMER = "import time; start = time.process_time_ns(); import {}; print(time.process_time_ns() - start)"
_LISTER = "import sys; before = set(sys.modules); import {}; print(*sorted(set(sys.modules) - before))"


def run(rounds: int) -> dict[Key, list[float]]:
    """Return the nanoseconds of CPU that each import has taken in each round."""
    samples: dict[Key, list[float]] = {(modules,): [] for modules in TIMED}
    for number in range(-1, rounds):
        for modules in random.sample(TIMED, len(TIMED)):
            took = float(_output(_TIMER.format(modules)))
            if number >= 0:  # the first writes the byte code
                samples[modules,].append(took)
    return samples


def loaded(modules: str = OURS) -> list[str]:
    """Return the names of the modules that an import loads."""
    return _output(_LISTER.format(modules)).split()


def unwanted(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that must not be loaded by the core."""
    return [name for name in names if any(name == each or name.startswith(f"{each}.") for each in _UNWANTED)]


def _output(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
