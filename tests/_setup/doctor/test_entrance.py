"""How the doctor gets into a process, and has it write what was seen before it ends, however it ends."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest

from otel_sessions._setup.doctor.program import entrance
from otel_sessions._setup.doctor.program.entrance import Process

MODULE = "doctor_awaited"


@pytest.fixture
def process(tmp_path):
    return Process(str(tmp_path))


def records_in(folder):
    return [json.loads(path.read_text()) for path in folder.glob("*.json")]


def test_what_is_noted_is_written_shortly_after(process, tmp_path):
    process.parts["seen"] = lambda: {"spans": 3}
    process.noted()
    process.noted()  # is written with it
    end = time.monotonic() + 60
    while not records_in(tmp_path) and time.monotonic() < end:
        time.sleep(0.01)
    (record,) = records_in(tmp_path)
    assert record["seen"] == {"spans": 3}
    assert record["is_there"]
    assert record["command"]


def test_it_is_waited_longer_where_writing_takes_longer(process, tmp_path, monkeypatch):
    monkeypatch.setattr(entrance, "_PAUSE", 0.0)
    process.begin()
    monkeypatch.setattr(entrance, "_SPARED", 1_000_000)
    process._write_soon()
    assert len(records_in(tmp_path)) == 1
    assert process.pause == entrance._LONGEST_PAUSE


def test_a_name_that_no_finder_can_answer_for_is_not_there():
    assert not entrance._is_there("")
    assert not entrance._is_there("there_is_no_such_module")


def test_a_thread_that_can_not_be_started_is_no_error(process, monkeypatch):
    def refuse(*_):
        raise RuntimeError

    monkeypatch.setattr(entrance, "_start_thread", refuse)
    process.noted()
    assert process.is_waiting


def test_what_would_be_too_much_is_left_out_and_the_process_is_told_of(process, tmp_path, monkeypatch):
    monkeypatch.setattr(entrance, "_MOST_BYTES", 3000)
    process.parts["seen"] = lambda: "." * 3000
    process.write()
    (record,) = records_in(tmp_path)
    assert record["problem"] == "TooMuch"
    assert "seen" not in record


def test_nothing_is_written_once_the_doctor_has_gone(tmp_path):
    Process(str(tmp_path / "gone")).write()
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_raises_is_said_and_the_others_tell(process, tmp_path):
    process.parts["errors"] = list
    for part, problem in ((lambda: 1, ""), (lambda: 1 / 0, "seen, ZeroDivisionError")):
        process.parts["seen"] = part
        process.write()
        (record,) = records_in(tmp_path)
        assert (record["seen"], record["errors"], record["problem"]) == (1, [], problem)


def test_a_process_writes_before_it_leaves_by_itself(process, tmp_path, monkeypatch):
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(os, "kill", lambda *sent: left.append(sent))
    monkeypatch.setattr(signal, "raise_signal", left.append)
    entrance._tell_of_exit(process)
    for leave in (lambda: os._exit(3), lambda: os.kill(os.getpid(), 15), lambda: signal.raise_signal(2)):
        leave()
        assert len(records_in(tmp_path)) == 1
        next(tmp_path.glob("*.json")).unlink()
    os.kill(1, 0)  # another process
    assert records_in(tmp_path) == []
    assert left == [3, (os.getpid(), 15), 2, (1, 0)]


def test_what_takes_the_place_of_a_process_comes_by_the_doctor_first(tmp_path, monkeypatch):
    (tmp_path / entrance._HOOK).touch()
    executed, command = [], ("python", ["python"])
    monkeypatch.setattr(os, "execv", lambda *command: executed.append(command))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/auto", str(tmp_path), "/rest"]))
    entrance._stay_first()
    os.execv(*command)  # noqa: S606  # it executes nothing
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(tmp_path), "/auto", "/rest"]
    monkeypatch.setenv("PYTHONPATH", "/auto")  # somebody has taken the doctor out
    os.execv(*command)  # noqa: S606  # it executes nothing
    assert os.environ["PYTHONPATH"] == "/auto"
    assert executed == [command] * 2


def test_what_was_imported_before_is_watched_at_once(tmp_path, monkeypatch):
    for owner, name in ((os, "_exit"), (os, "kill"), (os, "execv"), (signal, "raise_signal")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    for owner, name in ((os, "register_at_fork"), (entrance.atexit, "register"), (entrance, "_count_dropped")):
        monkeypatch.setattr(owner, name, lambda *_, **__: None)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    watched = []
    monkeypatch.setattr(entrance, "_watch", lambda _, *what: watched.append(what))
    entrance.begin(str(tmp_path))
    assert watched == [("inside", "watch_spans"), ("watching", "watch_messages")]


def test_an_api_that_starts_spans_otherwise_is_left_as_it_is(process):
    entrance._count_dropped(process, SimpleNamespace())
    assert process.dropped == 0


def test_spans_that_nobody_records_are_counted(process):
    class NoOpTracer:
        def start_span(self, name):
            return name

    entrance._count_dropped(process, SimpleNamespace(NoOpTracer=NoOpTracer))
    assert NoOpTracer().start_span("work") == "work"
    assert process.dropped == 1


@pytest.fixture
def awaiting(tmp_path, monkeypatch):
    (tmp_path / f"{MODULE}.py").write_text("value = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    told = []
    finder = entrance._Awaiting({MODULE: lambda module: told.append(module.value)})
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    yield told
    sys.modules.pop(MODULE, None)


def test_an_import_that_is_awaited_is_told_of_once(awaiting):
    importlib.import_module(MODULE)
    sys.modules.pop(MODULE)
    importlib.import_module(MODULE)
    assert awaiting == [3]


def test_a_loader_that_can_not_be_told_of_is_left_as_it_is(awaiting, monkeypatch):
    class Slotted:
        __slots__ = ()

        def exec_module(self, module):
            module.value = 4

        def create_module(self, _):
            return None

    spec = importlib.machinery.ModuleSpec(MODULE, Slotted())
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    assert importlib.import_module(MODULE).value == 4
    assert awaiting == []


def test_a_module_that_is_not_there_is_not_found_either():
    finder = entrance._Awaiting({"there_is_no_such_module": print})
    assert finder.find_spec("there_is_no_such_module") is None


def test_a_child_that_was_forked_begins_anew(process):
    forgotten = []
    process.dropped = 3
    process.forgets = [lambda: 1 / 0, lambda: forgotten.append(1)]
    entrance._renewed(process)
    assert process.dropped == 0
    assert forgotten == [1]


def test_what_can_not_look_is_said_in_a_word(process):
    entrance._watch(process, "there_is_no_such_module", "watch")
    assert process.problem == "ModuleNotFoundError"


def test_how_a_server_of_uvicorn_is_configured_is_noted(process):
    class Config:
        def __init__(self, app, **options):
            self.app, self.reset_contextvars = app, options.get("reset_contextvars", False)

    class Older:
        pass

    entrance._note_servers(process, SimpleNamespace(Config=Config))
    assert [Config("app").app, Config("app", reset_contextvars=True).app] == ["app", "app"]
    assert process.record()["servers"] == [False, True]
    entrance._note_servers(process, SimpleNamespace(Config=Older))
    Older()
    assert process.record()["servers"] == [False, True, True]
    entrance._note_servers(process, SimpleNamespace())


def test_a_process_that_another_one_ends_has_its_time_to_write_once(process, monkeypatch):
    sent, slept = [], []
    monkeypatch.setattr(os, "_exit", None)
    monkeypatch.setattr(os, "kill", lambda *each: sent.append(each))
    monkeypatch.setattr(signal, "raise_signal", None)
    monkeypatch.setattr(entrance.time, "sleep", slept.append)
    entrance._tell_of_exit(process)
    for number in (1, 2):
        os.kill(number, signal.SIGTERM)
    os.kill(3, 0)
    assert sent == [(1, signal.SIGTERM), (2, signal.SIGTERM), (3, 0)]
    assert len(slept) == 1
