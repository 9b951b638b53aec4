"""Spans, log records and judgements of a trace as JSON documents. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions.view.sessions.columns import columns_of
from otel_sessions.view.sessions.forest import forest_of
from otel_sessions.view.sessions.judged import judgements_of
from otel_sessions.view.sessions.session_of_span import sessions_of
from otel_sessions.view.shapes.facts import Kind
from otel_sessions.view.shapes.reading import facts_of_logs, facts_of_spans
from otel_sessions.view.shapes.words import words_of
from otel_sessions.view.wire.batch import RawSpan
from otel_sessions.view.wire.whole import whole_log, whole_resource, whole_scope, whole_span

from .values import MAX_VALUE, cut, duration, exact, shortened, time, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_sessions.view.shapes.facts import Facts, Judgement, LogFacts, Tokens
    from otel_sessions.view.store.interface import StoredTrace
    from otel_sessions.view.wire.batch import RawLog, Source
    from otel_sessions.view.wire.whole import WholeEvent, WholeLink, WholeSpan

    from .values import JSON

# By the numbers of OTLP.
_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_STATUS = {1: "ok", 2: "error"}
_TYPES = {kind: kind.name.lower() for kind in Kind}


class Resources:
    """The resources of an answer, each once, and its place among them."""

    def __init__(self) -> None:
        """Start without any."""
        self._places: dict[bytes, int] = {}

    def place(self, resource: bytes) -> int:
        """Return where ``resource`` stands in `documents`."""
        return self._places.setdefault(resource, len(self._places))

    def documents(self) -> list[JSON]:
        """Return the attributes of each, cut as those of spans are."""
        return [dict(cut(whole_resource(resource))[0]) for resource in self._places]


def facts_of(trace: StoredTrace) -> list[Facts]:
    """Return what the spans of ``trace`` say, in their order."""
    places: dict[Source, int] = {}
    spans = [
        # As `RawSpan(...)`, in half the time.
        tuple.__new__(RawSpan, (*span[:-2], places.setdefault(source, len(places)), span.raw))
        for span, source in trace.spans
    ]
    return facts_of_spans(spans, [*places])


def log_facts_of(logs: Sequence[tuple[RawLog, Source]]) -> list[LogFacts]:
    """Return what the records say, in their order."""
    return facts_of_logs(
        [log._replace(source=place) for place, (log, _) in enumerate(logs)], [each for _, each in logs]
    )


def span_documents(trace: StoredTrace, facts: Sequence[Facts], resources: Resources) -> list[dict[str, JSON]]:
    """Return the spans of ``trace`` by their start, with attributes cut."""
    documents = [
        _span_document(raw, of_span, session, resources.place(source.resource))
        for (raw, source), of_span, session in zip(trace.spans, facts, _sessions(facts), strict=True)
    ]
    order = sorted(range(len(facts)), key=lambda place: (facts[place].start, facts[place].span_id))
    return [documents[place] for place in order]


def whole_span_document(trace: StoredTrace, span_id: bytes) -> dict[str, JSON] | None:
    """Return one span of ``trace`` with all of it, uncut; ``None`` for no such span."""
    facts = facts_of(trace)
    for (raw, source), of_span, session in zip(trace.spans, facts, _sessions(facts), strict=True):
        if raw.span_id == span_id:
            return _whole_document(raw, source, of_span, session)
    return None


def log_documents(logs: Sequence[tuple[RawLog, Source]], facts: Sequence[LogFacts]) -> list[dict[str, JSON]]:
    """Return log records by their time, with body and attributes cut."""
    documents = [_log_document(raw, of_log) for (raw, _), of_log in zip(logs, facts, strict=True)]
    order = sorted(range(len(facts)), key=lambda place: facts[place].time)
    return [documents[place] for place in order]


def judgement_documents(trace_id: bytes, facts: Sequence[Facts], logs: Sequence[LogFacts]) -> list[dict[str, JSON]]:
    """Return checks, evaluations and feedback of one trace, each once, though a span and a record tell of it.

    Each has the id of the span that is judged.
    """
    if not any(said.judgements for said in facts) and not any(said.judgements for said in logs):
        return []
    columns = columns_of(facts)
    return [
        _judgement(judgement)
        | {
            "trace_id": trace_id.hex() or None,
            "span_id": (facts[span] if span >= 0 else logs[log]).span_id.hex() or None,
        }
        for span, log, judgement in judgements_of(columns, logs, forest_of(columns))
    ]


def tokens_document(tokens: Tokens) -> dict[str, JSON]:
    """Return what models read and wrote; ``None`` is not recorded."""
    read, wrote, cache_read, cache_write, reasoning, total = tokens
    return {
        "input": read,
        "output": wrote,
        "cache_read": cache_read,
        "cache_write": cache_write,
        "reasoning": reasoning,
        "total": total,
    }


def _sessions(facts: Sequence[Facts]) -> list[str | None]:
    """Return the session in which each span counts."""
    columns = columns_of(facts)
    return sessions_of(columns, forest_of(columns))


def _span_document(raw: RawSpan, facts: Facts, session: str | None, resource: int) -> dict[str, JSON]:
    span = whole_span(raw.raw)
    attributes, lengths = cut(span.attributes)
    document = _said_of(span, facts, session)
    # Put in, not joined: a session has some thousand spans.
    document["input"], document["output"] = _words_of_tool(raw, facts, MAX_VALUE)
    document["attributes"] = attributes
    document["cut"] = lengths
    document["events"] = [_event(event, cut(event.attributes)[0]) for event in span.events]
    document["links"] = [_link(link, cut(link.attributes)[0]) for link in span.links]
    document["scope"] = facts.scope
    document["resource"] = resource
    return document


def _whole_document(raw: RawSpan, source: Source, facts: Facts, session: str | None) -> dict[str, JSON]:
    span = whole_span(raw.raw)
    name, version, attributes = whole_scope(source.scope)
    document = _said_of(span, facts, session)
    document["input"], document["output"] = _words_of_tool(raw, facts, None)
    document["attributes"] = whole(span.attributes)
    document["events"] = [_event(event, whole(event.attributes)) for event in span.events]
    document["links"] = [_link(link, whole(link.attributes)) for link in span.links]
    document["trace_state"] = span.trace_state
    document["resource"] = whole(whole_resource(source.resource))
    document["scope"] = {"name": name, "version": version, "attributes": whole(attributes)}
    return document


def _said_of(span: WholeSpan, facts: Facts, session: str | None) -> dict[str, JSON]:
    own, displaced = facts.session.id if facts.session else "", facts.displaced_id
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex() or None,
        "name": span.name,
        "service": facts.service or None,
        "kind": _KINDS.get(span.span_kind),
        "type": _TYPES[facts.kind],
        "start": time(span.start),
        "end": time(span.end),
        "duration": duration(span.start, span.end),
        "status": _STATUS.get(span.status_code, "unset"),
        "error": facts.error or None,
        "session_id": session,
        "session_ids": [each for each in ((own, displaced) if own != displaced else (own,)) if each],
        "session_key": facts.session.key if facts.session else None,
        "user_id": facts.user.id if facts.user else None,
        "path": facts.path or None,
        "model": facts.model or None,
        "tokens": tokens_document(facts.tokens),
        "cost": facts.cost,
        "dropped": {
            "attributes": span.dropped_attributes,
            "events": span.dropped_events,
            "links": span.dropped_links,
        },
    }


def _words_of_tool(raw: RawSpan, facts: Facts, most: int | None) -> tuple[str | None, str | None]:
    """Return what a tool was given and gave; what was said in other spans is on the turn, or in their attributes."""
    if facts.kind is not Kind.TOOL:
        return None, None
    words = words_of(raw.raw)
    return shortened(words.input, most) or None, shortened(words.output, most) or None


def _event(event: WholeEvent, attributes: dict[str, JSON]) -> dict[str, JSON]:
    return {"name": event.name, "time": time(event.time), "attributes": attributes}


def _link(link: WholeLink, attributes: dict[str, JSON]) -> dict[str, JSON]:
    return {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex(), "attributes": attributes}


def _log_document(raw: RawLog, facts: LogFacts) -> dict[str, JSON]:
    log = whole_log(raw.raw)
    content, lengths = cut({"body": log.body})
    attributes, more = cut(log.attributes)
    return {
        "trace_id": raw.trace_id.hex() or None,
        "span_id": raw.span_id.hex() or None,
        "time": time(facts.time),
        "event": facts.event or None,
        "severity": facts.severity or None,
        "service": facts.service or None,
        "scope": facts.scope,
        "body": content["body"],
        "attributes": attributes,
        "cut": lengths | more,
    }


def _judgement(judgement: Judgement) -> dict[str, JSON]:
    return {
        "name": judgement.name,
        "passed": judgement.passed,
        "score": exact(judgement.score),
        "label": judgement.label or None,
        "explanation": judgement.explanation or None,
        "feedback": judgement.is_feedback,
        "of_session": judgement.of_session,
    }
