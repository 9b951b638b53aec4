"""Keeps what runs apart from the machine: none of its settings, and no network but the loopback interface."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address
from typing import Any

_SETTINGS = ("OTEL_", "OPENAI_", "LANGFUSE_", "LANGSMITH_", "LOGFIRE_", "MISTRAL_", "TRACELOOP_")
_QUIET = {
    "TRACELOOP_TELEMETRY": "false",
    "TRACELOOP_METRICS_ENABLED": "false",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "AGNO_TELEMETRY": "false",
    "LANGSMITH_TRACING": "false",
}


def clean_environment() -> dict[str, str]:
    """Return the environment without the settings of any tool, and with their own telemetry switched off."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SETTINGS) and not name.lower().endswith("_proxy")
    }
    return {**kept, **_QUIET}


def isolate(**settings: str) -> None:
    """Make this process's environment a clean one; to be called before what reads it when it is imported."""
    clean = clean_environment()
    os.environ.clear()
    os.environ.update(clean, **settings)


def stay_on_this_machine() -> None:
    """Refuse every connection and look-up that would leave the machine, whoever asks for it."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_here(host):
        message = f"{event} would leave this machine"
        raise OSError(message)


def _is_here(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost"}:
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
