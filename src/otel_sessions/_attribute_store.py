"""The one place that touches what is private in the SDK: the store of a span's attributes.

That store, an `opentelemetry.attributes.BoundedAttributes`, is the only thing that knows the
longest value that a span takes (``SpanLimits`` given in code are nowhere to be read; and setting a
value to see whether it is cut makes the SDK log a warning for every span). It also tells what a
span has started with at a fifth of what ``span.attributes`` costs.

An SDK that keeps its attributes elsewhere one day degrades to the public API, with one warning:
then all works but the value limit.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from . import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

attributes_and_limit: Callable[[ReadableSpan], tuple[Mapping[str, Any], int | None]] = attrgetter(
    "_attributes._dict", "_attributes.max_value_len"
)
"""Returns the attributes of a span, to be read at once, and its longest value in characters (``None`` is any).

Raises `AttributeError` where the SDK keeps them otherwise.
"""


def public_attributes(span: ReadableSpan) -> Mapping[str, Any]:
    """Return the attributes of a span through the public API, which tells no limit."""
    _diagnostics.warn_once(
        "attribute store",
        "otel_sessions: this version of opentelemetry-sdk does not show the limits of a span; an id that is "
        "longer than the attribute value limit will be cut by the SDK",
    )
    return span.attributes or {}


def overwrite(span: ReadableSpan, key: str, value: str) -> None:
    """Change an attribute of a span that is ending, if the span has it.

    At that moment the SDK has frozen its attributes already (opentelemetry-python#5614).
    """
    store: Any = span._attributes  # noqa: SLF001  # see above
    with store._lock:  # noqa: SLF001
        if key in store._dict:  # noqa: SLF001
            store._dict[key] = value  # noqa: SLF001
