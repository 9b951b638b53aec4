"""The options of ``otel-sessions sessions`` and ``otel-sessions show``, apart from the commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = click.Path(dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)

_PLACE = (
    click.option("--db", type=_FILE, help="The file that they are in, if not in the user's state directory."),
    click.option("--url", metavar="URL", help="Ask a view that is running, such as http://localhost:4318."),
    click.option("--token-file", type=_EXISTING, help="Show it the token in this file."),
)
_LIST = (
    click.option("--user", help="Of this user."),
    click.option("--name", help="With this name."),
    click.option("--errors", is_flag=True, help="With an error."),
    click.option("--failed-checks", is_flag=True, help="With a check that failed."),
    click.option("--since", metavar="TIME", help="That went on since 2h ago, or 2026-11-30, or 2026-11-30T12:00:00Z."),
    click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="So many."),
    click.option("--json", "as_json", is_flag=True, help="Write one JSON object, for programs."),
)
_SHOW = (
    click.argument("session_id", metavar="SESSION"),
    click.option("--json", "as_json", is_flag=True, help="Write one JSON object, for programs."),
    click.option("--html", type=_OUT, metavar="OUT", help="Write one HTML file to hand on; - is the standard output."),
    click.option(
        "--otlp", type=_OUT, metavar="OUT", help="Write OTLP JSON lines, which view --load takes; - as above."
    ),
    click.option("--without-content", is_flag=True, help="Leave out words and attributes."),
)


def list_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the list, in this order."""
    return _with(command, (*_PLACE, *_LIST))


def show_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of one session, in this order."""
    return _with(command, (*_PLACE, *_SHOW))


def _with(
    command: Callable[..., None], options: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]
) -> Callable[..., None]:
    for option in reversed(options):
        command = option(command)
    return command
