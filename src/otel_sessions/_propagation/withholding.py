"""Takes out of what is sent what a destination is not to see: of a session or of a user, under whatever name.

An entry goes by its name, which is ours or one that other tools have, or by its value, which is an id. It may stand in
baggage, in ``tracestate``, or in headers that were copied from another call: a client that follows a redirect sends the
headers of the first request again, to whatever host.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, MutableSequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from opentelemetry.trace import TraceState, format_trace_id

from otel_sessions._context import baggage

from .headers import members, trace_state_from
from .trace_state import without_randomness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import SpanContext

    from .occurrences import Occurrences

_BAGGAGE, _TRACE_STATE = "baggage", "tracestate"
# Jaeger's and OpenTracing's propagators write each entry as a header of its own.
_PREFIXES = ("uberctx-", "ot-baggage-")
# What is written without a session, and what has none.
_AS_IT_IS = frozenset({_BAGGAGE, "traceparent"})
# What a request can't do without, and what says nothing but where it goes and how it is read.
_OF_REQUEST = ("host", "content-", "transfer-encoding", "connection", "accept", "traceparent")


class Withholding:
    """Takes the session out of one call to a destination that does not get it.

    Args:
        found: Finds the ids of the session.
        span_context: Of the call: a session that is named after its trace is in headers of any format.
        is_copied: The headers were made for another host, so that no application has meant them for this one.
        is_kept: Tells of a baggage header in the carrier whether it stays.

    Attributes:
        keys: The names of what was taken out.
    """

    __slots__ = ("_found", "_is_copied", "_is_kept", "_span_context", "keys")

    def __init__(
        self,
        found: Occurrences,
        span_context: SpanContext | None = None,
        *,
        is_copied: bool = False,
        is_kept: Callable[[str], bool] | None = None,
    ) -> None:
        self.keys: set[str] = set()
        self._found = found
        self._span_context = span_context
        self._is_copied = is_copied
        self._is_kept = is_kept

    def foreign(self, items: Mapping[str, object]) -> Mapping[str, object]:
        """Return baggage ``items`` without what is of a session or of a user; themselves where there is nothing of it."""
        kept = {key: value for key, value in items.items() if not self._is_private(str(key), value)}
        return items if len(kept) == len(items) else kept

    def out_of_written(self, written: dict[str, str]) -> None:
        """Take it out of what propagators have ``written`` of a Context whose baggage has none."""
        for name, header in list(written.items()):
            if name in _AS_IT_IS:
                continue
            kept = self._members(header) if name.lower() == _TRACE_STATE else self._header(name, header)
            if kept:
                written[name] = kept
            else:
                del written[name]

    def out_of_carrier(
        self,
        carrier: Any,  # noqa: ANN401  # whatever a client has for headers
        items: list[tuple[Any, Any]],
        written: dict[str, str],
        write: Callable[[str, str], None],
    ) -> None:
        """Take it out of the headers in ``carrier``, and out of its tracestate what derives from it.

        Args:
            carrier: A mapping, or a list of pairs.
            items: What is in it: see `items_of`.
            written: What is going to be written over it, by name; not over a header that is kept.
            write: Writes one header, for a carrier from which none can be taken.
        """
        found: dict[str, list[str]] = {}
        for name, value in items:
            key, text = _text(name).lower(), _text(value)
            if key == _BAGGAGE and self._is_kept is not None and self._is_kept(text):
                written.pop(key, None)
                continue
            kept = self._kept(key, text)
            if kept != text or key in found:
                found.setdefault(key, []).append(kept)
        for key, texts in found.items():
            kept = "" if key in written else ",".join(filter(None, texts))
            if not _take_out(carrier, key) or kept:
                write(key, kept)

    def _kept(self, key: str, text: str) -> str:
        """Return what may stay of a header."""
        if key == _BAGGAGE:
            return self._members(text)
        if key == _TRACE_STATE:
            return self._members(_without_randomness(text))
        entry = next((key.removeprefix(prefix) for prefix in _PREFIXES if key.startswith(prefix)), None)
        if entry is not None:
            return "" if self._is_private(unquote_plus(entry), text) else text
        return self._header(key, text) if self._is_copied else text

    def _members(self, header: str) -> str:
        """Return a list ``header`` without the members that are of a session or a user; the others as they are."""
        found = members(header)
        kept = [member for member in found if not self._is_private(_name_of(member), member)]
        return header if len(kept) == len(found) else ",".join(kept)

    def _header(self, name: str, text: str) -> str:
        """Return the ``text`` of a header, or nothing if an id stands in it."""
        if name.lower().startswith(_OF_REQUEST) or not self._found.stand_in(text):
            return text
        trace_id = "" if self._span_context is None else format_trace_id(self._span_context.trace_id)
        if not self._found.stand_in(text, apart_from=trace_id):
            return text
        self.keys.add(name)
        return ""

    def _is_private(self, key: str, value: object) -> bool:
        found = self._found
        is_private = baggage.is_private(key) or (bool(found) and (found.stand_in(key) or found.stand_in(value)))
        if is_private:
            self.keys.add(key.strip())
        return is_private


def _name_of(member: str) -> str:
    return unquote_plus(member.partition("=")[0]).strip()


def _without_randomness(header: str) -> str:
    if "rv:" not in header:
        return header
    good, is_whole = trace_state_from(header)
    return without_randomness(TraceState.from_header([good])).to_header() if is_whole else ""


def items_of(carrier: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401  # whatever a client has for headers
    """Return the headers in ``carrier``, each value of one that has several."""
    if type(carrier) is dict and not carrier:  # as an instrumentation makes one to inject into
        return []
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
