"""Looks at every span as it ends, and keeps nothing of it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor

from ._model import KEYS, OUTSIDE, Expected

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from ._model import Allowed, Seen, Where

_MAX_SHOWN = 20
_MAX_ATTRIBUTES = 128


class Oracle(SpanProcessor):
    """Compares each span with what its workload expects of it.

    Attributes:
        counts: How many spans were judged, wrong, missing a session, never ended; how often a session was read, and
            how often it can't be told what is right.
        by_name: How many were judged, by the name of the span.
        shown: The first that were not right, in words.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.by_name: Counter[str] = Counter()
        self.shown: list[str] = []
        self._live: dict[int, Expected] = {}
        self._lock = threading.RLock()  # not Lock: what the garbage collector ends comes in between

    def expect(self, span: Any, where: Where, before: Seen) -> Expected:
        """Return what ``span``, which was started at ``where``, will be measured by; ``before`` is what was seen there."""
        expected = Expected(where, before)
        self._live[span.get_span_context().span_id] = expected
        if where == OUTSIDE and span.parent is not None and not span.parent.is_remote:
            self._blame("wrong", f"{span.name}: expected to begin a trace, and has a parent")
        return expected

    def on_end(self, span: ReadableSpan) -> None:
        """Judge ``span``, and forget it."""
        expected = self._live.pop(span.get_span_context().span_id)
        self._judge(span.name, expected.allowed, dict(span.attributes or {}))
        expected.ended()

    def never_ends(self, span: Any) -> None:
        """Judge ``span`` as it is: nobody will end it."""
        expected = self._live.pop(span.get_span_context().span_id)
        self._judge(span.name, expected.allowed, dict(span.attributes or {}))
        expected.ended()
        with self._lock:
            self.counts["never ended"] += 1

    def check(self, what: str, allowed: Allowed, found: tuple[str | None, ...]) -> None:
        """Judge what an application reads of its session."""
        self._judge(what, allowed, dict(zip(KEYS, found, strict=True)), counted="reads")

    def unaccounted(self) -> int:
        """Return how many spans were started and never seen again."""
        return len(self._live)

    def judged(self) -> int:
        """Return how many spans were looked at."""
        with self._lock:
            return self.counts["spans"]

    def _judge(self, name: str, allowed: Allowed, found: dict[str, Any], counted: str = "spans") -> None:
        values = tuple(found.get(key) for key in KEYS)
        # Of more than a span can hold only the ids are promised to stay.
        looked_at = 2 if len(found) >= _MAX_ATTRIBUTES else len(KEYS)
        is_right = any(ids.attributes[:looked_at] == values[:looked_at] for ids in allowed)
        is_right = is_right and len(found) <= _MAX_ATTRIBUTES
        is_unsure = any(ids.is_unsure for ids in allowed)
        with self._lock:
            self.counts[counted] += 1
            self.counts["unsure"] += is_unsure
            self.by_name[name] += 1
            if is_right or is_unsure:
                return
        lacks = values[0] is None and all(ids.session for ids in allowed)
        wanted = " or ".join(str(ids.attributes) for ids in allowed)
        self._blame("missing" if lacks else "wrong", f"{name}: expected {wanted}, found {values}")

    def _blame(self, kind: str, text: str) -> None:
        with self._lock:
            self.counts[kind] += 1
            if len(self.shown) < _MAX_SHOWN:
                self.shown.append(text)
