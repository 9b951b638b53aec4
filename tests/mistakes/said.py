"""Runs each program of the `catalogue` in a process of its own, and prints what the logger ``otel_sessions`` says in it.

What takes long to import is imported once, and not the package: its settings are read when it comes. So each program has
an environment of its own, in a copy of this process.
"""

from __future__ import annotations

import json
import logging
import os
import sys

import httpx  # noqa: F401
import opentelemetry.instrumentation.httpx
import opentelemetry.sdk._logs
import opentelemetry.sdk.trace.export.in_memory_span_exporter  # noqa: F401

import catalogue


class Heard(logging.Handler):
    """Keeps level and text."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[list[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append([record.levelname, record.getMessage()])


def heard_in(name: str) -> list[list[str]]:
    """Run the program of that name; return level and text of what was said, and what was raised."""
    program = catalogue.ALL[name]
    os.environ.update(program.environment)
    heard = Heard()
    logger = logging.getLogger("otel_sessions")
    logger.addHandler(heard)
    logger.setLevel(logging.INFO)
    try:
        program.run()
    except ImportError as error:
        heard.records.append([type(error).__name__, str(error)])
    return heard.records


def in_a_copy(name: str) -> list[list[str]]:
    """Return what `heard_in` does in a copy of this process."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = heard_in(name)
        except BaseException as error:  # noqa: BLE001  # it is shown where the test fails
            said = [["raised", repr(error)]]
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(text)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: in_a_copy(name) for name in catalogue.ALL}))
