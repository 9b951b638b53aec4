"""Puts the receiver, the store, the API and the pages together: what ``otel-sessions view`` runs."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import webbrowser
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from .options import UsageError
from .receiving.access import Tokens, is_loopback
from .receiving.bounded_heads import BoundedHeadsProtocol
from .receiving.guard import Guard
from .receiving.http import otlp_endpoints
from .receiving.intake import Intake
from .receiving.sockets import PortInUseError, addresses_of, listen, who_answers, written

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    import grpc  # type: ignore[import-untyped]
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from .options import Options
    from .store.interface import Store

_NAME = "otel-sessions"
# Both together are less than the two seconds that Ctrl-C may take.
_HTTP_END_SECONDS = 1
_GRPC_END_SECONDS = 0.2
# Longer than batches of exporters are apart, 5 seconds: a connection would end as it is used again.
_KEEP_ALIVE_SECONDS = 75
# With half of it, all that is kept of traces in memory, which grows and shrinks by some 60,000 objects, is looked through
# again and again. With more, what pages leave behind (a context of Jinja holds itself) becomes more than some 40 MB.
_OBJECTS_BEFORE_CYCLES = 100_000


def sockets_for(options: Options) -> list[socket.socket]:
    """Return sockets that listen where the options have it.

    Raises:
        UsageError: Somebody else listens there, which the text names.
        OSError: It may not listen there, or there is no such address.
    """
    try:
        return listen(addresses_of(options.host), options.port)
    except PortInUseError as error:
        message = f"{written(error.host, error.port)} is in use: {_who_listens(error)} Another port: --port NUMBER"
        raise UsageError(message) from error


def _who_listens(error: PortInUseError) -> str:
    server = ascii(who_answers(error.host, error.port) or "").strip("'")
    if server.startswith(_NAME):
        return f"another {_NAME} view is there, http://localhost:{error.port}"
    return f"{server or 'another program'} is there."


def serve(
    store: Store,
    routes: Sequence[BaseRoute],
    options: Options,
    sockets: Sequence[socket.socket],
    say: Callable[[str], None],
) -> None:
    """Receive and show until the process is told to end, by Ctrl-C or SIGTERM; what was acknowledged is kept then.

    Args:
        store: Keeps it; to be closed by who has opened it.
        routes: What is shown.
        options: What was asked for.
        sockets: Where it listens; they are closed at the end.
        say: Writes a line to the terminal.

    Raises:
        UsageError: The token is none.
    """
    tokens = Tokens(options.token())
    intake = Intake(store.write)
    with ExitStack() as ending:
        ending.enter_context(_cycles_looked_for_seldom())
        ending.callback(intake.close)
        grpc_server = _grpc_server(intake, tokens, options, say)
        if grpc_server is not None:
            ending.callback(lambda: grpc_server.stop(_GRPC_END_SECONDS).wait())
        port = sockets[0].getsockname()[1]
        server = uvicorn.Server(_config(application(intake, tokens, routes, options, port)))
        link = _link(options, port, tokens)
        say(f"Sessions   {link}")
        say(f"OTLP       {_url(options, port)} (HTTP)" + (f", port {options.grpc_port} (gRPC)" if grpc_server else ""))
        say("To end it: Ctrl-C")
        if options.browser and has_browser():
            # Some browsers return when they are closed. The sockets listen already, so that it finds somebody.
            threading.Thread(target=webbrowser.open, args=(_link(options, port, tokens),), daemon=True).start()
        with _ended_by_signals():
            server.run(sockets=list(sockets))


@contextmanager
def _cycles_looked_for_seldom() -> Iterator[None]:
    """Have the interpreter look for cycles of references less often: what is received makes none.

    To look after each 700 new objects, as it does by itself, takes a seventh of the CPU of all that is done with a span.
    """
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BEFORE_CYCLES, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def application(intake: Intake, tokens: Tokens, routes: Sequence[BaseRoute], options: Options, port: int) -> ASGIApp:
    """Return everything that is served over HTTP; ``app.state.intake`` tells of what was dropped."""
    otlp = otlp_endpoints(intake, tokens, options.cors)
    app = Starlette(routes=[*(Route(path, endpoint) for path, endpoint in otlp.items()), *routes])
    app.router.redirect_slashes = False  # which raises for a query that is not UTF-8
    app.state.intake = intake
    hosts = frozenset(name.lower() for name in (options.host, *options.allow_host))
    return Guard(app, otlp, tokens, hosts, f"{_NAME}-{port}")


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHeadsProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",  # what clients do wrong is their matter; faults of ours are logged where they are caught
        access_log=False,  # which would have the token in it
        server_header=False,
        headers=[("server", f"{_NAME}/{version(_NAME)}")],  # by which another one knows who is there
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_HTTP_END_SECONDS,
    )


def _grpc_server(intake: Intake, tokens: Tokens, options: Options, say: Callable[[str], None]) -> grpc.Server | None:
    """Return what receives over gRPC, ``None`` where that is off or the port is taken."""
    if not options.grpc_port:
        return None
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # else what is said below is said by grpc, too, in its own way
    from .receiving.grpc_server import serve as serve_grpc  # noqa: PLC0415  # takes a while to import

    try:
        found = listen(addresses_of(options.host), options.grpc_port)
        addresses = [written(*each.getsockname()[:2]) for each in found]
        for each in found:
            each.close()
        return serve_grpc(intake, tokens, addresses)
    except OSError as error:
        say(f"Without gRPC: {error.strerror or error}. Another port: --grpc-port NUMBER, or 0 for none")
        return None


def _url(options: Options, port: int) -> str:
    host = "localhost" if is_loopback(options.host) else options.host
    return f"http://{written(host, port)}"


def _link(options: Options, port: int, tokens: Tokens) -> str:
    """Return where the page is; with a ticket that opens it once, where a token is needed."""
    return _url(options, port) + (f"/?token={tokens.ticket()}" if tokens.are_needed else "")


def has_browser() -> bool:
    """Tell whether somebody sits before it: without a screen one of text would take the terminal.

    ``NO_BROWSER``, with any value, says that none is wanted.
    """
    if os.environ.get("NO_BROWSER"):
        return False
    has_screen = sys.platform in {"win32", "darwin"} or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    return sys.stdout.isatty() and has_screen


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End the block in the same way for SIGTERM as for Ctrl-C, which uvicorn raises again when it has ended."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)
