"""How the doctor gets into a process: run by its path, at the start of each Python process of the program.

It stands alone, on the standard library: the environment of the program may be another one than the doctor's, of another
Python, and without this package. Nothing of OpenTelemetry is imported before the program does that itself, as some
variables are read then. It waits for that, and then has `watching` of the program's own environment look.

What was seen is written to a file of the process, in the doctor's folder: shortly after something was seen, and at the end,
which for a child that was forked is `os._exit`. No thread stands by: one is started where there is something to write.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import importlib.util
import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# As they are before others patch them, as gevent does: nobody is to see the thread that writes, and it waits for nobody.
_start_thread, _new_lock, _sleep, _busy = _thread.start_new_thread, _thread.RLock, time.sleep, time.thread_time

_SDK, _API, _OURS = "opentelemetry.sdk.trace", "opentelemetry.trace", "otel_sessions._diagnostics"
_UVICORN = "uvicorn.config"
_HOOK = "otel_sessions_doctor_hook.py"
_PAUSE = 0.1
"""How long after something was seen it is written, in seconds: what more comes meanwhile is written with it."""
_LONGEST_PAUSE = 1.0
_ENDING = {signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)}
_SPARED = 50
"""How many times as long as it takes to write it is waited: the program has the rest."""
_MOST_BYTES = 4_000_000
"""Most bytes that one process writes; far more than its bounded record takes."""

_TOLD_OF = [
    "anthropic",
    "arq.worker",
    "celery.worker",
    "dramatiq.worker",
    "google.genai",
    "groq",
    "langchain_core",
    "litellm",
    "mistralai",
    "openai",
    "httpx",
    "httpx2",
    "ddtrace",
    "langfuse",
    "logfire",
    "mlflow",
    "rq.worker",
    "sentry_sdk",
    "taskiq.receiver",
]
"""Of which modules it is told whether the program has imported them."""
_INSTRUMENTATIONS = "opentelemetry.instrumentation.", "openinference.instrumentation."
_MOST_MODULES = 100
_MOST_SERVERS = 10


class Process:
    """What is known of this process, and its file.

    Attributes:
        dropped: How many spans were started with a tracer of the API alone, which records nothing.
        servers: Of each server of uvicorn, whether each request has a Context of its own.
        parts: Who tells more, by name: each returns what JSON knows.
        shown: Takes ids out of a text.
        problem: Why it can't be looked further, in one word, or nothing.
        pause: How long it is waited until something is written, in seconds.
        is_waiting: Something is going to be written.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.dropped = 0
        self.servers: list[bool] = []
        self.problem = ""
        self.parts: dict[str, Callable[[], object]] = {}
        self.shown: Callable[[str], str] = str
        self.forgets: list[Callable[[], None]] = []
        self.begin()

    def begin(self) -> None:
        """Begin, as in a new process."""
        self.pid = os.getpid()
        self._lock = self.new_lock()  # that of the parent may be held by a thread that is not there
        self._told: dict[str, object] = {}
        self.is_waiting = False
        self.pause = _PAUSE
        self.dropped = 0

    def new_lock(self) -> Any:  # noqa: ANN401  # its type has a name in stubs alone
        """Return a lock of threads, whatever others put in the place of those."""
        return _new_lock()

    def noted(self) -> None:
        """Have what was seen written soon."""
        if not self.is_waiting:
            self.is_waiting = True
            # Not `threading.Thread`, which others patch: nobody is to see this one.
            with contextlib.suppress(RuntimeError):  # the interpreter ends: then it is written at once
                _start_thread(self._write_soon, ())

    def _write_soon(self) -> None:
        _sleep(self.pause)
        self.is_waiting = False
        began = _busy()
        self.write()
        self.pause = min(_LONGEST_PAUSE, max(_PAUSE, _SPARED * (_busy() - began)))

    def write(self) -> None:
        """Write all, in place of what was written before. Never raises."""
        with contextlib.suppress(Exception), self._lock:
            if not os.path.isdir(self.folder):  # noqa: PTH112  # the doctor has gone
                return
            record = self.record()
            text = json.dumps(record)
            if len(text) > _MOST_BYTES:
                text = json.dumps(
                    {**{name: record[name] for name in record if name not in self.parts}, "problem": "TooMuch"}
                )
            name = os.path.join(self.folder, str(self.pid))  # noqa: PTH118
            with open(f"{name}.new", "w", encoding="utf-8") as file:  # noqa: PTH123
                file.write(text)
            os.replace(f"{name}.new", f"{name}.json")  # noqa: PTH105

    def record(self) -> dict[str, object]:
        """Return what is known."""
        loaded = [name for name in list(sys.modules) if name in _TOLD_OF or _is_instrumentation(name)]
        found: dict[str, object] = {
            "pid": self.pid,
            "python": ".".join(map(str, sys.version_info[:3])),
            "executable": sys.executable,
            "command": self.shown(os.path.basename(sys.argv[0])) if getattr(sys, "argv", None) else "",  # noqa: PTH119
            "api": _API in sys.modules,
            "sdk": _SDK in sys.modules,
            "ours": "otel_sessions" in sys.modules,
            "is_there": _is_there("otel_sessions"),
            "dropped": self.dropped,
            "servers": self.servers[:_MOST_SERVERS],
            "modules": sorted(loaded)[:_MOST_MODULES],
        }
        problems = [self._tell(name) for name in list(self.parts)]
        return {**found, **self._told, "problem": self.problem or next(filter(None, problems), "")}

    def _tell(self, name: str) -> str:
        """Have one part tell; where it can't, what it told before stands. Return the problem."""
        try:
            self._told[name] = self.parts[name]()
        except Exception as error:  # noqa: BLE001  # the others tell all the same
            return f"{name}, {type(error).__name__}"
        return ""


def _is_instrumentation(name: str) -> bool:
    return name.startswith(_INSTRUMENTATIONS) and name.count(".") == 2  # noqa: PLR2004  # the package of one library


def _is_there(name: str) -> bool:
    with contextlib.suppress(Exception):  # a finder of anybody's
        return name in sys.modules or importlib.util.find_spec(name) is not None
    return False


class _Awaiting:
    """Stands among the finders of modules, and calls somebody when one of those that it waits for was imported."""

    def __init__(self, awaited: dict[str, Callable[[ModuleType], None]]) -> None:
        self.awaited = awaited

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find the module as it would be found without this, and have its import told."""
        del path, target
        then = self.awaited.pop(name, None)
        if then is None:
            return None
        spec = importlib.util.find_spec(name)
        loader: Any = getattr(spec, "loader", None)
        if loader is not None and hasattr(loader, "exec_module"):
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                then(module)

            with contextlib.suppress(AttributeError):  # a loader that takes no attributes
                loader.exec_module = exec_module
        return spec


def begin(folder: str) -> None:
    """Begin to watch this process, and write what is seen into ``folder``."""
    process = Process(folder)
    atexit.register(process.write)
    _tell_of_exit(process)
    _stay_first()
    if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has none
        os.register_at_fork(after_in_child=lambda: _renewed(process))
    awaited: dict[str, Callable[[ModuleType], None]] = {
        _API: lambda module: _count_dropped(process, module),
        _SDK: lambda _: _watch(process, "inside", "watch_spans"),
        _OURS: lambda _: _watch(process, "watching", "watch_messages"),
        _UVICORN: lambda module: _note_servers(process, module),
    }
    there = [name for name in awaited if name in sys.modules]
    sys.meta_path.insert(0, _Awaiting(awaited))
    for name in there:
        awaited.pop(name)(sys.modules[name])
    process.noted()


def _renewed(process: Process) -> None:
    process.begin()
    for forget in process.forgets:
        with contextlib.suppress(Exception):
            forget()
    process.noted()


def _tell_of_exit(process: Process) -> None:
    """Have a process that leaves without its exit functions write before.

    A child that was forked leaves by `os._exit`; a server that has caught a signal, as uvicorn, sends it to itself at last.
    """
    leave, kill, send = os._exit, os.kill, signal.raise_signal
    waited = [0.0]

    def _exit(status: int) -> None:
        process.write()
        leave(status)

    def kill_(pid: int, number: int, /) -> None:
        if pid == process.pid:
            process.write()
        elif number in _ENDING:
            # A pool of processes ends its workers so: what one has seen last is not written yet.
            if time.monotonic() > waited[0] + _PAUSE:
                time.sleep(1.5 * _PAUSE)
            waited[0] = time.monotonic()
        kill(pid, number)

    def raise_signal(number: int, /) -> None:
        process.write()
        send(number)

    os._exit, os.kill, signal.raise_signal = _exit, kill_, raise_signal  # type: ignore[assignment]


def _stay_first() -> None:
    """Have what takes the place of this process come by here first, as what `opentelemetry-instrument` runs.

    It puts its own folder before the doctor's: where it fails, nobody would tell of it.
    """
    own = next((path for path in sys.path if os.path.isfile(os.path.join(path, _HOOK))), "")  # noqa: PTH113, PTH118
    execute = os.execv

    def execv(path: Any, arguments: Any) -> Any:  # noqa: ANN401  # as `os` has it
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # an empty one is the folder in which it is started
        if own in paths:
            os.environ["PYTHONPATH"] = os.pathsep.join([own, *(each for each in paths if each != own)])
        return execute(path, arguments)

    os.execv = execv


def _count_dropped(process: Process, module: ModuleType) -> None:
    """Count the spans that a tracer of the API starts, where there is no provider of the SDK."""
    kind: Any = getattr(module, "NoOpTracer", None)
    for name in ("start_span", "start_as_current_span"):
        function = getattr(kind, name, None)
        if function is not None:
            setattr(kind, name, _counting(process, function))


def _note_servers(process: Process, module: ModuleType) -> None:
    """Note how each server of uvicorn is configured that this process makes."""
    kind: Any = getattr(module, "Config", None)
    if kind is None:
        return
    configure = kind.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, N807  # as uvicorn's
        configure(self, *args, **kwargs)
        with contextlib.suppress(Exception):
            process.servers.append(bool(getattr(self, "reset_contextvars", True)))  # an older one knows no such thing
            process.noted()

    kind.__init__ = __init__


def _counting(process: Process, function: Callable[..., Any]) -> Callable[..., Any]:
    def counting(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as the function's
        process.dropped += 1
        process.noted()
        return function(*args, **kwargs)

    return counting


def _watch(process: Process, module: str, function: str) -> None:
    """Have the package of this environment look; where it is not there, say so."""
    try:
        getattr(importlib.import_module(f"otel_sessions._setup.doctor.program.{module}"), function)(process)
    except Exception as error:  # noqa: BLE001  # nothing may reach the program
        process.problem = type(error).__name__
