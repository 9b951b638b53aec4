"""The options of ``otel-sessions view``, apart from the command, which is one line of code beside them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?", re.IGNORECASE | re.ASCII)
_MIN_SIZE = 10**6
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/:@?#*\s]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_OWN_PORTS = {"http://": ":80", "https://": ":443"}
_HOST_NAME = re.compile(r"[^/:@?#*\s]+")


def size(_context: click.Context, _option: click.Parameter, value: str) -> int:
    """Return the bytes of ``500M``, ``2G`` or ``1.5GiB``."""
    match = _SIZE.fullmatch(value.strip())
    unit = match and _UNITS.get(match[2].upper())
    if match is None or unit is None:
        message = f"{value!r} is no size: 500M, 2G and 1.5GiB are some."
        raise click.BadParameter(message)
    byte_count = int(float(match[1]) * unit)
    if byte_count < _MIN_SIZE:
        message = f"{value!r} is too little to keep a session: 1M is the least."
        raise click.BadParameter(message)
    return byte_count


def origins(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return origins as a browser sends them (RFC 6454, section 6.2)."""
    found = tuple(map(_as_sent, value))
    for text in found:
        if text not in {"*", "null"} and _ORIGIN.fullmatch(text) is None:
            message = f"{text!r} is no origin: https://app.example and http://app.example:3000 are some, and * is any."
            raise click.BadParameter(message)
    return found


def _as_sent(text: str) -> str:
    """Return an origin in lower case, without a last slash, and without the port that its scheme has anyway."""
    text = text.strip().lower().removesuffix("/")
    for scheme, port in _OWN_PORTS.items():
        if text.startswith(scheme):
            return text.removesuffix(port)
    return text


def host_names(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of hosts, without a port: that is not compared."""
    for text in value:
        if _HOST_NAME.fullmatch(text) is None:
            message = f"{text!r} is no name of a host: host.docker.internal is one, without http:// and without a port."
            raise click.BadParameter(message)
    return value


_PORT = click.IntRange(0, 65535)
_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)

_OPTIONS = (
    click.option("--port", type=_PORT, default=4318, show_default=True, help="Of the page and of OTLP over HTTP."),
    click.option("--grpc-port", type=_PORT, default=4317, show_default=True, help="Of OTLP over gRPC; 0 for none."),
    click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; ::1 goes with 127.0.0.1."),
    click.option("--db", type=_FILE, help="The file to keep sessions in, if not in the user's state directory."),
    click.option("--temporary", is_flag=True, help="Keep nothing when it ends."),
    click.option("--load", type=_EXISTING, multiple=True, help="Read a file of OTLP JSON lines first. Repeatable."),
    click.option(
        "--max-bytes",
        metavar="SIZE",
        callback=size,
        default="2G",
        show_default=True,
        help="Oldest sessions go beyond this.",
    ),
    click.option("--browser/--no-browser", default=True, help="Open the page in the browser.", show_default=True),
    click.option(
        "--cors",
        multiple=True,
        metavar="ORIGIN",
        callback=origins,
        help="A web page that may send spans, too. Repeatable.",
    ),
    click.option(
        "--allow-host",
        multiple=True,
        metavar="NAME",
        callback=host_names,
        help="Another name of this machine. Repeatable.",
    ),
    click.option("--allow-remote", is_flag=True, help="Let others reach it, with --host and --token-file."),
    click.option("--token-file", type=_EXISTING, help="Ask for the token in this file."),
    click.option("--clear", is_flag=True, help="Forget all sessions, and end."),
    click.option("--reindex", is_flag=True, help="Make the lists anew of what came, and end."),
)


def view_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
