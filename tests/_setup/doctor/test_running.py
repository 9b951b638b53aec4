"""Running a program under the doctor: its own output, its end, and signals."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from otel_sessions._setup.doctor.looking import look
from otel_sessions._setup.doctor.program import running
from otel_sessions._setup.doctor.program.look import look_at_program
from otel_sessions._setup.doctor.program.running import run
from servers import eventually

PYTHON = sys.executable
STUBBORN = "import signal, time\nfor number in (2, 15): signal.signal(number, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
AN_HOUR = 3600


def python(source):
    return [PYTHON, "-c", source]


@pytest.fixture
def over_when(monkeypatch):
    """Return a function that has the time of a program be over as soon as something is so, however long that takes."""

    def start(is_so):
        def monotonic():
            return time.monotonic() + 2 * AN_HOUR * bool(is_so())

        monkeypatch.setattr(running, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep))

    return start


def processes_that_wrote(folder):
    return len([*folder.glob("otel-sessions-doctor-*/records/*.json")])


def test_a_program_runs_to_its_end_and_its_output_is_its_own(capfd):
    ran = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), None)
    assert capfd.readouterr() == ("out\n", "err\n")
    assert (ran.status, ran.was_ended, ran.problem) == (3, False, "")
    assert [record["is_there"] for record in ran.records] == [True]


def test_its_output_can_be_led_elsewhere(capfd):
    look_at_program(python("print('out')"), leaves_stdout=True)
    assert capfd.readouterr() == ("", "out\n")


def test_a_sitecustomize_of_the_program_runs_as_it_would(tmp_path, monkeypatch, capfd):
    (tmp_path / "sitecustomize.py").write_text("print('customized', __name__, __file__ is not None)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    run(python("import sitecustomize"), None)
    assert capfd.readouterr().out == "customized sitecustomize True\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        pytest.param(["there-is-no-such-program"], "there is no such command", id="no such program"),
        pytest.param([], "", id="not executable"),
    ],
)
def test_what_can_not_be_started_is_said(command, said, tmp_path, capfd):
    if not command:
        script = tmp_path / "script"
        script.write_bytes(b"\0")
        script.chmod(0o700)
        command = [str(script)]
    with pytest.raises(SystemExit) as end:
        look_at_program(command)
    assert end.value.code == 2
    assert said in capfd.readouterr().err


def test_a_program_without_python_is_said_to_be_one():
    report = look_at_program(["true"])
    assert [finding.code for finding in report.findings] == ["no-python"]


def test_a_program_that_a_signal_ends_is_told_of(capfd):
    report = look_at_program(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert capfd.readouterr().err == ""
    assert "The program was ended by signal 9." in [finding.what for finding in report.findings]


def test_after_its_time_it_is_ended_whatever_it_does(monkeypatch, tmp_path, over_when, capfd):
    monkeypatch.setattr(running, "_GRACE", 0.2)
    over_when((tmp_path / "up").exists)
    ran = run(
        python(STUBBORN.replace("time.sleep", f"open({str(tmp_path / 'up')!r}, 'w').close(); time.sleep")), AN_HOUR
    )
    assert capfd.readouterr().out == "up\n"
    assert (ran.status, ran.was_ended) == (-signal.SIGKILL, True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
def test_the_workers_of_one_that_is_killed_are_ended_too(monkeypatch, tmp_path, over_when):
    monkeypatch.setattr(running, "_GRACE", 0.2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = tmp_path / "worker"
    forks = f"import os\nworker = os.fork()\nif worker: open({str(file)!r}, 'w').write(str(worker))\n"
    up = f"open({str(tmp_path)!r} + f'/{{os.getpid()}}.up', 'w').close(); time.sleep"
    over_when(lambda: len([*tmp_path.glob("*.up")]) == processes_that_wrote(tmp_path) == 2)
    ran = run(python(forks + STUBBORN.replace("time.sleep", up)), AN_HOUR)
    assert (ran.status, len(ran.records)) == (-signal.SIGKILL, 2)
    assert eventually(lambda: is_over(int(file.read_text())), bool, 60)


def test_one_that_heeds_a_signal_is_not_killed():
    ran = run(python("import time; time.sleep(60)"), 1)
    assert ran.was_ended
    assert ran.status != -signal.SIGKILL


@pytest.mark.parametrize("is_terminal", [False, True])
def test_signals_go_to_the_program_and_the_report_still_comes(monkeypatch, is_terminal):
    monkeypatch.setattr(running, "_has_terminal", lambda: is_terminal)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def interrupt():
        while any(signal.getsignal(number) is handlers[number] for number in handlers):  # else it ends the tests
            time.sleep(0.01)
        for number in (signal.SIGINT, signal.SIGTERM) if is_terminal else (signal.SIGINT,):
            os.kill(os.getpid(), number)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    ran = run(python("import time; time.sleep(60)"), None)
    interrupting.join()
    assert ran.was_ended
    assert ran.status != 0
    assert {number: signal.getsignal(number) for number in handlers} == handlers


def test_what_is_being_written_is_waited_for_a_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_SETTLES", 0.1)
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "1.new").touch()
    running._settled(tmp_path)
    (tmp_path / "records" / "2.json").write_text("[1, 2")
    (tmp_path / "records" / "3.json").write_text("[1, 2]")
    assert list(running._records(tmp_path)) == []


def test_a_command_is_looked_at_as_a_program():
    assert look((), ["true"], sends=False, seconds=None).looked_at == "program"


def test_the_command_writes_one_json_object():
    command = [PYTHON, "-m", "otel_sessions.cli", "doctor", "--json", "--", *python("print('out')")]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.stderr == "out\n"
    assert ran.stdout.startswith("{")
    assert ran.returncode == 1  # no spans


COUNTS = """\
import signal, sys, time
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
print("up", sys.stdin.isatty(), flush=True)
end = time.monotonic() + 60
while not count and time.monotonic() < end:
    time.sleep(0.05)
time.sleep(2)  # a second one would have come by then
print("interrupted", count, flush=True)
"""


def at_a_terminal(command, *, awaits, types):
    """Run ``command`` at a terminal of its own, type something once it has written what is awaited, and return what it writes."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)  # noqa: S606
    written = b""
    with contextlib.suppress(OSError):  # the terminal of a program that has ended
        while read := os.read(terminal, 4096):
            written += read
            if awaits and awaits in written:
                awaits = b""
                os.write(terminal, types)
    os.close(terminal)
    os.waitpid(pid, 0)
    return written.decode().replace("\r\n", "\n")


DOCTOR = [PYTHON, "-m", "otel_sessions.cli", "doctor"]


@pytest.mark.parametrize("has_pipe", [False, True], ids=["terminal", "pipe"])
def test_a_ctrl_c_reaches_the_program_once(has_pipe):
    command = [*DOCTOR, "--", *python(COUNTS)]
    if has_pipe:
        command = ["/bin/sh", "-c", f"echo | {shlex.join(command)}"]
    written = at_a_terminal(command, awaits=f"up {not has_pipe}".encode(), types=b"\x03")
    assert "interrupted 1\n" in written
    assert "[no-spans]" in written


def test_a_program_asks_and_is_answered():
    command = [*DOCTOR, "--", *python("print('hello', input('name? '))")]
    assert "hello ada\n" in at_a_terminal(command, awaits=b"name? ", types=b"ada\n")


def test_a_program_has_its_name_and_what_is_piped_to_it():
    command = [*DOCTOR, "--json", "--", *python("import sys; print(sys.argv[1:], sys.stdin.read())"), "--json", "ü"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, input="piped")
    assert ran.stderr == "['--json', 'ü'] piped\n"
    assert json.loads(ran.stdout)["looked_at"] == "program"
    by_name = subprocess.run([*DOCTOR, "--", "sh", "-c", "echo $0"], check=False, capture_output=True, text=True)
    assert by_name.stdout.startswith("sh\n")


def test_what_goes_to_a_closed_standard_error_goes_nowhere(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert look_at_program(python("print('out')"), leaves_stdout=True).looked_at == "program"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_handed_on_and_nothing_is_left(number, tmp_path):
    doctor = subprocess.Popen(
        [*DOCTOR, "--json", "--", *python("import time; print('up', flush=True); time.sleep(60)")],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert doctor.stderr.readline() == "up\n"
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    doctor.send_signal(number)
    written, _ = doctor.communicate(timeout=120)
    assert json.loads(written)["looked_at"] == "program"
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_doctor_has_left_the_next_one_removes(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    (tmp_path / "otel-sessions-doctor-of-somebody").mkdir()
    command = [*DOCTOR, "--", *python("import os; print(os.getpid(), flush=True); os.read(0, 1)")]
    doctors = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    for doctor in doctors:
        doctor.stdout.readline()
    assert len(list(tmp_path.iterdir())) == 3
    doctors[0].kill()
    doctors[0].communicate()
    subprocess.run([*DOCTOR, "--", "true"], env=environment, check=False, capture_output=True)
    assert len(list(tmp_path.iterdir())) == 2  # the other one is still there
    doctors[1].communicate()
    assert [path.name for path in tmp_path.iterdir()] == ["otel-sessions-doctor-of-somebody"]


def test_a_folder_that_nobody_holds_is_removed_and_that_of_another_user_let_be(tmp_path, monkeypatch):
    folder = tmp_path / "left"
    folder.mkdir()
    with running._held(folder), pytest.raises(BlockingIOError):
        running._remove_if_left(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: -1)
        running._remove_if_left(folder)
    assert folder.exists()
    running._remove_if_left(folder)
    assert not folder.exists()


def test_a_ctrl_c_reaches_who_is_in_the_foreground_of_a_terminal(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", lambda *_: os.dup(0))
        patch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
        assert running._has_terminal()


def test_where_there_is_no_room_for_a_folder_it_is_said(tmp_path, monkeypatch, capfd):
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        with pytest.raises(SystemExit) as end:
            look_at_program(["true"])
    assert end.value.code == 2
    assert "true can't be started: No such file or directory." in capfd.readouterr().err


def test_a_program_that_outlives_the_doctor_leaves_nothing(tmp_path):
    child = "import time; [open('/dev/null').close() or time.sleep(0.01) for _ in range(300)]"
    source = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)"
    subprocess.run(
        [*DOCTOR, "--", *python(source)], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False, capture_output=True
    )
    assert list(tmp_path.iterdir()) == []


def test_what_a_shell_leaves_running_is_ended_too(monkeypatch, tmp_path, over_when):
    monkeypatch.setattr(running, "_GRACE", 0.5)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script, pid, up = (tmp_path / name for name in ("stubborn.py", "pid", "up"))
    told = f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n{STUBBORN}"
    script.write_text(told.replace("time.sleep", f"open({str(up)!r}, 'w').close(); time.sleep"))
    over_when(lambda: up.exists() and processes_that_wrote(tmp_path))
    assert run(["sh", "-c", f"{PYTHON} {script}; true"], AN_HOUR).was_ended
    assert eventually(lambda: is_over(int(pid.read_text())), bool, 60)


def is_over(pid):
    """Tell whether a process has ended; its parent may not have asked how."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # it has gone meanwhile
        return True
