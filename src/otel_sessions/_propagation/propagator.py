"""The propagator around those of the application: by the outside like them, and inside there is a `Guard`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from otel_sessions import _diagnostics
from otel_sessions._settings.table import parsed

from .guarding import Guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.context import Context

    from otel_sessions._settings.settings import Settings


class SessionPropagator(TextMapPropagator):
    """Sends the session to destinations that are allowed, and takes it from callers that are trusted.

    ::

        set_global_textmap(SessionPropagator(get_global_textmap()))

    It wraps the propagators that are there. What else they write and read stays as it is: the trace
    context, and baggage of others. Never raises.

    What is sent is the session of the Context (also one that the trace was bound to), first in the
    header. To whom, the current CLIENT span tells; one that names no host, and a span that is not sampled
    and is not remembered by a `SessionRatioSampler`, get nothing. Where the tracer of a client is switched off, the
    request that its instrumentation has in hand tells, for the clients that are known. A message in a PRODUCER span is the user's own
    doing, and so is what code of the application injects into a mapping of its own, outside of a CLIENT span; what a
    library injects, or anybody into the headers of a client, goes by its destination, and where that can't be told it
    gets nothing. A host that is not allowed gets the session neither under a name that another tool has for it, nor out
    of headers that a redirect has copied, nor as a randomness (``rv`` in ``tracestate``) that derives from it.

    Args:
        inner: The propagators that the application has.
        propagate_to: Destinations: ``private`` (the default), ``all``, ``none``, or host globs, CIDRs and ``mcp`` (servers
            of MCP over stdio), as a comma list or a list. The environment variable is ``OTEL_SESSION_PROPAGATE_TO``.
        trust_incoming: Take the session of incoming requests. ``OTEL_SESSION_TRUST_INCOMING``.
        incoming_headers: Other request headers to take it from, before baggage: ``session.id=x-a,session.id=x-b``, or
            ``{"session.id": ["x-a", "x-b"]}``. Of several for one field the first that a request has, and that is
            valid, counts. ``OTEL_SESSION_INCOMING_HEADERS``.

    An argument that is not given is that of ``instrument()``, else that of the environment.

    To others it passes for what it wraps: by its class, and by attributes, of which those that are propagators are guarded
    as well. Logfire looks for its own propagator that way, to read a Context of this process without it.
    """

    _kind: ClassVar[type[Guard]] = Guard

    def __init__(
        self,
        inner: TextMapPropagator,
        *,
        propagate_to: str | Iterable[str] | None = None,
        trust_incoming: bool | None = None,
        incoming_headers: str | Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        self.inner = inner
        given = parsed(propagate_to=propagate_to, trust_incoming=trust_incoming, incoming_headers=incoming_headers)
        self._guard = self._kind(inner, given)
        self._inside: dict[str, SessionPropagator] = {}

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What `isinstance` asks for where it is not one of these: the class of what is wrapped."""
        return type(self.inner)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # of what is wrapped
        """Return what the wrapped propagator has under ``name``, guarded if that is a propagator itself."""
        if name == "inner" or (name.startswith("__") and name.endswith("__")):  # there is none yet, as in a copy
            raise AttributeError(name)
        value = getattr(self.inner, name)
        if not isinstance(value, TextMapPropagator):
            return value
        known = self._inside.get(name)
        if known is None or known.inner is not value:
            known = self._inside[name] = type(self)(value)
            known._guard = self._guard.part(value)  # noqa: SLF001  # ours
        return known

    def __repr__(self) -> str:
        """Show the settings."""
        return f"{type(self).__name__}({self.settings()})"

    @property
    def fields(self) -> set[str]:
        """The names that are written."""
        return self.inner.fields

    def settings(self) -> Settings:
        """Return what holds: the arguments, over what holds in this process."""
        return self._guard.settings()

    def refusals(self) -> dict[str, int]:
        """Return how many calls to which host were sent without their session."""
        return self._guard.refusals()

    def withheld(self) -> dict[str, int]:
        """Return how many entries under which key were left out of calls: ours, and those of other tools."""
        return self._guard.withheld()

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write ``context``, ``None`` for the current one, to ``carrier`` (OTel spec, "TextMap Inject")."""
        self._guard.inject(carrier, context, setter)

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return ``context`` with what ``carrier`` brings (OTel spec, "TextMap Extract")."""
        return self._guard.extract(carrier, context, getter)


def session_baggage(
    *,
    propagate_to: str | Iterable[str] | None = None,
    trust_incoming: bool | None = None,
    incoming_headers: str | Mapping[str, str | Sequence[str]] | None = None,
    **others: object,
) -> SessionPropagator:
    """Return W3C Baggage, guarded: the propagator ``session_baggage`` of ``OTEL_PROPAGATORS``, to stand last there.

    An OpenTelemetry configuration file may have options for it, those of `SessionPropagator`. One that there is
    not is a warning: what raises here stops all instrumentations.
    """
    for name in others:
        _diagnostics.warn_once(
            ("option", name), "otel_sessions: session_baggage has no option %r, which is left out", name[:60]
        )
    return SessionPropagator(
        W3CBaggagePropagator(),
        propagate_to=propagate_to,
        trust_incoming=trust_incoming,
        incoming_headers=incoming_headers,
    )
