"""What a request brings, before a propagator of the API reads it: headers, not trusted.

That propagator reads only the first of several ``baggage`` headers, reads ``+`` as a space
(opentelemetry-python#5566), takes properties for a part of the value, and logs what it refuses with
all that is in it. So it is given one header with what of them is well-formed.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.propagators.textmap import Getter

from . import _diagnostics, _ids
from ._headers import baggage_from, is_simple, trace_state_from, traceparent_from
from ._session import ID_KEYS
from ._settings import in_process

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
        if (
            name == "baggage"
            and type(values) is list
            and len(values) == 1
            and type(values[0]) is str
            and is_simple(values[0], in_process().own_keys)
        ):
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
    """Return several headers of one ``name``, one of W3C's, as one that is well-formed; of ``traceparent`` the first."""
    if name == "traceparent":
        header, is_whole = traceparent_from(texts[0])
    else:
        header = texts[0] if len(texts) == 1 else ",".join(texts)
        is_baggage = name == "baggage"
        header, is_whole = baggage_from(header, in_process().own_keys) if is_baggage else trace_state_from(header)
    if not is_whole:
        warn_of(f"a {name} header, or a member of one, that is not well-formed, or more than fit,")
    return header


def value_of(key: str, texts: list[str]) -> str | None:
    """Return the first of ``texts``, of a header, as a value for ``key`` that is fit to carry; else ``None``."""
    text = texts[0].strip() if texts else ""
    if not text:
        return None
    if (_ids.is_plain_id if key in ID_KEYS else _ids.is_plain_text)(text):
        return text
    warn_of(f"a header for {key} that is not 1 to {_ids.MAX_LENGTH} printable characters")
    return None


def warn_of(what: str) -> None:
    """Count what a request had and what is left out, and say so once, without the value."""
    _diagnostics.count("dropped incoming header")
    _diagnostics.warn_once(("ingress", what), "otel_sessions: an incoming request had %s which is left out", what)
