"""Web applications on real servers of this process, on loopback, and what their spans carry of a session."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import httpx
import uvicorn
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from fastapi import FastAPI
from flask import Flask, Response, request, stream_with_context
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

from otel_sessions import get_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

settings.configure(ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)

SECONDS = 60
OURS = ("ours", "ada")
NOBODY = (None, None)

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # else each client reads all certificates of the machine


class Ids(NamedTuple):
    session_id: object
    user_id: object


def seen():
    """Return the ids of the current session."""
    session = get_session()
    return NOBODY if session is None else (session.id, session.user_id)


def calls(pipeline) -> list[dict[str, set[Ids]]]:
    """Return, for each call of a server in order, which ids its spans carry, by the name of the span.

    A call is a span that has no parent in this process, which comes first, and all that is below.
    """
    spans = {span.context.span_id: span for span in pipeline.exporter.get_finished_spans()}
    found: dict[int, dict[str, set[Ids]]] = {}
    for span in sorted(spans.values(), key=lambda span: span.start_time):
        root = span
        while root.parent is not None and root.parent.span_id in spans:
            root = spans[root.parent.span_id]
        names = found.setdefault(root.context.span_id, {})
        carried = Ids(span.attributes.get("session.id"), span.attributes.get("user.id"))
        names.setdefault(span.name, set()).add(carried)
    return list(found.values())


def calls_of(pipeline, name) -> list[dict[str, set[Ids]]]:
    """Return the `calls` of the route ``name``."""
    return [call for call in calls(pipeline) if name in call]


def ids_in(call) -> set[Ids]:
    """Return all ids that the spans of a call carry."""
    return set().union(*call.values())


def client_of(port) -> httpx.Client:
    """Return a client of the server at ``port``."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=SECONDS, verify=NO_TLS)


class Idle:
    """Tells when no call is running: a client has its response before the server is through with it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Count one call."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def begin(self) -> None:
        with self._changed:
            self._running += 1

    def end(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until all calls that have begun are over."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._running == 0, SECONDS)


class AsgiServer:
    """uvicorn in a thread, which serves whatever `app` is at the moment."""

    def __init__(self) -> None:
        self.app = None
        self.idle = Idle()
        # asyncio switches Nagle's algorithm off for sockets that name their protocol, which `create_server` does not.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(self._serve, interface="asgi3", lifespan="off", ws="wsproto", log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()

    async def _serve(self, scope, receive, send):
        with self.idle.call():
            await self.app(scope, receive, send)

    def close(self):
        self._server.should_exit = True
        self._thread.join(SECONDS)
        self._socket.close()


class Service:
    """An instrumented FastAPI application on a server, with a client."""

    def __init__(self, server, pipeline) -> None:
        self.idle = server.idle
        self.port = server.port
        self.pipeline = pipeline
        self.app = FastAPI()
        self.app.get("/sync")(self._sync)
        self.app.get("/async")(self._async)
        FastAPIInstrumentor.instrument_app(self.app, tracer_provider=pipeline.provider)
        server.app = self.app
        self.client = client_of(server.port)

    def _sync(self):
        with self.pipeline.tracer.start_as_current_span("handler"):
            return seen()

    async def _async(self):
        with self.pipeline.tracer.start_as_current_span("handler"):
            return seen()

    def calls(self, name="GET /chat"):
        """Return the calls of ``name``, once all are over."""
        self.idle.wait()
        return calls_of(self.pipeline, name)

    def get(self, url="/chat", **options):
        """Return what a call answers."""
        response = self.client.get(url, **options)
        assert response.status_code == 200, response.text
        return response

    def next_calls_are_clean(self):
        """Tell that neither a sync nor an async handler has a session, on the connection of the calls before."""
        self.idle.wait()
        before = len(calls(self.pipeline))
        for url in ("/sync", "/async", "/sync"):
            assert self.get(url).json() == list(NOBODY)
        self.idle.wait()
        after = calls(self.pipeline)[before:]
        return len(after) == 3 and all(len(call) == 3 and ids_in(call) == {NOBODY} for call in after)

    def connect(self):
        """Return a socket to the server, for a client of WebSockets."""
        return socket.create_connection(("127.0.0.1", self.port))

    def close(self):
        self.client.close()
        self.idle.wait()
        FastAPIInstrumentor.uninstrument_app(self.app)


# WSGI: a view is a function of the arguments of the query, and returns a text or an iterator.


class Quiet(WSGIRequestHandler):
    """Keeps the connection open, so that the next call comes to the same thread; and logs nothing."""

    protocol_version = "HTTP/1.1"

    def log(self, type, message, *args):  # noqa: A002
        pass


@contextlib.contextmanager
def flask_app(pipeline, views, middleware=None):
    """Make a Flask application; ``middleware`` is called before each view."""
    app = Flask("apps")
    FlaskInstrumentor().instrument_app(app, tracer_provider=pipeline.provider)
    if middleware is not None:
        app.before_request(lambda: middleware(request.args.to_dict()))
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, lambda view=view: Response(view(request.args.to_dict())))
    yield app
    FlaskInstrumentor().uninstrument_app(app)


@contextlib.contextmanager
def flask_app_with_context(pipeline, views, middleware=None):
    """Make one that keeps the context of the request for its streams."""
    kept = {name: lambda query, view=view: stream_with_context(view(query)) for name, view in views.items()}
    with flask_app(pipeline, kept, middleware) as app:
        yield app


@contextlib.contextmanager
def django_app(pipeline, views, middleware=None):
    """Make a Django application; ``middleware`` is called before each view."""

    def around(get_response):
        def handle(request):
            if middleware is not None:
                middleware(request.GET.dict())
            return get_response(request)

        return handle

    def responding(view):
        def respond(request):
            body = view(request.GET.dict())
            return HttpResponse(body) if isinstance(body, str) else StreamingHttpResponse(body)

        return respond

    class Urls:
        urlpatterns = tuple(path(name, responding(view)) for name, view in views.items())

    settings.ROOT_URLCONF = Urls
    globals()["around"] = around  # Django wants its name
    settings.MIDDLEWARE = [f"{__name__}.around"]
    DjangoInstrumentor().instrument(tracer_provider=pipeline.provider)
    yield WSGIHandler()
    DjangoInstrumentor().uninstrument()


class WsgiService:
    """An instrumented WSGI application on werkzeug's server in a thread, with a client."""

    def __init__(self, pipeline, app, *, threaded) -> None:
        self.pipeline = pipeline
        self.idle = Idle()
        self.root = "GET chat" if isinstance(app, WSGIHandler) else "GET /chat"
        self._app = app
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=threaded, request_handler=Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.client = client_of(self._server.port)

    def _serve(self, environ, start_response):
        self.idle.begin()
        return ClosingIterator(self._app(environ, start_response), self.idle.end)

    def get(self, name="chat", *, headers=None, **query):
        """Return what a call answers."""
        response = self.client.get(f"/{name}", params=query, headers=headers)
        assert response.status_code == 200, response.text
        return response.text

    def calls(self, name=None):
        """Return the calls of ``name``, once all are over."""
        self.idle.wait()
        return calls_of(self.pipeline, name or self.root)

    def next_calls_are_clean(self):
        """Tell that a view without a session has none, on the connection of the calls before."""
        self.idle.wait()
        before = len(calls(self.pipeline))
        found = [self.get("bare") for _ in range(2)]
        self.idle.wait()
        after = calls(self.pipeline)[before:]
        return found == [str(NOBODY)] * 2 and len(after) == 2 and all(ids_in(call) == {NOBODY} for call in after)

    def close(self):
        self.client.close()
        self._server.shutdown()
        self._thread.join(SECONDS)
        self._server.server_close()


def at_once(*works: Callable[[], object]) -> list[object]:
    """Run each of ``works`` in a thread, at the same time, and return what they return."""
    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        return [future.result(SECONDS) for future in [pool.submit(work) for work in works]]
