"""What ``otel-sessions view`` does, from its options to its exit status."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from .api.application import api_routes  # type: ignore[import-not-found,unused-ignore]
from .options import UsageError
from .page.application import page_routes
from .serving import serve, sockets_for
from .store.interface import StoreInUseError, UnreadableStoreError
from .store.places import default_path  # type: ignore[import-not-found,unused-ignore]
from .store.sqlite import SQLiteStore  # type: ignore[import-not-found,unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .options import Options
    from .store.interface import Store


def run(options: Options) -> int:
    """Do what was asked for, and return the exit status: 2 where that can't be, as is written to stderr."""
    try:
        _run(options)
    except (UsageError, StoreInUseError, UnreadableStoreError, OSError) as error:
        sys.stderr.write(f"otel-sessions view: {error}\n")
        return 2
    return 0


def _run(options: Options) -> None:
    options.check()
    path = None if options.temporary else options.db or default_path()
    if options.clear or options.reindex:
        with closing(SQLiteStore.open(path, options.max_bytes)) as store:
            _maintain(store, options, path)
        return
    options.token()
    with ExitStack() as ending:
        # First what fails soonest.
        sockets = [ending.enter_context(each) for each in sockets_for(options)]
        store = ending.enter_context(closing(SQLiteStore.open(path, options.max_bytes)))
        _load(store, options.load)
        _say(f"Kept in    {path}" if path else "Kept until it ends")
        serve(store, [*api_routes(store), *page_routes(store)], options, sockets, _say)


def _maintain(store: Store, options: Options, path: Path | None) -> None:
    if options.clear:
        store.clear()
        _say(f"{path} is empty.")
    if options.reindex:
        store.reindex()
        _say(f"The lists of {path} are made anew.")


def _load(store: Store, files: Iterable[Path]) -> None:
    for file in files:
        with file.open("rb") as lines:
            count, problems = store.load(lines)
        _say(f"{count:,} spans and log records came from {file}")
        for problem in problems:
            _say(f"  {problem}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
