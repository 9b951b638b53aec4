"""Takes out of a carrier what a destination is not to see: headers that were copied from another call.

A client that follows a redirect sends the headers of the first request again, to whatever host.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, MutableSequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from opentelemetry.trace import TraceState

from otel_sessions._context import baggage

from .headers import members, trace_state_from
from .trace_state import without_randomness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BAGGAGE, _TRACE_STATE = "baggage", "tracestate"
# Jaeger's and OpenTracing's propagators write each entry as a header of its own.
_PREFIXES = ("uberctx-", "ot-baggage-")


def without_private_entries(header: str) -> str:
    """Return a baggage ``header`` without the entries of a session or a user; the others as they are."""
    return ",".join(
        member for member in members(header) if not baggage.is_private(unquote_plus(member.partition("=")[0]).strip())
    )


def withhold(carrier: Any, written: Mapping[str, str], write: Callable[[str, str], None]) -> None:  # noqa: ANN401
    """Take the session out of the headers in ``carrier``, and out of its tracestate what derives from it.

    Args:
        carrier: A mapping, or a list of pairs.
        written: What is going to be written over it, by name.
        write: Writes one header, for a carrier from which none can be taken.
    """
    found: dict[str, list[str]] = {}
    for name, value in items_of(carrier):
        key, text = _text(name).lower(), _text(value)
        kept = _kept(key, text)
        if kept != text or key in found:
            found.setdefault(key, []).append(kept)
    for key, texts in found.items():
        kept = "" if key in written else ",".join(filter(None, texts))
        if not _take_out(carrier, key) or kept:
            write(key, kept)


def _kept(key: str, text: str) -> str:
    """Return what may stay of a header."""
    if key == _BAGGAGE:
        return without_private_entries(text)
    if key == _TRACE_STATE:
        return _without_randomness(text)
    entry = next((key.removeprefix(prefix) for prefix in _PREFIXES if key.startswith(prefix)), None)
    return "" if entry is not None and baggage.is_private(unquote_plus(entry)) else text


def _without_randomness(header: str) -> str:
    if "rv:" not in header:
        return header
    good, is_whole = trace_state_from(header)
    return without_randomness(TraceState.from_header([good])).to_header() if is_whole else ""


def items_of(carrier: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401  # whatever a client has for headers
    """Return the headers in ``carrier``, each value of one that has several."""
    return [
        (pair[0], value)
        for pair in _pairs_of(carrier)
        if isinstance(pair, (tuple, list)) and len(pair) == 2  # noqa: PLR2004  # a pair
        for value in (
            pair[1] if isinstance(pair[1], (list, tuple)) else (pair[1],)
        )  # as the metadata of grpc.aio has it
    ]


def _pairs_of(carrier: Any) -> list[Any]:  # noqa: ANN401  # as above
    items: Any = getattr(carrier, "items", None)
    if callable(items):
        with contextlib.suppress(KeyError):  # of the metadata of older grpc.aio, which has pairs for keys
            found: Any = items()
            return list(found)
    return list(carrier) if isinstance(carrier, Iterable) and not isinstance(carrier, (str, bytes)) else []


def _take_out(carrier: Any, key: str) -> bool:  # noqa: ANN401
    """Take every header of that name out of ``carrier``; tell whether it can be done."""
    if isinstance(carrier, MutableSequence):
        carrier[:] = [pair for pair in carrier if _text(pair[0]).lower() != key]
        return True
    if not hasattr(carrier, "__delitem__"):
        return False
    for name in [name for name, _ in items_of(carrier) if _text(name).lower() == key]:
        with contextlib.suppress(KeyError):  # of several headers of one name, all go with the first
            del carrier[name]
    return True


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else str(value)
