"""The services in other languages: how each is built around the block of the page, started, and read."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self

HERE = Path(__file__).parent
PAGE = Path(__file__).parents[2] / "docs/how-to/other-languages.md"
_BUILT_WITHIN = 900
"""Seconds: with caches that are empty, on a machine that others use, too."""
_ANSWERS_WITHIN = 60

JARS = (
    "mvn", "-B", "-q", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
    "-DincludeScope=runtime", "-DoutputDirectory=jars",
)  # fmt: skip
"""Puts what a `pom.xml` names into the folder `jars`."""


def _cargo_target() -> Path:
    """Return where Rust's libraries are compiled once; the caches of the others are where their tools have them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-sessions" / "languages-rust"


class Language(NamedTuple):
    """One language: the folder of its program, and what builds and runs that."""

    name: str
    block: str
    """The file that the page shows, and that the program needs."""
    needs: tuple[str, ...]
    build: tuple[tuple[str, ...], ...]
    run: tuple[str, ...]


GO = Language("go", "ids.go", ("go",), (("go", "mod", "tidy"), ("go", "build", "-o", "echo", ".")), ("./echo",))
JAVA = Language(
    "java",
    "Ids.java",
    ("java", "javac", "mvn"),
    (
        JARS,
        ("javac", "-nowarn", "-cp", "jars/*", "-d", ".", "Echo.java", "Ids.java"),
    ),
    ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f".{os.pathsep}jars/*", "Echo"),
)
NODE = Language(
    "node",
    "ids.js",
    ("node", "npm"),
    (("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"),),
    ("node", "echo.js"),
)
RUST = Language(
    "rust",
    "ids.rs",
    ("cargo",),
    (("cargo", "build", "--quiet"), ("cp", str(_cargo_target() / "debug/echo"), "echo")),
    ("./echo",),
)
PYTHON = Language("python", "ids.py", (), (), (sys.executable, "echo.py"))
LANGUAGES = (GO, JAVA, NODE, RUST, PYTHON)


def blocks() -> dict[str, str]:
    """Return the blocks of the page that are files, by name."""
    return dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', PAGE.read_text(), re.DOTALL | re.MULTILINE))


def lacks(language: Language) -> list[str]:
    """Return the commands that this machine has not, of those that the language needs."""
    return [command for command in language.needs if shutil.which(command) is None]


def build(language: Language, folder: Path) -> Path:
    """Build the program around the block of the page, as it is pasted, and return where it is."""
    shutil.copytree(HERE / language.name, folder)
    (folder / language.block).write_text(blocks()[language.block])
    for command in language.build:
        done = subprocess.run(
            command, cwd=folder, env=os.environ | {"CARGO_TARGET_DIR": str(_cargo_target())},
            capture_output=True, text=True, timeout=_BUILT_WITHIN, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return folder


class Shown(NamedTuple):
    """A span, as the program prints it when it has ended."""

    name: str
    trace: str
    attributes: Mapping[str, str]


class Service:
    """A program that serves while the block lasts; its spans are all there when the block is left."""

    def __init__(self, language: Language, folder: Path, next_url: str, *arguments: str, **environment: str) -> None:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        self._started = subprocess.Popen(
            [*language.run, *arguments], cwd=folder, env=variables | environment | {"NEXT": next_url},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.spans: list[Shown] = []

    def _read(self) -> None:
        for line in self._started.stdout:
            self._lines.put(line)

    def __enter__(self) -> Self:
        self._reader.start()
        try:
            self.url = f"http://127.0.0.1:{json.loads(self._lines.get(timeout=_ANSWERS_WITHIN))['port']}/"
        except BaseException:
            self._started.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._started.stdin.close()  # it ends then, and has exported by that time
        try:
            self._started.wait(_ANSWERS_WITHIN)
        finally:
            self._started.kill()
        self._reader.join(_ANSWERS_WITHIN)
        self._started.stdout.close()
        self.spans += [Shown(**json.loads(line)) for line in self._left()]

    def _left(self) -> Iterator[str]:
        while not self._lines.empty():
            yield self._lines.get()
