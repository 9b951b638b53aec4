"""What an import brings along: of the core the API alone, and of nobody a server."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import {module}
prefixes = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.instrumentation", "openinference", "openai",
            "click", "rich", "starlette", "uvicorn", "http.server", "socketserver", "asyncio", "ssl", "requests",
            "jsonschema", "referencing", "regex")
print(*sorted(name for name in sys.modules if name.startswith(prefixes)))
"""


def loaded_by(module: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_core_loads_neither_the_sdk_nor_any_server():
    assert loaded_by("otel_sessions") - loaded_by("opentelemetry.trace") == set()


def test_the_sdk_part_loads_the_sdk_and_no_server_of_ours():
    its_own = loaded_by("opentelemetry.sdk.trace, opentelemetry.sdk._logs.export, opentelemetry.sdk.trace.export")
    assert loaded_by("otel_sessions.sdk") - its_own == set()


def test_without_the_sdk_the_import_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)  # as where it is not installed
    for module in ("otel_sessions.sdk", "otel_sessions._setup.instrument"):
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ImportError, match=r"needs opentelemetry-sdk: pip install 'otel-sessions\[sdk\]'"):
        importlib.import_module("otel_sessions.sdk")


@pytest.mark.parametrize("module", ["otel_sessions", "otel_sessions.sdk", "otel_sessions.view", "otel_sessions.demo"])
def test_what_a_module_exports_is_sorted_and_there(module):
    imported = importlib.import_module(module)
    assert imported.__all__ == sorted(imported.__all__)
    assert [name for name in imported.__all__ if not hasattr(imported, name)] == []
