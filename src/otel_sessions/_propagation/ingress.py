"""What a request brings, before a propagator of the API reads it: headers, not trusted.

That propagator reads only the first of several ``baggage`` headers, reads ``+`` as a space
(opentelemetry-python#5566), takes properties for a part of the value, and logs what it refuses with
all that is in it. So it is given one header with what of them is well-formed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter

from otel_sessions import _diagnostics
from otel_sessions._context import baggage
from otel_sessions._context.entry import get_current
from otel_sessions._context.state import ENTRY_KEY
from otel_sessions._session import ids, user_ids
from otel_sessions._session.session import ID_KEYS, SESSION_ID
from otel_sessions._settings.settings import in_process

from .headers import is_simple, read_simple, well_formed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_sessions._settings.settings import Settings

_W3C = frozenset({"traceparent", "tracestate", "baggage"})


class CleanGetter(Getter[Any]):
    """Reads a carrier by the ``getter`` of somebody else, and gives on what is well-formed."""

    def __init__(self, getter: Getter[Any]) -> None:
        self.getter = getter

    def get(self, carrier: Any, key: str) -> Any:  # noqa: ANN401  # whatever the getter reads
        """Return the values of ``key``: of a header of W3C one value, which is well-formed, of others all as they are."""
        values = _values_of(self.getter, carrier, key)
        name = key.lower()
        if values is None or name not in _W3C:
            return values
        if name == "baggage" and _simple_in(values) is not None:
            return values  # the common case
        texts = _texts_in(values, key)
        return [cleaned(name, texts)] if texts else None

    def keys(self, carrier: Any) -> list[str]:  # noqa: ANN401
        """Return the names in ``carrier``."""
        try:
            return self.getter.keys(carrier)
        except Exception as error:  # noqa: BLE001  # remote input
            warn_of(f"headers whose listing raised {type(error).__name__}")
            return []


def _simple_in(values: Any) -> str | None:  # noqa: ANN401  # whatever a getter has returned
    """Return the baggage header that a getter has returned, if it is one and needs no more than to be passed on."""
    if type(values) is list and len(values) == 1 and type(values[0]) is str:
        header: str = values[0]
        return header if is_simple(header, in_process().own_keys) else None
    return None


def read_quickly(getter: Getter[Any], carrier: Any, context: Context | None) -> Context | None:  # noqa: ANN401
    """Return ``context`` with the baggage that ``carrier`` brings, as the API's propagator of baggage does, in one step.

    ``None`` where the header needs more than to be passed on: then that propagator reads what is left of it.
    """
    header = _simple_in(_values_of(getter, carrier, "baggage"))
    if header is None or baggage.CONTEXT_KEY is None:
        return None
    context = get_current() if context is None else context
    items, there = read_simple(header), baggage.entries(context)
    return baggage.with_baggage(context, {**there, **items} if there else items)


def texts_of(getter: Getter[Any], carrier: Any, key: str) -> list[str]:  # noqa: ANN401
    """Return the values of ``key`` in ``carrier`` that are texts, or octets of one."""
    return _texts_in(_values_of(getter, carrier, key), key)


def _texts_in(values: Any, key: str) -> list[str]:  # noqa: ANN401  # whatever a getter has returned
    if isinstance(values, (str, bytes)):
        values = (values,)
    try:
        return [_text(value) for value in values or () if isinstance(value, (str, bytes))]
    except Exception as error:  # noqa: BLE001  # no list, or one that is read only now
        warn_of(f"a {key} header whose reading raised {type(error).__name__}")
        return []


def _values_of(getter: Getter[Any], carrier: Any, key: str) -> Any:  # noqa: ANN401
    """Return what ``getter`` does, and nothing where it raises: the other headers may be good."""
    try:
        return getter.get(carrier, key)
    except Exception as error:  # noqa: BLE001  # remote input, such as bytes that are no text
        warn_of(f"a {key} header whose reading raised {type(error).__name__}")
        return None


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def cleaned(name: str, texts: list[str]) -> str:
    """Return headers of one ``name`` as one that is well-formed, and say if that is not all of them."""
    header, is_whole = well_formed(name, texts, in_process().own_keys)
    if not is_whole:
        warn_of(f"a {name} header, or a member of one, that is not well-formed, or more than fit,")
    return header


def value_of(key: str, texts: list[str]) -> str | None:
    """Return the first of ``texts``, of a header, as a value for ``key`` that is fit to carry; else ``None``."""
    text = texts[0].strip() if texts else ""
    if not text:
        return None
    if (ids.is_plain_id if key in ID_KEYS else ids.is_plain_text)(text):
        return text
    warn_of(f"a header for {key} that is not 1 to {ids.MAX_LENGTH} printable characters")
    return None


def with_headers(
    received: Context,
    items: Mapping[str, object],
    getter: CleanGetter,
    carrier: Any,  # noqa: ANN401
    settings: Settings,
) -> Context:
    """Return ``received`` with what the headers that are named have of a session, before its baggage ``items``.

    Who sets such a header means it, and a stranger may send any baggage. Of another session than the
    header's nothing is taken: its user would go over.
    """
    given: dict[str, object] = {}
    for key, header in settings.incoming_headers:  # of several for one key the first that is there counts
        value = None if key in given else value_of(key, texts_of(getter, carrier, header))
        if value is not None:
            given[key] = value
    if not given:
        return received
    is_other = SESSION_ID in given and given[SESSION_ID] != items.get(SESSION_ID)
    others = baggage.foreign(items) if is_other else {key: items[key] for key in items if key not in given}
    return baggage.with_baggage(received, {**given, **others})


def with_shown_user(received: Context) -> Context:
    """Return ``received`` with the user of a request as it may be shown: any code can read baggage, and stamp it."""
    settings, items = in_process(), baggage.entries(received)
    if settings.user_privacy == user_ids.PLAIN or baggage.USER_KEYS.isdisjoint(items):
        return received
    shown: dict[str, object] = {}
    for key, value in items.items():
        is_user = key in baggage.USER_KEYS
        text = user_ids.shown(str(value), settings.user_privacy, settings.user_hash_key) if is_user else value
        if text is not None:
            shown[key] = text
    return baggage.with_baggage(received, shown)


def as_before(received: Context, items: Mapping[str, object], context: Context | None) -> Context:
    """Return ``received`` with what it holds of a session as it was in the ``context`` before."""
    private = {key for key in items if baggage.is_private(key)}
    if not private:
        return received
    if context is None:  # then W3C Baggage alone adds to the current one, and a composite begins with an empty one
        current = get_current()
        context = current if ENTRY_KEY in current and received.get(ENTRY_KEY) is current[ENTRY_KEY] else Context()
    before = baggage.entries(context)
    kept = {key: before[key] for key in before if key in private}
    return baggage.with_baggage(received, {**kept, **baggage.foreign(items)})


def warn_of(what: str) -> None:
    """Count what a request had and what is left out, and say so once, without the value."""
    _diagnostics.count("dropped incoming header")
    _diagnostics.warn_once(("ingress", what), "otel_sessions: an incoming request had %s which is left out", what)
