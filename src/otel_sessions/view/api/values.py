"""Times, durations and attribute values as JSON has them, whatever an exporter has sent. Pure."""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_sessions.view.wire.whole import Value

JSON: TypeAlias = "str | bool | int | float | list[JSON] | dict[str, JSON] | None"

MAX_VALUE = 4_096
"""Characters of an attribute's value that are shown; a longer one is cut, and marked."""

# What a number of JavaScript can hold without loss (ECMA-262, Number.MAX_SAFE_INTEGER).
_SAFE = 2**53 - 1


def time(nanoseconds: int) -> str | None:
    """Return a unix time in ns as RFC 3339 in UTC, ``None`` for one that is not known."""
    if nanoseconds <= 0:
        return None
    digits = str(nanoseconds).zfill(10)
    return f"{_second(digits[:-9])}.{digits[-9:]}Z"


def duration(start: int, end: int) -> float | None:
    """Return the ms from ``start`` to ``end``, in ns; ``None`` where one is not known, 0 for a clock that went back."""
    return max(end - start, 0) / 1e6 if start > 0 and end > 0 else None


def milliseconds(nanoseconds: int | None) -> float | None:
    """Return a duration in ms."""
    return None if nanoseconds is None else nanoseconds / 1e6


def exact(value: Value) -> JSON:
    """Return an attribute's value such that no reader of JSON changes it.

    Integers beyond 2**53 - 1 and numbers that are none are texts, bytes are Base64, as OTLP's own JSON has them.
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -_SAFE <= value <= _SAFE else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _odd_number(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return [exact(item) for item in value]


def cut(values: Mapping[str, Value]) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """Return attributes as JSON, and the whole length of each that was too long and is cut.

    A list or a map that is too long becomes the beginning of its JSON text. Lengths are in characters.
    """
    kept: dict[str, JSON] = {}
    lengths: dict[str, JSON] = {}
    for key, value in values.items():
        if isinstance(value, str) and len(value) <= MAX_VALUE:  # as nearly all are
            kept[key] = value
            continue
        text = value if isinstance(value, str) else _text_of_long(value)
        if text is None or len(text) <= MAX_VALUE:
            kept[key] = exact(value)
        else:
            kept[key] = shortened(text, MAX_VALUE)
            lengths[key] = len(text)
    return kept, lengths


def shortened(text: str, most: int | None) -> str:
    """Return the beginning of what is longer than ``most`` characters, with a sign; ``None`` is any length."""
    return text if most is None or len(text) <= most else text[:most] + "…"


def whole(values: Mapping[str, Value]) -> dict[str, JSON]:
    """Return attributes as JSON, uncut."""
    return {key: exact(value) for key, value in values.items()}


@lru_cache(1_000)  # the spans of a session are of few seconds
def _second(seconds: str) -> str:
    return f"{datetime.fromtimestamp(int(seconds), timezone.utc):%Y-%m-%dT%H:%M:%S}"


def _odd_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _text_of_long(value: Value) -> str | None:
    """Return the JSON text of what may be long, ``None`` for what never is."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return json.dumps(exact(value), ensure_ascii=False) if isinstance(value, (list, dict)) else None
