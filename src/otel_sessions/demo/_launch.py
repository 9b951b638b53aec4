"""Starts a process of the chat and takes what it hands back."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._environment import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class ProcessError(Exception):
    """A process of the chat failed; the text says which, and what it said."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process left behind."""

    result: dict[str, Any]
    complaints: str
    """Its standard error, without the secrets of its environment."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process that imports what it needs, and goes on when it gets what it reads."""

    name: str
    environment: Mapping[str, str]
    _process: subprocess.Popen[bytes]

    def finish(self, given: object, seconds: float) -> Finished:
        """Hand it what it reads, and wait for its end.

        Args:
            given: What it reads, as JSON.
            seconds: How long it may take from now on.

        Raises:
            ProcessError: It failed, or took longer.
        """
        try:
            output, errors = self._process.communicate(json.dumps(given).encode(), seconds)
        except subprocess.TimeoutExpired as error:
            message = f"The {self.name} process of the chat took more than {seconds:.0f} s."
            raise ProcessError(message) from error
        complaints = without_secrets(errors.decode(errors="replace"), self.environment)
        if self._process.returncode != 0:
            # What the process says itself comes last there, after what its libraries have logged.
            *logged, reason = complaints.strip().splitlines() or ["it says nothing"]
            status = f"exit status {self._process.returncode}"
            raise ProcessError("\n".join([f"The {self.name} process of the chat failed ({status}): {reason}", *logged]))
        return Finished(json.loads(output.splitlines()[-1]), complaints)


@contextmanager
def launched(name: str, environment: Mapping[str, str]) -> Iterator[Started]:
    """Start the process ``name``, and end it with the ``with`` block, whatever it does then.

    Args:
        name: ``first`` or ``second``.
        environment: All of its environment.
    """
    with subprocess.Popen(  # noqa: S603  # this interpreter and this package
        [sys.executable, "-m", "otel_sessions.demo", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
    ) as process:
        try:
            yield Started(name, environment, process)
        finally:
            process.kill()
