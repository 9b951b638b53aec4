"""Where a call of an HTTP client goes whose span does not tell: as its instrumentation has the request in hand.

A tracer that is switched off, by a tracer configurator, makes spans without attributes; so does the API without an SDK. The
instrumentation injects all the same, and what it injects for is among the names of its frame. It is read for those
instrumentations that are known here; of any other it can't be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from .callers import is_installed, module_of
from .destinations import host_of_authority, host_of_url
from .recent import Recent
from .withholding import items_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FrameType

    Names: TypeAlias = Mapping[str, Any]


def hosts_of(frame: FrameType | None) -> list[str | None]:
    """Return the hosts that the request goes to for which ``frame`` injects; ``None`` for one that can't be told.

    Empty where it is no call of a client that is known. Never raises.
    """
    module = module_of(frame)
    read = CLIENTS.get(module)
    if read is None or not is_installed(frame):
        return []
    while frame is not None and module_of(frame) == module:
        try:
            return read(frame.f_locals)
        except Exception:  # noqa: BLE001, S110  # another frame may have it, or it is another version
            pass
        frame = frame.f_back
    return []


def note_sent(carrier: Any, written: Mapping[str, str]) -> None:  # noqa: ANN401  # of any client
    """Note what was ``written`` into ``carrier`` for a host that no span tells."""
    for text in _texts_of(carrier, written.items()):
        _sent.add(text)


def was_sent(headers: Any) -> bool:  # noqa: ANN401
    """Tell whether ``headers`` have what `note_sent` was told of: they may have been copied, for another host."""
    return any(text in _sent for text in _texts_of(headers, items_of(headers)))


def _texts_of(carrier: object, headers: Iterable[tuple[Any, Any]]) -> Iterable[str]:
    """Return what tells each of the ``headers`` from others: with its client, by the type of that, and its trace."""
    found = [(str(name).lower(), value) for name, value in headers]
    trace = next((value for name, value in found if name == _TRACE_PARENT), "")
    return [f"{type(carrier).__name__} {trace} {name}: {value}" for name, value in found if name != _TRACE_PARENT]


_TRACE_PARENT = "traceparent"
_sent = Recent()


def _of_url(url: object) -> list[str | None]:
    return [host_of_url(str(url))]


def _of_httpx(names: Names) -> list[str | None]:
    return _of_url(names["args"][0].url)


def _of_requests(names: Names) -> list[str | None]:
    return _of_url(names["request"].url)


def _of_urllib(names: Names) -> list[str | None]:
    return _of_url(names["request"].full_url)


def _of_aiohttp(names: Names) -> list[str | None]:
    return _of_url(names["params"].url)


def _of_urllib3(names: Names) -> list[str | None]:
    """Return the host of a pool of connections, and where the URL is absolute, as for a proxy, also that of the URL."""
    pool, url = names["instance"], names["bound_args"].arguments["url"]
    if url.startswith("/"):
        return [host_of_authority(pool.host)]
    return [host_of_url(url), *([] if pool.proxy else [host_of_authority(pool.host)])]


def _of_tornado(names: Names) -> list[str | None]:
    return _of_url(names["request"].url)


def _of_lambda(names: Names) -> list[str | None]:
    """Return the host of the service that calls the function: into what that is handed, the instrumentation injects."""
    return _of_url(names["call_context"].endpoint_url)


_OF = "opentelemetry.instrumentation."
CLIENTS: dict[str, Callable[[Names], list[str | None]]] = {
    f"{_OF}httpx": _of_httpx,
    f"{_OF}requests": _of_requests,
    f"{_OF}urllib": _of_urllib,
    f"{_OF}urllib3": _of_urllib3,
    f"{_OF}aiohttp_client": _of_aiohttp,
    f"{_OF}tornado.client": _of_tornado,
    f"{_OF}botocore.extensions.lmbd": _of_lambda,
}
"""How to read the frames of the instrumentations that are known, by module."""
