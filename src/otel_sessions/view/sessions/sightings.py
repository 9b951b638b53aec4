"""Spans as evidence: who made them, in which thread, and what they point to. What few rules ask for is read when they do."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.shapes.reading import facts_of_spans
from otel_sessions.view.wire.reading import InvalidOTLPError
from otel_sessions.view.wire.whole import whole_resource, whole_span

from .session_of_span import SESSION_ID_RANK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from otel_sessions.view.shapes.facts import Facts
    from otel_sessions.view.wire.batch import RawSpan, Source

    _Said = tuple[Mapping[str, Any], frozenset[tuple[bytes, bytes]]]

MOST_SPANS = 256
"""Of one trace, the first ones."""


class Process(NamedTuple):
    """What its resource says of the process that has made a span.

    Attributes:
        key: Equal for spans of one process, as far as the resource tells.
        pid, parent_pid: ``None`` where it does not say.
        is_known: Others have another key: it is more than that their resources are equal.
        host: Empty where it does not say.
        language: ``telemetry.sdk.language``.
    """

    key: tuple[object, ...]
    is_known: bool
    pid: object
    parent_pid: object
    host: str
    language: str


class Sighting:
    """One span.

    Attributes:
        facts: What it says by itself.
        process: Who made it.
        session: The session that it names by ``session.id``, empty for none.
    """

    def __init__(self, raw: bytes, facts: Facts, process: Process) -> None:
        """Take it as it came."""
        self._raw = raw
        self._kept: _Said | None = None
        self.facts = facts
        self.process = process
        named = facts.session
        self.session = named.id if named is not None and named.rank <= SESSION_ID_RANK else ""

    def _said(self) -> _Said:
        found = self._kept
        if found is None:
            found = self._kept = _said_by(self._raw)
        return found

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What else it says."""
        return self._said()[0]

    @property
    def links(self) -> frozenset[tuple[bytes, bytes]]:
        """The trace and the span of each link."""
        return self._said()[1]

    @property
    def thread(self) -> str:
        """Name and id of its thread, empty where it does not say."""
        name, number = self.attributes.get("thread.name"), self.attributes.get("thread.id")
        return "" if name is None or number is None else f"{name} {number}"

    def is_open_at(self, time: int) -> bool:
        """Tell whether it had begun then, and not ended; ``time`` is unix time in ns."""
        return self.facts.start <= time <= self.facts.end


def _said_by(raw: bytes) -> _Said:
    try:
        span = whole_span(raw)
    except InvalidOTLPError:  # what came was looked at no deeper than keeping it needs
        return {}, frozenset()
    return span.attributes, frozenset((each.trace_id, each.span_id) for each in span.links)


def sightings_of(spans: Sequence[tuple[RawSpan, Source]]) -> list[Sighting]:
    """Return the spans of a trace, by their start; the first ones of a long one."""
    some = spans[:MOST_SPANS]
    facts = facts_of_spans(
        [span._replace(source=at) for at, (span, _) in enumerate(some)], [source for _, source in some]
    )
    return [Sighting(span.raw, of, process_of(source.resource)) for (span, source), of in zip(some, facts, strict=True)]


@lru_cache(512)
def process_of(resource: bytes) -> Process:
    """Return what a serialized resource says of its process."""
    try:
        said = whole_resource(resource)
    except InvalidOTLPError:
        said = {}
    pid, instance = said.get("process.pid"), said.get("service.instance.id")
    host = str(said.get("host.id") or said.get("host.name") or "")
    if instance is not None:
        key: tuple[object, ...] = ("instance", str(said.get("service.name")), str(instance))
    else:
        key = ("process", host, pid) if pid is not None else ("resource", resource)
    return Process(
        key,
        key[0] != "resource",
        pid,
        said.get("process.parent_pid"),
        host,
        str(said.get("telemetry.sdk.language", "")),
    )


def root_of(spans: Sequence[Sighting]) -> Sighting | None:
    """Return the first span of a trace whose parent is not there; ``None`` for none."""
    ids = {each.facts.span_id for each in spans}
    return next((each for each in spans if each.facts.parent_span_id not in ids), None)
