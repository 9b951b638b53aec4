"""The command, from its options to its exit: a real store, real exporters, a real process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection

import pytest
from click.testing import CliRunner
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_sessions import set_session
from otel_sessions.cli import main
from otel_sessions.view.options import Options
from otel_sessions.view.receiving.sockets import listen
from otel_sessions.view.running import run
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.wire.json_form import traces_to_json
from otel_sessions.view.wire.reading import read_traces
from otlp_requests import span, text, traces
from ports import free_port


@pytest.fixture(autouse=True)
def _own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@contextmanager
def viewing(*arguments: str):
    """Run the command in a process of its own, and give it with its port, when it serves."""
    command = [sys.executable, "-m", "otel_sessions.cli", "view", "--no-browser", "--port", "0", "--grpc-port", "0"]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = []
        while not said or not said[-1].startswith("To end it"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said.append(line)
        yield process, int(re.search(r"http://localhost:(\d+)", "".join(said))[1]), said
    finally:
        process.kill()
        process.communicate()


def view(*arguments: str) -> tuple[int, str]:
    """Run it to its end in this process; return the exit status and all that it has written."""
    result = CliRunner().invoke(main, ["view", "--no-browser", "--grpc-port", "0", *arguments])
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def sessions_at(port: int) -> list[str]:
    connection = HTTPConnection("localhost", port, timeout=60)
    connection.request("GET", "/api/sessions")
    content = json.loads(connection.getresponse().read())
    connection.close()
    return [each["id"] for each in content["sessions"]]


def send(pipeline, port: int, session_id: str) -> None:
    with set_session(session_id), pipeline.tracer.start_as_current_span("turn"):
        pass
    exporter = OTLPSpanExporter(f"http://localhost:{port}/v1/traces")
    assert exporter.export(pipeline.exporter.get_finished_spans()) is SpanExportResult.SUCCESS
    exporter.shutdown()


def line_of(session_id: str) -> bytes:
    batch = read_traces(traces(span(attributes=[text("session.id", session_id)])).SerializeToString())
    return traces_to_json((raw, batch.sources[raw.source]) for raw in batch.spans)


@pytest.mark.parametrize("ends_by", [signal.SIGINT, signal.SIGTERM])
def test_what_came_is_there_when_it_runs_again(pipeline, tmp_path, ends_by):
    file = tmp_path / "state" / "otel-sessions" / "sessions.db"
    with viewing() as (process, port, said):
        assert said[0] == f"Kept in    {file}\n"
        send(pipeline, port, "conv-42")
        assert sessions_at(port) == ["conv-42"]
        process.send_signal(ends_by)
        started = time.monotonic()
        assert process.wait(120) == 0
        assert time.monotonic() - started < 30  # two seconds, on a machine that has time
        assert process.stderr.read() == ""
    with viewing() as (_, port, _):
        assert sessions_at(port) == ["conv-42"]


def test_what_is_temporary_is_gone(pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with viewing("--temporary") as (process, port, said):
        assert said[0] == "Kept until it ends\n"
        send(pipeline, port, "conv-42")
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    assert list(tmp_path.iterdir()) == []


def test_files_are_loaded_before_it_serves(tmp_path):
    file = tmp_path / "spans.jsonl"
    file.write_bytes(line_of("loaded") + b"\nnot OTLP\n")
    with viewing("--temporary", "--load", str(file)) as (_, port, said):
        assert f"1 spans and log records came from {file}\n" in said
        assert [line for line in said if line.startswith("  ")]
        assert sessions_at(port) == ["loaded"]


def test_it_is_run_from_its_options_to_its_end(tmp_path, capsys):
    file = tmp_path / "spans.jsonl"
    file.write_bytes(line_of("loaded") + b"\nnot OTLP\n")
    port = free_port()
    seen = []

    def end() -> None:
        deadline = time.monotonic() + 120
        while not seen and time.monotonic() < deadline:
            with suppress(OSError):
                seen.extend(sessions_at(port))
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    ending = threading.Thread(target=end)
    ending.start()
    assert run(Options(port=port, grpc_port=0, temporary=True, browser=False, load=(file,))) == 0
    ending.join()
    assert seen == ["loaded"]
    assert f"1 spans and log records came from {file}\n  " in capsys.readouterr().out


def test_it_is_emptied_and_made_anew(tmp_path):
    file = tmp_path / "sessions.db"
    store = SQLiteStore.open(file)
    store.load([line_of("conv-42")])
    store.close()
    assert view("--db", str(file), "--reindex") == (0, f"The lists of {file} are made anew.\n")
    with viewing("--db", str(file)) as (_, port, _):
        assert sessions_at(port) == ["conv-42"]
    assert view("--db", str(file), "--clear") == (0, f"{file} is empty.\n")
    with viewing("--db", str(file)) as (_, port, _):
        assert sessions_at(port) == []


def test_a_port_or_a_file_that_is_taken_is_said(tmp_path):
    file = tmp_path / "sessions.db"
    with viewing("--db", str(file)) as (process, port, _):
        status, said = view("--db", str(file), "--port", str(port))
        assert status == 2
        assert f"another otel-sessions view is there, http://localhost:{port}" in said
        status, said = view("--db", str(file), "--port", "0")
        assert status == 2
        assert f"(process {process.pid}) writes to {file}" in said


def test_what_does_not_go_together_is_said():
    assert view("--temporary", "--clear") == (
        2,
        "otel-sessions view: --temporary goes with none of --db, --clear, --reindex.\n",
    )
    status, said = view("--host", "0.0.0.0")  # noqa: S104
    assert status == 2
    assert "add --allow-remote and --token-file FILE" in said
    assert view("--max-bytes", "much")[0] == 2


def test_a_file_that_is_no_store_is_said(tmp_path):
    file = tmp_path / "other.db"
    file.write_text("something else, and long enough to be seen as such")
    status, said = view("--db", str(file), "--port", "0")
    assert (status, file.read_text()[:9]) == (2, "something")
    assert str(file) in said


def test_killed_it_has_all_that_was_acknowledged(pipeline, tmp_path):
    file = tmp_path / "sessions.db"
    with viewing("--db", str(file)) as (process, port, _):
        for number in range(5):
            send(pipeline, port, f"conv-{number}")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(120)
    with viewing("--db", str(file)) as (_, port, _):
        assert sorted(sessions_at(port)) == [f"conv-{number}" for number in range(5)]


def test_ports_are_free_when_it_has_ended():
    with viewing("--temporary", "--port", str(free_port())) as (process, port, _):
        process.send_signal(signal.SIGINT)
        process.wait(120)
    for each in listen(["127.0.0.1", "::1"], port):
        each.close()
