"""The one place that touches what is private in the SDK: the store of a span's attributes.

That store, an `opentelemetry.attributes.BoundedAttributes`, is the only thing that knows the
longest value that a span takes (``SpanLimits`` given in code are nowhere to be read; and setting a
value to see whether it is cut makes the SDK log a warning for every span). It also tells what a
span has started with for a third of what ``span.attributes`` costs.

An SDK that keeps its attributes elsewhere one day degrades to the public API, with one warning:
then all works but the value limit.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

from . import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan


class AttributeStore(Protocol):
    """What is used of `opentelemetry.attributes.BoundedAttributes`; all of it public there."""

    max_value_len: int | None
    """Longest value, in characters; ``None`` for any length."""

    def copy(self) -> dict[str, Any]:
        """Return the attributes as they are now."""
        ...


store_of: Callable[[ReadableSpan], AttributeStore] = attrgetter("_attributes")
"""Returns the store of a span's attributes; raises `AttributeError` where there is none."""


def overwrite(span: ReadableSpan, key: str, value: str) -> None:
    """Change an attribute of a span that is ending, if the span has it.

    At that moment the SDK has frozen its attributes already (opentelemetry-python#5614).
    """
    store: Any = store_of(span)
    with store._lock:  # noqa: SLF001  # see above
        if key in store._dict:  # noqa: SLF001
            store._dict[key] = value  # noqa: SLF001


def public_view_of(span: ReadableSpan) -> tuple[None, dict[str, Any]]:
    """Return what the public API tells of a span without a store: no limit, and its attributes."""
    _diagnostics.warn_once(
        "attribute store",
        "otel_sessions: this version of opentelemetry-sdk does not show the limits of a span; an id that is "
        "longer than the attribute value limit will be cut by the SDK",
    )
    return None, dict(span.attributes or {})
