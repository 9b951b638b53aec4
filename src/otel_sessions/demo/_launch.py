"""Starts one process of the chat and takes what it hands back."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._environment import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping


class ProcessError(Exception):
    """A process of the chat failed; the text says which, and what it said."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process left behind."""

    result: dict[str, Any]
    complaints: str
    """Its standard error, without the secrets of its environment."""


def launch(name: str, given: object, environment: Mapping[str, str], seconds: float) -> Finished:
    """Run the process ``name`` to its end.

    Args:
        name: ``first`` or ``second``.
        given: What it reads, as JSON.
        environment: All of its environment.
        seconds: How long it may take.

    Raises:
        ProcessError: It failed, or took longer.
    """
    try:
        done = subprocess.run(  # noqa: S603  # this interpreter and this package
            [sys.executable, "-m", "otel_sessions.demo", name],
            input=json.dumps(given).encode(),
            capture_output=True,
            env=dict(environment),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"The {name} process of the chat took more than {seconds:.0f} s."
        raise ProcessError(message) from error
    complaints = without_secrets(done.stderr.decode(errors="replace"), environment)
    if done.returncode != 0:
        # What the process says itself comes last there, after what its libraries have logged.
        *logged, reason = complaints.strip().splitlines() or ["it says nothing"]
        lines = [f"The {name} process of the chat failed (exit status {done.returncode}): {reason}", *logged]
        raise ProcessError("\n".join(lines))
    return Finished(json.loads(done.stdout.splitlines()[-1]), complaints)
