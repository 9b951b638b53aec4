"""What a request brings, before a propagator of the API reads it: headers, not trusted.

That propagator reads only the first of several ``baggage`` headers, reads ``+`` as a space
(opentelemetry-python#5566), takes properties for a part of the value, and logs what it refuses with
all that is in it. So it is given one header with what of them is well-formed.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.propagators.textmap import Getter

from . import _diagnostics, _ids
from ._headers import baggage_from, trace_state_from
from ._session import ID_KEYS, WIRE_KEYS

_LISTS = frozenset({"baggage", "tracestate"})


class CleanGetter(Getter[Any]):
    """Reads a carrier by the ``getter`` of somebody else, and gives on what is well-formed."""

    def __init__(self, getter: Getter[Any]) -> None:
        self._getter = getter

    def get(self, carrier: Any, key: str) -> list[str] | None:  # noqa: ANN401  # whatever the getter reads
        """Return the values of ``key``; of the list headers one value, which is well-formed."""
        name = key.lower()
        if name not in _LISTS:
            return self._getter.get(carrier, key)
        texts = texts_of(self._getter, carrier, key)
        return [cleaned(name, texts)] if texts else None

    def keys(self, carrier: Any) -> list[str]:  # noqa: ANN401
        """Return the names in ``carrier``."""
        return self._getter.keys(carrier)


def texts_of(getter: Getter[Any], carrier: Any, key: str) -> list[str]:  # noqa: ANN401
    """Return the values of ``key`` in ``carrier`` that are texts."""
    try:
        values: Any = getter.get(carrier, key)
    except Exception as error:  # noqa: BLE001  # remote input, such as bytes that are no text
        warn_of(f"a {key} header whose reading raised {type(error).__name__}")
        return []
    if isinstance(values, str):
        return [values]
    return [value for value in values or () if isinstance(value, str)]


def cleaned(name: str, texts: list[str]) -> str:
    """Return several headers of one ``name``, ``baggage`` or ``tracestate``, as one that is well-formed."""
    header = texts[0] if len(texts) == 1 else ",".join(texts)
    header, is_whole = baggage_from(header, WIRE_KEYS) if name == "baggage" else trace_state_from(header)
    if not is_whole:
        warn_of(f"a {name} member that is not well-formed, or more than fit,")
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
