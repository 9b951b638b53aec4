"""Installs the plug-in on a pipeline that exists already; the only module that touches what is global."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

try:
    import opentelemetry.sdk.trace  # noqa: F401  # to say what is missing, and how to get it
except ImportError as error:
    message = "otel_sessions.sdk needs opentelemetry-sdk: pip install 'otel-sessions[sdk]'"
    raise ImportError(message) from error

from opentelemetry.propagate import get_global_textmap, set_global_textmap

from otel_sessions._context import changes, process_session, resolution, unstamped
from otel_sessions._context.events import EVENTS, emit_start
from otel_sessions._context.providers import PROVIDERS
from otel_sessions._forks import ForkSafeLock
from otel_sessions._pipeline.rooting import follow_origin
from otel_sessions._propagation.environment import taken_up
from otel_sessions._propagation.guarding import Guard
from otel_sessions._propagation.propagator import SessionPropagator
from otel_sessions._settings.settings import Settings, use_in_process
from otel_sessions._settings.table import warn_of_slips

from .installation import attempt, install, is_installed, uninstall

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from otel_sessions._session.fields import SessionId
    from otel_sessions._session.session import Session

_GRPC_TARGET = "otel_sessions._propagation.grpc_target"

_lock = ForkSafeLock()


def instrument(  # noqa: PLR0913  # one for each setting
    tracer_provider: TracerProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    *,
    dialects: str | Iterable[str] | None = None,
    aliases: str | Mapping[str, str] | None = None,
    propagate_to: str | Iterable[str] | None = None,
    trust_incoming: bool | None = None,
    incoming_headers: str | Mapping[str, str | Sequence[str]] | None = None,
    user_privacy: Literal["plain", "hash", "drop"] | None = None,
    user_hash_key: str | bytes | None = None,
    metadata_on_wire: str | Iterable[str] | None = None,
    conflict: Literal["scope", "span"] | None = None,
    logs: bool | Literal["sampled"] | None = None,
    events: bool | None = None,
    session_id: SessionId | None = None,
    user_id: SessionId | None = None,
    provider_ids: str | Iterable[str] | None = None,
    flush: int | None = None,
    disabled: bool | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Add the plug-in to a pipeline that exists already: to its spans, its logs and its propagators.

    Call it after the propagators are set up: what replaces them later is not guarded. Where the global providers are meant,
    these may come later, or be set in vain because there are some: what is set as a global provider gets the plug-in when
    it is set. Calling it again adds nothing, and takes over the settings of the new call, for sessions that are set
    from then on. Never raises: what can't be done is a warning of the logger ``otel_sessions``.

    Each setting is an environment variable too, ``OTEL_SESSION_`` and its name; an argument beats it.

    Args:
        tracer_provider: An SDK ``TracerProvider``, or one that holds such (Logfire's); ``None`` is the global one.
        logger_provider: An SDK ``LoggerProvider``, or one that holds such; ``None`` is the global one, if there is one.
        dialects: Names of backends whose attribute names are stamped too, such as ``langfuse``.
        aliases: Attribute names of your own, ``my.key=session.id``.
        propagate_to: Destinations that get the session on outgoing calls: ``private`` (the default), ``all``,
            ``none``, host globs, CIDRs and ``mcp`` (servers of MCP over stdio).
        trust_incoming: Take the session of incoming requests (the default), or not: for services at the edge.
        incoming_headers: Request headers to take it from too, ``session.id=x-session-id``; several for one field are
            tried in their order.
        user_privacy: How a user id appears on spans, logs and the wire: ``plain`` (the default), ``hash`` or ``drop``.
        user_hash_key: The key of ``hash`` (HMAC-SHA-256).
        metadata_on_wire: Keys of the metadata that travel with the ids; ``session.tags`` for the tags.
        conflict: Who wins where a span is given another session id, at its start or later: ``scope`` (the default) or ``span``.
        logs: Stamp log records (``True``, the default), don't, or ``"sampled"``: also drop those of dropped sessions.
        events: Write ``session.start`` and ``session.end`` as log records; off by default.
        session_id: The session of all in this process that has no other, until `uninstrument`: ``"auto"`` makes
            an id (a notebook, a command, an agent of one run), ``"environ"`` takes up the session and the trace that
            the process was started in (``TRACEPARENT``, ``BAGGAGE``), anything else is one. There is none by default.
        user_id: The user of all in this process that has no other, until `uninstrument`: also of sessions that are
            opened here without a user, never of one that a caller has sent. There is none by default.
        provider_ids: What a span takes where it has none: ``user`` (the default) and ``session``, of the arguments
            of a call of a model; ``framework``, both of what an agent framework carries, for all of its spans and those
            of the application inside; or ``none``.
        flush: How long the end of a turn waits for its spans and logs to be exported, in milliseconds up to 60,000;
            0 (the default) is not at all.
        disabled: Switch everything off.
        meter_provider: As in `SessionSpanProcessor`; counts in the first call for a provider.
    """
    settings = Settings.resolved(
        dialects=dialects,
        aliases=aliases,
        propagate_to=propagate_to,
        trust_incoming=trust_incoming,
        incoming_headers=incoming_headers,
        user_privacy=user_privacy,
        user_hash_key=user_hash_key,
        metadata_on_wire=metadata_on_wire,
        conflict=conflict,
        logs=logs,
        events=events,
        session_id=session_id,
        user_id=user_id,
        provider_ids=provider_ids,
        flush=flush,
        disabled=disabled,
    )
    warn_of_slips()
    with _lock:
        begun = _use(settings)
        unstamped.switch(is_off=False)
        PROVIDERS.use(tracer_provider, logger_provider)
        attempt("a propagator", _guard_propagators)
        if not settings.disabled:
            attempt("what knows the target of gRPC channels", _watch_channels)
        install(tracer_provider, logger_provider, settings, meter_provider)
    if begun is not None:
        emit_start(begun)


def uninstrument(tracer_provider: TracerProvider | None = None, logger_provider: LoggerProvider | None = None) -> None:
    """Stop what `instrument` has started; without that, do nothing.

    The SDK can't remove a processor, so those stay and stamp nothing; `instrument` starts them again. The
    propagators are again those of before, and as they guard nothing, no session is put in baggage from then on:
    none goes to another service but by `to_carrier`, and no other tool finds one there.

    Args:
        tracer_provider: An SDK ``TracerProvider``; ``None`` is the global one.
        logger_provider: An SDK ``LoggerProvider``; ``None`` is the global one.
    """
    was_there = is_installed()
    if not uninstall(tracer_provider, logger_provider):
        return  # another pipeline goes on, and what guards it
    _Installed.is_off = True
    propagator = get_global_textmap()
    if isinstance(propagator, _Guard):
        set_global_textmap(propagator.inner)
    if _GRPC_TARGET in sys.modules:
        sys.modules[_GRPC_TARGET].unwatch_channels()
    EVENTS.is_on = False
    PROVIDERS.use(None, None)
    unstamped.switch(is_off=True)
    _use(None)
    if was_there:
        use_in_process(None, keeps_baggage=True)


class _Installed(Guard):
    """One that is off when that is over."""


class _Guard(SessionPropagator):
    """A propagator that was put in place of the application's; others may have put theirs around it since."""

    _kind = _Installed


def _use(settings: Settings | None) -> Session | None:
    """Let ``settings`` hold for this process, and return its own session if that begins with them.

    What was made by others is not used again.
    """
    use_in_process(settings)
    changes.forget()
    resolution.forget()
    begun = process_session.follow(settings, taken_up(settings))
    follow_origin()
    return begun


def _guard_propagators() -> None:
    _Installed.is_off = False
    propagator = get_global_textmap()
    if not isinstance(propagator, SessionPropagator):
        set_global_textmap(_Guard(propagator))


def _watch_channels() -> None:
    """Let sessions go with gRPC; importing it takes long, so only where it is and its instrumentation too."""
    try:
        is_there = find_spec("grpc") and find_spec("opentelemetry.instrumentation.grpc")
    except ModuleNotFoundError:  # a package above it
        return
    if is_there:
        import_module(_GRPC_TARGET).watch_channels()
