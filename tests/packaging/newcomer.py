"""Does what README.md tells a newcomer: pastes the program, starts the page, runs the one, and asks the other.

Uses the environment whose Python runs it, and the standard library alone. The page takes a free port, and keeps nothing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)(?: title=\"(.+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VIEW, PROGRAM = "otel-sessions view", "python chat.py"
"""The two commands of the README, one for each terminal."""
WITHIN = 120
"""Seconds from the first start of the page to the session on it: some six on two cores that have other work, too."""


def main() -> None:
    """Print what the page has after that: sessions, as JSON, each with its turns."""
    found = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    commands = [line for language, _, code in found if language == "sh" for line in code.splitlines()]
    if commands.index(VIEW) > commands.index(PROGRAM):
        sys.exit("the page is started after the program")
    with tempfile.TemporaryDirectory() as folder:
        for _, title, code in found:
            if title:
                (Path(folder) / title).write_text(code, encoding="utf-8")
        started = time.monotonic()
        sessions = sessions_of(Path(folder))
        seconds = time.monotonic() - started
    print(json.dumps(sessions))  # noqa: T201  # what it is for
    sys.stderr.write(f"from the start of the page to its first session: {seconds:.1f} s\n")
    if seconds > WITHIN or not sessions:
        sys.exit(f"no session within {WITHIN} seconds of the start of the page")


def sessions_of(folder: Path) -> list[object]:
    """Run the page and the program beside each other in ``folder``, and return the sessions that the page answers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENAI_"))}
    environment |= {
        "NO_PROXY": "localhost,127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    options = ["--temporary", "--no-browser", "--port", "0", "--grpc-port", "0"]
    with subprocess.Popen([*VIEW.split(), *options], env=environment, stdout=subprocess.PIPE, text=True) as page:
        try:
            url = address_of(page)
            subprocess.run(  # a program of the README
                PROGRAM.split(), cwd=folder, env=environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, timeout=120,
                check=True, stdout=sys.stderr,
            )  # fmt: skip
            with build_opener(ProxyHandler({})).open(f"{url}/api/sessions", timeout=30) as answer:
                return list(json.load(answer)["sessions"])
        finally:
            page.terminate()


def address_of(page: subprocess.Popen[str]) -> str:
    """Return where the page is, when it serves."""
    for line in page.stdout or ():
        if found := re.match(r"Sessions +(http://\S+)", line):
            return found[1]
    return sys.exit("the page has not started")


if __name__ == "__main__":
    main()
