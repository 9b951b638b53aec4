"""Running the program, so that the doctor is in each of its Python processes, and ending it."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GRACE = 5.0
"""How long a program may take to end after SIGINT, and again after SIGTERM, in seconds."""
_STEP = 0.5
_WRITES = 0.3
"""How long what was seen last may take to be written, before a signal that may end the program at once, in seconds."""
_SETTLES = 1.0
"""How long its children may take to write after it has ended, in seconds."""

_locks: Any = importlib.import_module("fcntl") if os.name == "posix" else None
_PREFIX, _LOCK = "otel-sessions-doctor-", "lock"

_SITE = '''\
"""The doctor's way into this process; then the `sitecustomize` that would have been imported without it."""
import importlib.machinery, importlib.util, os, sys
_here = os.path.dirname(os.path.abspath(__file__))
try:
    import otel_sessions_doctor_hook
except Exception:
    pass
_rest = [path for path in sys.path if os.path.abspath(path or ".") != _here]
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", _rest)
if _spec is not None and _spec.loader is not None:
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["sitecustomize"] = _module
    _spec.loader.exec_module(_module)
'''
_HOOK = '''\
import importlib.util
_spec = importlib.util.spec_from_file_location("otel_sessions._setup.doctor.program.entrance", {entrance!r})
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
_module.begin({records!r})


def start():
    """Nothing more: to import this is to begin."""
'''
_FILES = {
    "sitecustomize.py": _SITE,
    "otel_sessions_doctor_hook-0.dist-info/METADATA": "Metadata-Version: 2.1\nName: otel-sessions-doctor-hook\nVersion: 0\n",
    # Under `opentelemetry-instrument` its own `sitecustomize` comes first: it calls what stands here.
    "otel_sessions_doctor_hook-0.dist-info/entry_points.txt": (
        "[opentelemetry_pre_instrument]\notel_sessions_doctor = otel_sessions_doctor_hook:start\n"
    ),
}


class Ran(NamedTuple):
    """How the program has run.

    Attributes:
        status: Its exit status; ``None`` where it could not be started.
        was_ended: It was ended: its time was over, or somebody has asked for it.
        problem: Why it could not be started.
        records: What its processes have written.
    """

    status: int | None
    was_ended: bool
    problem: str
    records: tuple[dict[str, Any], ...]


def run(command: Sequence[str], seconds: float | None, *, stdout: Any = None) -> Ran:  # noqa: ANN401  # as `subprocess` has it
    """Run ``command`` to its end or for ``seconds``, with the doctor inside, and return how that went."""
    program = shutil.which(command[0])
    if program is None:
        is_there = Path(command[0]).exists() and os.path.dirname(command[0])  # noqa: PTH120  # as a shell, by a path alone
        return Ran(None, False, "it is no program that can be run" if is_there else "there is no such command", ())
    try:
        with _folder() as folder:
            return _run_in(folder, program, command, seconds, stdout)
    except OSError as error:
        return Ran(None, False, error.strerror or type(error).__name__, ())


def _run_in(folder: Path, program: str, command: Sequence[str], seconds: float | None, stdout: Any) -> Ran:  # noqa: ANN401
    # By the name that was typed: some programs go by that.
    process = subprocess.Popen(command, executable=program, env=_environment(folder), stdout=stdout)  # noqa: S603  # the user's own
    was_ended = _awaited(process, seconds, folder)
    _settled(folder)
    return Ran(process.returncode, was_ended, "", tuple(_records(folder)))


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder that is this user's alone, with what gets into the program; it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name, _held(Path(name)):
        folder = Path(name)
        (folder / "records").mkdir()
        entrance = str(Path(__file__).with_name("entrance.py"))
        for path, text in {
            **_FILES,
            "otel_sessions_doctor_hook.py": _HOOK.format(entrance=entrance, records=str(folder / "records")),
        }.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        yield folder
        # What outlives the program writes no more: not into a folder that is being removed.
        (folder / "records").rename(folder / "over")


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold ``folder`` by a lock that ends with this process, however it ends, and remove those that nobody holds."""
    with (folder / "new").open("w") as lock:
        if _locks is not None:  # pragma: no branch  # Windows has none
            _locks.flock(lock, _locks.LOCK_EX)
            (folder / "new").rename(folder / _LOCK)
            for other in folder.parent.glob(f"{_PREFIX}*"):
                with contextlib.suppress(OSError):
                    _remove_if_left(other)
        yield


def _remove_if_left(folder: Path) -> None:
    if folder.lstat().st_uid != os.getuid():
        return
    with (folder / _LOCK).open("r+") as lock:  # a doctor that has just begun has none yet
        _locks.flock(lock, _locks.LOCK_EX | _locks.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _awaited(process: subprocess.Popen[bytes], seconds: float | None, folder: Path) -> bool:
    """Wait for ``process``, at most for ``seconds``, and end it then; tell whether it was ended.

    A Ctrl-C reaches the program by itself, as it is of the same terminal; other signals are handed on.
    """
    asked: list[int] = []

    def hand_on(number: int, frame: object) -> None:
        del frame
        asked.append(number)
        time.sleep(_WRITES)
        with contextlib.suppress(OSError):
            process.send_signal(number)

    before = {number: signal.signal(number, handler) for number, handler in _handlers(hand_on, asked).items()}
    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    try:
        while process.poll() is None and time.monotonic() < end:
            # In short steps: a signal that another thread was given is handled between them.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(min(_STEP, max(0.0, end - time.monotonic())))
        if process.poll() is None:
            _end(process)
            _end_others(folder)
            return True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return bool(asked)


def _handlers(hand_on: Any, asked: list[int]) -> dict[int, Any]:  # noqa: ANN401
    # Whoever sends SIGINT to the doctor alone, and is no terminal, has it handed on.
    handlers = {
        signal.SIGINT: (lambda number, _: asked.append(number)) if _has_terminal() else hand_on,
        signal.SIGTERM: hand_on,
    }
    if hasattr(signal, "SIGHUP"):  # pragma: no branch  # Windows has none
        handlers[signal.SIGHUP] = hand_on
    # One that is ignored, as by nohup, stays so.
    return {number: handler for number, handler in handlers.items() if signal.getsignal(number) is not signal.SIG_IGN}


def _has_terminal() -> bool:
    """Tell whether a Ctrl-C reaches this process: standard input may be a pipe, and the terminal be there all the same."""
    with contextlib.suppress(OSError, AttributeError):  # there is none, or this is Windows
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    time.sleep(_WRITES)
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(OSError):
            process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
            return
    process.kill()
    process.wait()


def _end_others(folder: Path) -> None:
    """End what a shell or another starter of the program has left running: of those looked into, what a Ctrl-C would end."""
    left = [int(path.stem) for path in (folder / "records").glob("*.json") if _is_of_group(int(path.stem))]
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        end = time.monotonic() + _GRACE
        while (left := [pid for pid in left if _is_of_group(pid)]) and time.monotonic() < end:
            time.sleep(0.05)


def _is_of_group(pid: int) -> bool:
    with contextlib.suppress(OSError, AttributeError):  # it is not there any more, or this is Windows
        return pid != os.getpid() and os.getpgid(pid) == os.getpgrp()
    return False


def _settled(folder: Path) -> None:
    """Wait until no child that outlives the program writes any more, but not for long."""
    end = time.monotonic() + _SETTLES
    while any((folder / "records").glob("*.new")) and time.monotonic() < end:
        time.sleep(0.05)


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((folder / "records").glob("*.json")):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            record = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(record, dict):
                yield record
