"""Sees each request of a client that follows redirects below its instrumentation, before it is sent.

The instrumentations of requests, urllib and aiohttp start one span, and inject once, for a call with all
its redirects; the clients send the headers of the first request again, to whatever host. None of the three
has a hook for that, so what makes a request is wrapped, once the client is in use. (httpx and urllib3 are
instrumented below their redirects.)
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from otel_sessions import _diagnostics
from otel_sessions._forks import ForkSafeLock

if TYPE_CHECKING:
    from collections.abc import Callable

    Hop: TypeAlias = "Callable[[str, Any], None]"

_lock = ForkSafeLock()
_unseen: tuple[str, ...] = ("requests.adapters", "urllib.request", "aiohttp", "tornado.simple_httpclient")
"""The clients that are not watched, by the modules in which they are: nobody has imported them yet."""


def watch(hop: Hop) -> None:
    """Call ``hop`` with the URL and the headers, which it may change, of each request of the clients in use.

    It is called in the Context of the call; what it raises is logged.
    """
    for name in _unseen:
        if name in sys.modules:
            _watch(hop)
            return


def _watch(hop: Hop) -> None:
    global _unseen  # noqa: PLW0603  # read for each request, and so no object with an attribute
    with _lock:
        for name in _unseen:
            module = sys.modules.get(name)
            if module is None or getattr(
                getattr(module, "__spec__", None), "_initializing", False
            ):  # another thread is importing it
                continue
            try:
                _WATCH[name](module, hop)
            except Exception as error:  # noqa: BLE001  # another version of the client
                _warn(error)
            _unseen = tuple(
                other for other in _unseen if other != name
            )  # not before: what another thread sends is to be seen


_SEEN = "_otel_sessions_seen"


def _watch_requests(module: Any, hop: Hop) -> None:  # noqa: ANN401
    send = module.HTTPAdapter.send

    @functools.wraps(send)
    def watched(adapter: Any, request: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        if getattr(request, _SEEN, None) != request.url:
            _attempt(hop, request, "url", "headers")
        return send(adapter, request, *args, **options)

    module.HTTPAdapter.send = watched

    # An adapter of somebody else's may send by other means; this is asked for each redirect, whoever sends.
    sessions: Any = sys.modules.get("requests.sessions")
    if sessions is None:
        return
    rebuild = sessions.SessionRedirectMixin.rebuild_proxies

    @functools.wraps(rebuild)
    def redirected(session: Any, prepared_request: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        _attempt(hop, prepared_request, "url", "headers")
        setattr(prepared_request, _SEEN, prepared_request.url)
        return rebuild(session, prepared_request, *args, **options)

    sessions.SessionRedirectMixin.rebuild_proxies = redirected


def _watch_tornado(module: Any, hop: Hop) -> None:  # noqa: ANN401
    fetch = module.SimpleAsyncHTTPClient.fetch_impl

    @functools.wraps(fetch)
    def watched(client: Any, request: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        found: Any = getattr(request, "request", request)  # a proxy of it, with the defaults of the client
        if hasattr(getattr(found, "headers", None), "copy"):  # a redirect shares them with the request before
            found.headers = found.headers.copy()
            _attempt(hop, found, "url", "headers")
        return fetch(client, request, *args, **options)

    module.SimpleAsyncHTTPClient.fetch_impl = watched


def _watch_urllib(module: Any, hop: Hop) -> None:  # noqa: ANN401
    do_open = module.AbstractHTTPHandler.do_open

    @functools.wraps(do_open)
    def watched(handler: Any, http_class: Any, request: Any, **options: Any) -> Any:  # noqa: ANN401
        _attempt(hop, request, "full_url", "headers")
        return do_open(handler, http_class, request, **options)

    module.AbstractHTTPHandler.do_open = watched


def _watch_aiohttp(module: Any, hop: Hop) -> None:  # noqa: ANN401
    init = module.ClientRequest.__init__

    @functools.wraps(init)
    def watched(request: Any, method: Any, url: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401
        if hasattr(options.get("headers"), "copy"):  # the next redirect gets what this one got
            options["headers"] = options["headers"].copy()
            _attempt_on(hop, str(url), options["headers"])
        init(request, method, url, *args, **options)

    module.ClientRequest.__init__ = watched


def _attempt(hop: Hop, request: Any, url: str, headers: str) -> None:  # noqa: ANN401
    _attempt_on(hop, getattr(request, url, None), getattr(request, headers, None))


def _attempt_on(hop: Hop, url: Any, headers: Any) -> None:  # noqa: ANN401
    try:
        if headers:
            hop(url, headers)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _warn(error)


def _warn(error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once(("redirect", found), "otel_sessions: watching the redirects of a client raised %s", found)


_WATCH: dict[str, Callable[[Any, Hop], None]] = {
    "requests.adapters": _watch_requests,
    "urllib.request": _watch_urllib,
    "aiohttp": _watch_aiohttp,
    "tornado.simple_httpclient": _watch_tornado,
}
