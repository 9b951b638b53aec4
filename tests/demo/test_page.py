"""The page that the demo opens, by the command of the Makefile, in a terminal and with a browser that notes what it is given."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import httpx

from otel_sessions.demo import _page
from otel_sessions.view.options import Options
from ports import free_port
from servers import eventually

SECONDS = 240


@contextmanager
def in_a_terminal(tmp_path, **environment):
    """Run the demo; give the process, what it has written as that grows, and the file that the browser writes to."""
    opened, browser, written = tmp_path / "opened", tmp_path / "browser", bytearray()
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "OTEL_"))}
    kept |= {"DISPLAY": ":9", "BROWSER": f"{browser} %s", "XDG_STATE_HOME": str(tmp_path), "NO_BROWSER": ""}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "otel_sessions.cli", "demo", "--page"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=kept | environment)
    os.close(theirs)

    def read() -> None:
        with suppress(OSError):  # nobody writes any more
            while True:
                written.extend(os.read(ours, 4096))

    reading = threading.Thread(target=read)
    reading.start()
    try:
        yield process, written, opened
    finally:
        process.kill()
        process.wait()
        reading.join()
        os.close(ours)


def test_the_page_is_opened_with_the_chat_on_it_and_ctrl_c_ends_it(tmp_path):
    with in_a_terminal(tmp_path) as (process, written, opened):
        assert eventually(opened.exists, bool, SECONDS), written.decode()
        url = opened.read_text().strip()
        names = {session["name"] for session in httpx.get(f"{url}/api/sessions", timeout=60).json()["sessions"]}
        page = httpx.get(url, timeout=60).text
        process.send_signal(signal.SIGINT)
        status = process.wait(120)
    shown = {"Trip planning", "Course creation", "Order support"}
    assert names >= shown  # it listens where programs of others on this machine send to by default
    assert all(name in page for name in shown)
    assert status == 0, written.decode()


def test_where_none_is_wanted_it_ends_with_what_is_in_the_terminal(tmp_path):
    with in_a_terminal(tmp_path, NO_BROWSER="1") as (process, written, opened):
        assert process.wait(SECONDS) == 0, written.decode()
        assert not opened.exists()
    assert b"17 with session.id and user.id (100 %)" in written


def test_it_listens_where_exporters_send_by_default_and_elsewhere_if_somebody_listens_there(monkeypatch):
    port = free_port()
    monkeypatch.setattr(_page, "Options", lambda **given: Options(**{"port": port} | given))
    with socket.create_server(("127.0.0.1", port)):
        assert (_page._options().port, _page._options().grpc_port) == (0, 0)
    assert (_page._options().port, _page._options().grpc_port) == (port, 4317)
