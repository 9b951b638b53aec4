"""What an import brings along: of the core the API alone, and of nobody a server."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys

import pytest

import otel_sessions
import otel_sessions.sdk

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


def new_modules(program: str, before: str = "import opentelemetry.trace, opentelemetry.baggage") -> set[str]:
    """Return the modules that ``program`` loads after those that come ``before``."""
    lines = (before, "import sys", "known = set(sys.modules)", program, "print(*set(sys.modules) - known)")
    command = [sys.executable, "-c", "\n".join(lines)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


ENTERED_AND_LEFT = """
from otel_sessions import set_session
with set_session("conv-42", user_id="ada"):
    pass
"""


def test_a_session_is_entered_and_left_with_what_that_needs_and_no_more():
    """Each request of a function without a server may be the first of a process."""
    loaded = new_modules(ENTERED_AND_LEFT)
    ours = {name for name in loaded if name.startswith("otel_sessions")}
    wings = {name.split(".")[1] for name in ours if "." in name}
    assert wings == {"_context", "_diagnostics", "_forks", "_session", "_settings"}
    assert loaded - ours <= {"copy", "dataclasses", "gc"}  # Python 3.10's dataclasses load copy
    assert not ours & {
        "otel_sessions._context.binding",
        "otel_sessions._context.flush",
        "otel_sessions._context.framework_ids",
        "otel_sessions._context.handlers",
        "otel_sessions._context.records",
        "otel_sessions._context.streams",
        "otel_sessions._session.dialects",
        "otel_sessions._session.other_names",
        "otel_sessions._settings.hosts",
        "otel_sessions._settings.reading",
        "otel_sessions._settings.table",
    }


@pytest.mark.parametrize("name", otel_sessions.__all__)
def test_each_name_loads_what_it_needs_by_itself(name):
    """What is loaded late is not there only because something else was loaded before."""
    loaded = new_modules(f"from otel_sessions import {name} as found")
    assert getattr(otel_sessions, name).__module__ in loaded


def test_what_is_not_loaded_yet_is_listed_all_the_same():
    assert new_modules("print(*dir(otel_sessions))", "import otel_sessions") >= {*otel_sessions.__all__}


def test_the_sdk_part_loads_the_sdk_and_no_server_of_ours():
    its_own = loaded_by("opentelemetry.sdk.trace, opentelemetry.sdk._logs.export, opentelemetry.sdk.trace.export")
    assert loaded_by("otel_sessions.sdk") - its_own == set()


def test_without_the_sdk_the_import_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)  # as where it is not installed
    for module in ("otel_sessions.sdk", "otel_sessions._setup.instrument"):
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ImportError, match=r"needs opentelemetry-sdk: pip install 'otel-sessions\[sdk\]'"):
        importlib.import_module("otel_sessions.sdk")


@pytest.mark.parametrize("module", ["otel_sessions", "otel_sessions.sdk", "otel_sessions.demo"])
def test_what_a_module_exports_is_sorted_and_there(module):
    imported = importlib.import_module(module)
    assert imported.__all__ == sorted(imported.__all__)
    assert [name for name in imported.__all__ if not hasattr(imported, name)] == []


FROM_SDK = pytest.mark.parametrize("name", otel_sessions.sdk.__all__)


@FROM_SDK
def test_a_name_of_the_sdk_part_is_an_import_error_that_says_where_it_is(name):
    """Python shows our words, and not "cannot import name" of its own."""
    with pytest.raises(ImportError, match=f"it is in otel_sessions.sdk; from otel_sessions.sdk import {name}$"):
        exec(f"from otel_sessions import set_session, {name}", {})  # noqa: S102


@FROM_SDK
def test_it_is_an_attribute_error_elsewhere(name):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': it is in otel_sessions.sdk; from "):
        getattr(otel_sessions, name)
    assert not hasattr(otel_sessions, name)
    assert getattr(otel_sessions, name, None) is None
    assert name not in dir(otel_sessions)


@pytest.mark.parametrize("statement", ["from otel_sessions import nothing", "otel_sessions.nothing"])
def test_any_other_name_is_what_it_is_for_every_module(statement):
    error = ImportError if statement.startswith("from") else AttributeError
    with pytest.raises(error, match="nothing") as raised:
        exec(statement, {"otel_sessions": otel_sessions})  # noqa: S102
    assert "otel_sessions.sdk" not in str(raised.value)


def test_what_the_module_has_is_imported_and_pickled_as_ever():
    names = {}
    exec("from otel_sessions import *", names)  # noqa: S102
    exec("from otel_sessions import sdk, testing", names)  # noqa: S102
    assert names.keys() - {"__builtins__"} == {*otel_sessions.__all__, "sdk", "testing"}
    assert pickle.loads(pickle.dumps(otel_sessions.set_session)) is otel_sessions.set_session  # noqa: S301
