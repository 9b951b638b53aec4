"""HTTP clients as people use and instrument them, and a server that keeps what it is sent; also a program.

As a program it makes every call of `matrix` and prints what arrived, for a process of its own for each of the
semantic conventions, which instrumentations read once.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import socket
import sys
import threading
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock
from urllib.parse import parse_qs, quote, unquote, unquote_plus, urlsplit

import aiohttp
import httpx
import requests
import urllib3
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import attach, detach
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_sessions import set_session
from otel_sessions._pipeline.sampler import session_ratio
from otel_sessions._propagation.trace_state import randomness_of
from otel_sessions.sdk import ParentBasedSessionRatio, SessionPropagator, SessionRatioSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SESSION, USER = "conv-s3cret/1", "ada pr1vate"
SECRETS = (SESSION, USER, randomness_of(SESSION))
SENT = "session.id=conv-s3cret%2F1,user.id=ada%20pr1vate"
FOREIGN = {"tenant": "acme", "flags": "a b+c"}
FOREIGN_HEADER = "tenant=acme,flags=a+b%2Bc"

ALLOWED, ALLOWED_TOO, REFUSED, REFUSED_TOO = "svc.internal", "orders", "api.third-party.example", "cdn.example"
SECONDS = 60


class Seen(NamedTuple):
    """A request, as it arrived."""

    host: str
    path: str
    headers: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Return the values of the headers of that name."""
        return [value for key, value in self.headers if key.lower() == name]

    def one(self, name: str) -> str | None:
        """Return the value of the one header of that name, ``None`` where there is none."""
        values = self.all(name)
        assert len(values) < 2, f"{len(values)} headers {name}"
        return values[0] if values else None


def secrets_in(headers) -> list[str]:
    """Return the names of the headers with an id in them, in whatever way it is encoded."""
    return [name for name, value in headers if any(secret in text for text in readings(value) for secret in SECRETS)]


def readings(value) -> list[str]:
    """Return what may be read in a value of a header."""
    once = unquote(value)
    return [value, once, unquote_plus(value), unquote(once)]


class Recorder:
    """A server on loopback that keeps the requests it gets; ``/go`` redirects."""

    def __init__(self) -> None:
        recorder = self
        self.seen: list[Seen] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                recorder.seen.append(Seen(asked[-1], self.path, self.headers.items()))
                query = parse_qs(urlsplit(self.path).query)
                self.send_response(int(query["status"][0]) if "to" in query else 200)
                if "to" in query:
                    self.send_header("location", query["to"][0])
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def url(self, host, *, to=(), status=302) -> str:
        """Return a URL at ``host``, which redirects to the hosts of ``to``, one after the other."""
        if not to:
            return f"http://{host}:{self.port}/"
        return f"http://{host}:{self.port}/go?status={status}&to={quote(self.url(to[0], to=to[1:], status=status), '')}"

    def close(self):
        self._server.shutdown()
        self._thread.join(SECONDS)
        self._server.server_close()


# Names: all are this machine, so that a host may have any.


asked: list[str] = []
"""The names that were asked for, in order: where a connection really goes, whatever its headers say."""


def to_loopback(host, port, *_args, **_options):
    """Stand in for `socket.getaddrinfo`: whatever the name, it is this machine."""
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name != "127.0.0.1":  # which this has answered
        asked.append(name)
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", int(port or 0)))]


@contextmanager
def names_on_loopback() -> Iterator[None]:
    """Let every name and address lead to this machine, for sockets and for asyncio."""
    with (
        mock.patch("socket.getaddrinfo", to_loopback),
        mock.patch("asyncio.base_events._ipaddr_info", return_value=None),  # addresses too
    ):
        yield


class ToLoopback(aiohttp.TCPConnector):
    """Does the same for aiohttp, which does not ask for addresses."""

    async def _resolve_host(self, host, port, traces=None):  # noqa: ARG002
        asked.append(host)
        record = {"hostname": host, "host": "127.0.0.1", "port": port}
        return [record | {"family": socket.AF_INET, "proto": 0, "flags": socket.AI_NUMERICHOST}]


# Clients: each gets a URL, follows redirects, and sends these headers.


def by_httpx(url, headers=None, module=httpx):
    with module.Client(follow_redirects=True, trust_env=False, verify=False, timeout=SECONDS) as client:
        client.get(url, headers=headers)


def by_httpx_async(url, headers=None, module=httpx):
    async def get():
        async with module.AsyncClient(follow_redirects=True, trust_env=False, verify=False, timeout=SECONDS) as client:
            await client.get(url, headers=headers)

    asyncio.run(get())


def by_httpx2(url, headers=None):
    by_httpx(url, headers, importlib.import_module("httpx2"))


def by_httpx2_async(url, headers=None):
    by_httpx_async(url, headers, importlib.import_module("httpx2"))


def by_requests(url, headers=None):
    with requests.Session() as session:
        session.trust_env = False
        session.get(url, headers=headers, timeout=SECONDS)


def by_urllib3(url, headers=None):
    with urllib3.PoolManager(timeout=SECONDS) as pool:
        pool.request("GET", url, headers=headers)


def by_urllib(url, headers=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=SECONDS):  # noqa: S310
        pass


def by_aiohttp(url, headers=None):
    async def get():
        async with aiohttp.ClientSession(connector=ToLoopback()) as session, session.get(url, headers=headers):
            pass

    asyncio.run(get())


class Client(NamedTuple):
    get: Callable[..., None]
    module: str
    instrumentor: str
    needs: str


CLIENTS = {
    "httpx": Client(by_httpx, "httpx", "HTTPXClientInstrumentor", "httpx"),
    "httpx-async": Client(by_httpx_async, "httpx", "HTTPXClientInstrumentor", "httpx"),
    "httpx2": Client(by_httpx2, "httpx", "HTTPX2ClientInstrumentor", "httpx2"),
    "httpx2-async": Client(by_httpx2_async, "httpx", "HTTPX2ClientInstrumentor", "httpx2"),
    "requests": Client(by_requests, "requests", "RequestsInstrumentor", "requests"),
    "urllib3": Client(by_urllib3, "urllib3", "URLLib3Instrumentor", "urllib3"),
    "urllib": Client(by_urllib, "urllib", "URLLibInstrumentor", "urllib"),
    "aiohttp": Client(by_aiohttp, "aiohttp_client", "AioHttpClientInstrumentor", "aiohttp"),
}


def instrumentor_of(name):
    """Return the instrumentor of a client, ``None`` where it or its client is not installed."""
    client = CLIENTS[name]
    with suppress(ImportError):
        importlib.import_module(client.needs)
        module = importlib.import_module(f"opentelemetry.instrumentation.{client.module}")
        return getattr(module, client.instrumentor)()
    return None


SAMPLERS = {
    "sampled": lambda: ALWAYS_ON,
    "sampled-by-session": lambda: SessionRatioSampler(1.0),
    "ours-parentbased-0": lambda: ParentBasedSessionRatio(0.0),
    "ours-session-ratio-0": lambda: session_ratio("0"),
    "sdk-always-off": lambda: ALWAYS_OFF,
    "sdk-parentbased-0": lambda: ParentBased(TraceIdRatioBased(0.0)),
}
KEPT = ("sampled", "sampled-by-session")
REMEMBERED = ("ours-parentbased-0", "ours-session-ratio-0")


def w3c():
    return CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


@contextmanager
def propagating(propagator) -> Iterator[None]:
    before = get_global_textmap()
    set_global_textmap(propagator)
    try:
        yield
    finally:
        set_global_textmap(before)


@contextmanager
def instrumented(name, sampler="sampled", provider=None) -> Iterator[TracerProvider]:
    """Instrument a client for a pipeline, until the block is over."""
    provider = provider or TracerProvider(SAMPLERS[sampler](), shutdown_on_exit=False)
    instrumentor = instrumentor_of(name)
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield provider
    finally:
        instrumentor.uninstrument()


@contextmanager
def in_session() -> Iterator[None]:
    """Be in the session, with baggage of others around it."""
    with of_others(), set_session(SESSION, user_id=USER):
        yield


@contextmanager
def of_others() -> Iterator[None]:
    context = None
    for key, value in FOREIGN.items():
        context = baggage.set_baggage(key, value, context)
    token = attach(context)
    try:
        yield
    finally:
        detach(token)


def call(recorder, name, url, headers=None) -> list[Seen]:
    """Return what a call of a client makes arrive."""
    before = len(recorder.seen)
    with suppress(Exception):  # a client may refuse the URL
        CLIENTS[name].get(url, headers)
    return recorder.seen[before:]


# What is redirected: the hosts in order, and the headers that the application gives.
REDIRECTS = {
    "allowed-refused": (ALLOWED, REFUSED),
    "refused-allowed": (REFUSED, ALLOWED),
    "allowed-allowed": (ALLOWED, ALLOWED_TOO),
    "refused-refused": (REFUSED, REFUSED_TOO),
    "allowed-refused-allowed": (ALLOWED, REFUSED, ALLOWED_TOO),
    "allowed-allowed-refused": (ALLOWED, ALLOWED_TOO, REFUSED),
    "refused-allowed-refused": (REFUSED, ALLOWED, REFUSED_TOO),
}
STATUSES = (301, 302, 303, 307, 308)

GIVEN = {
    "lower": {"baggage": f"given=1,{SENT}"},
    "upper": {"BAGGAGE": f"given=1,{SENT}"},
    "title": {"Baggage": "given=1,session%2Eid=conv-s3cret%2F1 , user.id = ada%20pr1vate;p=1"},
}

DISGUISED = {
    "decimal": "http://134744072:{port}/",
    "hexadecimal": "http://0x08080808:{port}/",
    "octal": "http://010.8.8.8:{port}/",
    "short": "http://8.2056:{port}/",
    "public-user-is-private": "http://localhost@evil.example:{port}/",
    "public-user-with-port": "http://localhost:80@evil.example:{port}/",
    "public-two-users": "http://localhost@localhost@evil.example:{port}/",
    "public-encoded-at": "http://localhost%40evil.example:{port}/",
    "backslash": "http://evil.example:{port}\\@localhost/",
    "backslash-before": "http://localhost:{port}\\.evil.example/",
    "tab": "http://evil\t.example:{port}/",
    "line-end": "http://evil.example\n:{port}/",
    "mapped": "http://[::ffff:8.8.8.8]:{port}/",
    "mapped-hexadecimal": "http://[::ffff:808:808]:{port}/",
    "nat64": "http://[64:ff9b::808:808]:{port}/",
    "last-dot": "http://evil.example.:{port}/",
    "private-last-dots": "http://localhost.evil.example.:{port}/",
    "upper-case": "http://EVIL.EXAMPLE:{port}/",
    "idna": "http://b\xfccher.example:{port}/",
    "idna-dot": "http://evil\u3002example:{port}/",
    "idna-digits": "http://\uff18.\uff18.\uff18.\uff18:{port}/",
    "idna-sharp-s": "http://stra\xdfe:{port}/",
    "punycode": "http://xn--bcher-kva:{port}/",
    "private-as-prefix": "http://svc.internal.evil.example:{port}/",
    "private-in-path": "http://evil.example:{port}/svc.internal",
    "private-in-fragment": "http://evil.example:{port}#@svc.internal/",
    "private-in-query": "http://evil.example:{port}?@svc.internal/",
    "upper-case-scheme": "HTTP://evil.example:{port}/",
}


def matrix(recorder) -> dict[str, list[Seen]]:
    """Make all calls of this process, and return what arrived, by what they are."""
    found: dict[str, list[Seen]] = {}
    for name in CLIENTS:
        if instrumentor_of(name) is not None:
            for sampler in SAMPLERS:
                with instrumented(name, sampler):
                    found.update(_of_sampler(recorder, name, sampler))
    return found


def _of_sampler(recorder, name, sampler):
    found = {}
    for kind, host in (("allowed", ALLOWED), ("refused", REFUSED)):
        with propagating(w3c()), of_others():
            found[f"{name}|{sampler}|{kind}|without"] = call(recorder, name, recorder.url(host))
        with propagating(SessionPropagator(w3c())):
            with of_others():
                found[f"{name}|{sampler}|{kind}|no-session"] = call(recorder, name, recorder.url(host))
            with in_session():
                found[f"{name}|{sampler}|{kind}|session"] = call(recorder, name, recorder.url(host))
    if sampler in {"sampled", "sampled-by-session", "ours-parentbased-0"}:
        with propagating(SessionPropagator(w3c())), in_session():
            found.update(_redirected(recorder, name, sampler))
    return found


def _redirected(recorder, name, sampler):
    found = {}
    for kind, hosts in REDIRECTS.items():
        for status in STATUSES if sampler == "sampled" else (302,):
            url = recorder.url(hosts[0], to=hosts[1:], status=status)
            found[f"{name}|{sampler}|{kind}|{status}"] = call(recorder, name, url)
    for kind, headers in GIVEN.items():
        url = recorder.url(ALLOWED, to=(REFUSED,))
        found[f"{name}|{sampler}|given|{kind}"] = call(recorder, name, url, headers)
    for kind, url in DISGUISED.items():
        found[f"{name}|{sampler}|disguised|{kind}"] = call(recorder, name, url.format(port=recorder.port))
    return found


def main() -> None:
    with ExitStack() as stack:
        stack.enter_context(names_on_loopback())
        recorder = Recorder()
        stack.callback(recorder.close)
        json.dump(matrix(recorder), sys.stdout)


if __name__ == "__main__":
    main()
