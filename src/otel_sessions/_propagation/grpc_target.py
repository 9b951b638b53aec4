"""Tells where gRPC calls go, which their spans do not; needs grpcio.

The instrumentation of gRPC names no host, so what it injects is sent without the session. Innermost in
each channel, below the instrumentation, an interceptor that knows the target of the channel has it
injected once more. There it comes last whoever has wrapped the channel first, and what a streaming call
starts late is still to come.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc  # type: ignore[import-untyped]  # grpcio has no types
import grpc.aio  # type: ignore[import-untyped]

from otel_sessions import _diagnostics
from otel_sessions._forks import ForkSafeLock

from .destinations import host_of_authority
from .egress import TOLD_LATER, UNKNOWN, goes_to

if TYPE_CHECKING:
    from collections.abc import Callable

    Create = Callable[..., Any]

_INSTRUMENTATION = "opentelemetry.instrumentation.grpc"
_PLAIN = "insecure_channel"
_NAMES = (_PLAIN, "secure_channel")
_INTERCEPTORS_AT = {"insecure_channel": 3, "secure_channel": 4}
"""Where `grpc.aio` takes interceptors, if they are given by position."""

_lock = ForkSafeLock()
_replaced: list[tuple[Any, str, Create, Create]] = []
"""What is in place of what: owner, name, ours, and what was there."""


def watch_channels() -> None:
    """Let the session go to allowed hosts with instrumented calls, on channels that are made from now on.

    Never raises. Calling it again changes nothing; `unwatch_channels` ends it.
    """
    with _lock:
        if not _replaced:
            TOLD_LATER.add(_INSTRUMENTATION)
            for name in _NAMES:
                _replace(grpc, name, _watched)
                _replace(grpc.aio, name, _watched_aio)


def unwatch_channels() -> None:
    """Make channels as before; those that were made stay as they are."""
    with _lock:
        TOLD_LATER.discard(_INSTRUMENTATION)
        while _replaced:
            owner, name, ours, before = _replaced.pop()
            holder = _innermost(owner, name)
            if getattr(*holder) is ours:
                setattr(*holder, before)


def intercepted(channel: grpc.Channel, target: str, *, is_plain: bool = False) -> grpc.Channel:
    """Return ``channel`` for an instrumentation to intercept in its turn.

    ::

        channel = intercepted(grpc.insecure_channel(target), target)
        channel = intercept_channel(channel, client_interceptor())

    Args:
        channel: A channel as grpc makes it.
        target: What it was made for.
        is_plain: It is not encrypted.
    """
    return grpc.intercept_channel(channel, _Interceptor(target, is_plain=is_plain))


def aio_interceptors(target: str, *, is_plain: bool = False) -> list[grpc.aio.ClientInterceptor]:
    """Return what is to stand last among the interceptors of a `grpc.aio` channel for ``target``."""
    kinds = (_AioUnaryUnary, _AioUnaryStream, _AioStreamUnary, _AioStreamStream)
    return [kind(target, is_plain=is_plain) for kind in kinds]


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _CallDetails(_Details, grpc.ClientCallDetails):  # type: ignore[misc]  # as grpc's own are made
    """A call with other metadata."""


class _ListSetter:
    """Writes to a list of pairs."""

    def set(self, carrier: list[tuple[str, Any]], key: str, value: str) -> None:
        """Write ``value`` in place of all that ``key`` has."""
        key = key.lower()  # as grpc demands
        carrier[:] = [pair for pair in carrier if pair[0] != key]
        carrier.append((key, value))


_SETTER: Any = _ListSetter()


class _Aware:
    """Knows the target of a channel."""

    def __init__(self, target: str, *, is_plain: bool) -> None:
        self._host = host_of_authority(target) or UNKNOWN
        self._is_plain = is_plain

    def _sent_with(self, metadata: Any) -> list[tuple[str, Any]] | None:  # noqa: ANN401
        """Return what is sent in place of ``metadata``, ``None`` for that."""
        try:
            before: list[Any] = list(metadata or ())
            after = before.copy()
            goes_to(self._host, after, _SETTER, is_plain=self._is_plain)
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _warn(error)
            return None
        return None if after == before else after


def _intercept(known: _Aware, continuation: Any, client_call_details: Any, request: Any) -> Any:  # noqa: ANN401
    metadata = known._sent_with(client_call_details.metadata)  # noqa: SLF001  # a method of its
    if metadata is not None:
        client_call_details = _with(client_call_details, tuple(metadata))
    return continuation(client_call_details, request)


class _Interceptor(
    _Aware,
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[misc]
    grpc.StreamStreamClientInterceptor,  # type: ignore[misc]
):
    intercept_unary_unary: Any = _intercept
    intercept_unary_stream: Any = _intercept
    intercept_stream_unary: Any = _intercept
    intercept_stream_stream: Any = _intercept


async def _intercept_aio(known: _Aware, continuation: Any, client_call_details: Any, request: Any) -> Any:  # noqa: ANN401
    metadata = known._sent_with(client_call_details.metadata)  # noqa: SLF001  # a method of its
    if metadata is not None:
        client_call_details = client_call_details._replace(metadata=grpc.aio.Metadata(*metadata))
    return await continuation(client_call_details, request)


# One class each: `grpc.aio` takes an interceptor for calls of one kind only.


class _AioUnaryUnary(_Aware, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    intercept_unary_unary: Any = _intercept_aio


class _AioUnaryStream(_Aware, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[misc]
    intercept_unary_stream: Any = _intercept_aio


class _AioStreamUnary(_Aware, grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[misc]
    intercept_stream_unary: Any = _intercept_aio


class _AioStreamStream(_Aware, grpc.aio.StreamStreamClientInterceptor):  # type: ignore[misc]
    intercept_stream_stream: Any = _intercept_aio


def _with(details: Any, metadata: Any) -> _CallDetails:  # noqa: ANN401
    """Return ``details`` with that ``metadata``; what another interceptor left out is that of the call."""
    given = {name: getattr(details, name, None) for name in _Details._fields}
    return _CallDetails(**{**given, "metadata": metadata})


def _watched(create: Create, name: str) -> Create:
    @functools.wraps(create)
    def make(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        channel = create(*args, **options)
        target: Any = args[0] if args else options.get("target")
        try:
            is_watched = _INSTRUMENTATION in sys.modules
            return intercepted(channel, target, is_plain=name == _PLAIN) if is_watched else channel
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _warn(error)
            return channel

    return make


def _watched_aio(create: Create, name: str) -> Create:
    @functools.wraps(create)
    def make(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        given, kept = _INTERCEPTORS_AT[name], options
        try:
            if len(args) <= given and _is_instrumented(options.get("interceptors")):
                target: Any = args[0] if args else options.get("target")
                ours = aio_interceptors(target, is_plain=name == _PLAIN)
                kept = {**options, "interceptors": [*(options.get("interceptors") or ()), *ours]}
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _warn(error)
        return create(*args, **kept)

    return make


def _is_instrumented(interceptors: Any) -> bool:  # noqa: ANN401
    """Tell whether a channel of `grpc.aio` gets the instrumentation's interceptors, or has them.

    An interceptor makes other objects of calls, so a channel that has none gets none.
    """
    module: Any = sys.modules.get(_INSTRUMENTATION)
    if module is None:
        return False
    is_on = module.GrpcAioInstrumentorClient().is_instrumented_by_opentelemetry
    return is_on or any(type(each).__module__.startswith(_INSTRUMENTATION) for each in interceptors or ())


def _replace(owner: Any, name: str, watched: Callable[[Create, str], Create]) -> None:  # noqa: ANN401
    try:
        holder = _innermost(owner, name)
        before = getattr(*holder)
        ours = watched(before, name)
        setattr(*holder, ours)
        _replaced.append((owner, name, ours, before))
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _warn(error)


def _innermost(owner: Any, name: str) -> tuple[Any, str]:  # noqa: ANN401
    """Return what holds the function that all wrappers of `wrapt` around it end in, and under which name.

    A function of ours around them would be in the way of `opentelemetry.instrumentation.utils.unwrap`.
    """
    wrapt: Any = sys.modules.get("wrapt")
    proxy: Any = getattr(wrapt, "BaseObjectProxy", None) or getattr(
        wrapt, "ObjectProxy", ()
    )  # the first is that of wrapt 2
    while isinstance(getattr(owner, name), proxy):
        owner, name = getattr(owner, name), "__wrapped__"
    return owner, name


def _warn(error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once(("grpc", found), "otel_sessions: watching a gRPC channel raised %s", found)
