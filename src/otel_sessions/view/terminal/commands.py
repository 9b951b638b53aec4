"""What ``otel-sessions sessions`` and ``otel-sessions show`` do, behind their options."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from otel_sessions.view.api.content import without_content
from otel_sessions.view.api.parameters import DEFAULT_LIMIT, InvalidParameterError
from otel_sessions.view.options import Options, UsageError
from otel_sessions.view.store.interface import UnreadableStoreError
from otel_sessions.view.store.places import default_path
from otel_sessions.view.store.sqlite import SQLiteStore

from .bare_lines import bare_lines
from .listing import print_sessions
from .showing import print_heading, print_session
from .sources import LocalSource, RemoteSource, Source, UnreachableError, whole_session
from .text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_BAD_USAGE = 2
_NOWHERE = (UnreachableError, UnreadableStoreError, UsageError)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where sessions are.

    Attributes:
        db: The file of the store; ``None`` is the default one.
        url: The address of a running view, in place of a file.
        token_file: Has the token that it asks for.
    """

    db: Path | None = None
    url: str | None = None
    token_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(_Place):
    """What ``otel-sessions sessions`` was asked for; see its ``--help``."""

    user: str | None = None
    name: str | None = None
    errors: bool = False
    failed_checks: bool = False
    since: str | None = None
    limit: int = DEFAULT_LIMIT
    as_json: bool = False

    def query(self) -> dict[str, str]:
        """Return the parameters of ``/api/sessions``."""
        texts = {"user": self.user, "name": self.name, "since": self.since, "limit": str(self.limit)}
        flags = {"error": self.errors, "failed_check": self.failed_checks}
        return {name: text for name, text in texts.items() if text} | {
            name: "true" for name, is_set in flags.items() if is_set
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(_Place):
    """What ``otel-sessions show`` was asked for; see its ``--help``. The file ``-`` is the standard output."""

    session_id: str
    as_json: bool = False
    html: Path | None = None
    otlp: Path | None = None
    without_content: bool = False


def list_sessions(asked: Asked) -> int:
    """Print a list of sessions, and return the exit status."""
    try:
        with _source(asked) as source:
            answer = source.sessions(asked.query())
    except (*_NOWHERE, InvalidParameterError) as error:
        return _complain(str(error))
    if asked.as_json:
        _write_json(answer)
    else:
        print_sessions(answer, standard_output(), time.time())
    return 0


def show_session(shown: Shown) -> int:
    """Print one session, or write it to a file, and return the exit status."""
    try:
        with _source(shown) as source:
            if shown.otlp is not None:
                return _write_otlp(source, shown, shown.otlp)
            answer = whole_session(source, shown.session_id)
    except _NOWHERE as error:
        return _complain(str(error))
    return _no_session(shown) if answer is None else _put_out(answer, shown)


def _put_out(answer: Mapping[str, Any], shown: Shown) -> int:
    answer = without_content(answer) if shown.without_content else answer
    if shown.html is not None:
        # What the other forms do without takes longer to load than they take.
        from otel_sessions.view.page.export import session_html  # noqa: PLC0415

        return _write(shown.html, [session_html(answer, has_content=not shown.without_content).encode()])
    if shown.as_json:
        _write_json(answer)
    else:
        console = standard_output()
        print_heading(console)
        print_session(answer, console)
    return 0


def standard_output() -> Console:
    """Return the standard output as a console that no character can stop."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False)


@contextmanager
def _source(place: _Place) -> Iterator[Source]:
    if place.url is not None:
        if place.db is not None:
            message = "--url and --db name two places: leave out one of them."
            raise UsageError(message)
        yield RemoteSource(place.url, Options(token_file=place.token_file).token())
        return
    if place.token_file is not None:
        message = "--token-file goes with --url alone: no file of sessions asks for a token."
        raise UsageError(message)
    with closing(SQLiteStore.read(place.db or default_path())) as store:
        yield LocalSource(store)


def _write_otlp(source: Source, shown: Shown, path: Path) -> int:
    lines = source.export(shown.session_id)
    if lines is None:
        return _no_session(shown)
    return _write(path, bare_lines(lines) if shown.without_content else lines)


def _write(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a file that only its owner can read: it may hold a conversation."""
    try:
        if str(path) == "-":
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            return 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
    except OSError as error:
        return _complain(f"{path} can't be written: {error.strerror}.")
    return 0


def _write_json(document: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _no_session(shown: Shown) -> int:
    click.echo(f"otel-sessions: There is no session {one_line(shown.session_id)!r} here.", err=True)
    return 1


def _complain(message: str) -> int:
    click.echo(f"otel-sessions: {one_line(message)}", err=True)
    return _BAD_USAGE
