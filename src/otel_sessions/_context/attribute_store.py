"""The one place that touches what is private in the SDK: the store of a span's attributes.

That store, an `opentelemetry.attributes.BoundedAttributes`, is the only thing that knows the
longest value that a span takes (``SpanLimits`` given in code are nowhere to be read; and setting a
value to see whether it is cut makes the SDK log a warning for every span). It also tells what a
span has started with at a fifth of what ``span.attributes`` costs. And it is the only way to put
an attribute on a span that is ending: the SDK has frozen it by then (opentelemetry-python#5614).

An SDK that keeps its attributes elsewhere one day degrades to the public API, with one warning:
then all works but the value limit, and what is mended when a span ends.

The span processor takes four looks of its own, with each span: to call a function for one takes longer than the look.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes

from otel_sessions import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan  # noqa: TID251  # a type, which nothing loads

    Value = str | tuple[str, ...]

attributes_in: Callable[[Any], dict[str, Any]] = attrgetter("_dict")
"""Returns the attributes in a store, to be read at once. Raises `AttributeError` where the SDK keeps them otherwise."""

attributes_and_limit: Callable[[ReadableSpan], tuple[Mapping[str, Any], int | None]] = attrgetter(
    "_attributes._dict", "_attributes.max_value_len"
)
"""Returns the attributes of a span, to be read at once, and its longest value in characters (``None`` is any).

Raises `AttributeError` where the SDK keeps them otherwise.
"""

store_of: Callable[[ReadableSpan], Any] = attrgetter("_attributes")
"""Returns the store of a span, whose ``dropped`` tells how many attributes it has lost to its limit.

Raises `AttributeError` where the SDK keeps them otherwise.
"""


def attributes_of(span: Any) -> Mapping[str, Any]:  # noqa: ANN401  # of any SDK
    """Return what ``span`` has, to be read at once; through the public API it would be a copy of all."""
    try:
        found: Mapping[str, Any] = span._attributes._dict  # noqa: SLF001  # see above
    except AttributeError:
        return getattr(span, "attributes", None) or {}
    return found


def attributes_now(span: Any) -> dict[str, Any]:  # noqa: ANN401  # of any SDK
    """Return a copy of what an open ``span`` has, made in one step: other threads set more, for which the oldest give way."""
    return dict(attributes_of(span))


def shown_by(span: Any) -> Mapping[str, Any] | None:  # noqa: ANN401  # of any SDK
    """Return what ``span`` has, to be read at once; ``None`` where it is none that shows its attributes."""
    try:
        found = span._attributes._dict  # noqa: SLF001  # see above
    except AttributeError:
        view = getattr(span, "attributes", None)
        return dict(view) if isinstance(view, MappingProxyType) else None
    return found if type(found) is dict else None  # of a mock, it is another mock


_MIN_LIMIT = 2
"""A span that holds fewer attributes than there are ids is left as the SDK makes it."""


_SPARE = 64 if getattr(sys, "_is_gil_enabled", lambda: True)() else sys.maxsize
"""How much more room than is needed lets a store be filled without its lock, which is a seventh of the cost of a span.

Nobody else has a span that starts, but for what a processor before us may have handed it to. There an attribute comes before
ours or behind, as the thread has it: ours are put by one step of the interpreter. What the lock is for, that there are no more
than the limit, would take so many attributes, set by another thread after the look at the room and before that step. Where threads
run at once, in a build without the lock of the interpreter, it is always taken.
"""


def put(span: Any, wanted: Mapping[str, Value]) -> Any:  # noqa: ANN401  # see `store_of`
    """Put what is ``wanted``, as the SDK would make it, on a span that starts; return its store, else ``None``.

    That is so where the span takes values of any length, has none of these keys, and has room for all: the common case, and
    asked for each span that is stamped. The SDK makes, checks and locks each of them anew; of a store that we don't know, it does.
    """
    try:
        store = span._attributes  # noqa: SLF001  # see above
        if type(store) is not BoundedAttributes or store.max_value_len is not None or span._end_time is not None:  # noqa: SLF001
            return None
        attributes, limit, count = store._dict, store.maxlen, len(wanted)  # noqa: SLF001
        if limit is not None and count + _SPARE <= (limit - len(attributes) if attributes else limit):
            if attributes:
                for key in wanted:
                    if key in attributes:
                        return None
            attributes |= wanted
            return store
        with store._lock:  # noqa: SLF001
            if not attributes.keys().isdisjoint(wanted) or (limit is not None and len(attributes) + count > limit):
                return None
            attributes |= wanted
    except AttributeError:
        return None
    return store


def put_open(span: Any, wanted: Mapping[str, Any]) -> None:  # noqa: ANN401  # of any SDK
    """Put what is ``wanted``, as the SDK would make it, on a span that is open, all at once.

    As ``set_attributes``, which makes and checks each of them anew, and takes five times as long.
    """
    try:
        if type(span._attributes) is BoundedAttributes:  # noqa: SLF001  # see above
            with span._lock:  # noqa: SLF001  # nobody ends it, or sets others, meanwhile
                if put(span, wanted) is not None:
                    return
    except AttributeError:
        pass
    span.set_attributes(dict(wanted))


def known_attributes_and_limit(span: ReadableSpan) -> tuple[Mapping[str, Any], int | None]:
    """Do as `attributes_and_limit`; where that raises, through the public API, which tells no limit."""
    try:
        return attributes_and_limit(span)
    except AttributeError:
        _diagnostics.warn_once(
            "attribute store",
            "otel_sessions: this version of opentelemetry-sdk does not show the limits of a span; an id that is longer than the "
            "attribute value limit will be cut by the SDK, and a span with too many attributes may lose its ids",
        )
        return span.attributes or {}, None


def discard(span: ReadableSpan, items: Iterable[tuple[str, Value]]) -> None:
    """Take ``items`` off a span that has not ended, where they are as they were put there.

    The public API can only overwrite: of a store that we don't know they stay. Of a span that has ended an exporter may be reading.
    """
    store: Any = span._attributes  # noqa: SLF001  # see above
    with suppress(AttributeError), store._lock:  # noqa: SLF001
        for key, value in items if span.end_time is None else ():
            if store._dict.get(key) == value:  # noqa: SLF001
                del store._dict[key]  # noqa: SLF001


def restore(span: ReadableSpan, kept: Mapping[str, Any]) -> int:
    """Put ``kept`` back on a span that is ending and has lost them to its limit; return how many were lost."""
    store: Any = span._attributes  # noqa: SLF001  # see above
    lost = {key: value for key, value in kept.items() if key not in store._dict}  # noqa: SLF001
    return change(store, lost, kept=kept) if lost else 0


def change(store: Any, put: Mapping[str, Any], gone: Iterable[str] = (), kept: Collection[str] = ()) -> int:  # noqa: ANN401  # see `store_of`
    """Put attributes on a span that is ending, and take those off that are ``gone``; return how many are new on it.

    The oldest give way, but not what is to be ``kept``, so that it has no more than the limit; where it can't hold
    them all, the last are left out. How many it has dropped stays the same.
    """
    with store._lock:  # noqa: SLF001
        attributes, limit = store._dict, store.maxlen  # noqa: SLF001
        for key in gone:
            attributes.pop(key, None)
        new = [key for key in put if key not in attributes]
        others = [key for key in attributes if key not in put and key not in kept]
        if limit is not None:
            room = limit - len(attributes) + len(others) if limit >= _MIN_LIMIT else 0
            new = new[: max(room, 0)]
            for key in others[: max(len(attributes) + len(new) - limit, 0)]:
                del attributes[key]
        attributes.update({key: value for key, value in put.items() if key in new or key in attributes})
    return len(new)


def rewrite(span: Any, put: Mapping[str, Any], gone: Collection[str], kept: Collection[str]) -> None:  # noqa: ANN401  # that has ended
    """Change the attributes of what processors get of a span that has ended, where somebody may have set others in place."""
    if hasattr(span._attributes, "_dict"):  # noqa: SLF001  # see above
        change(span._attributes, put, gone, kept)  # noqa: SLF001
    else:
        left = {key: value for key, value in span._attributes.items() if key not in gone}  # noqa: SLF001
        span._attributes = {**left, **put}  # noqa: SLF001
