"""What the empty page says to write can be run as it stands."""

from __future__ import annotations

import os
import subprocess
import sys

from otel_sessions.view.page.starts import starts


def test_the_program_in_python_is_on_the_page_when_it_was_run(client):
    [python, *_] = starts(client.url)
    [shell, program] = python.blocks
    name, _, value = shell.splitlines()[1].removeprefix("export ").partition("=")

    subprocess.run([sys.executable, "-c", program], env={**os.environ, name: value}, check=True, timeout=60)

    session = client.session("conv-42").json
    assert session["session"]["users"] == ["ada"]
    assert [each["input"] for each in session["turns"]] == ["What is a span?"]
    assert "conv-42" in client.get("/").body.decode()
