"""Raw spans and log records to facts: fast, since each one that comes is read.

By the keys of a span its plan is known (see `plans`), and what an attribute says is mostly known from another span of the
same source (see `wire.memos`), so that little is decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from otel_sessions._session import check_names
from otel_sessions.view.wire.memos import Memo

from . import content_names, names
from . import raw as wire
from .errors import error_of_state, error_of_status, is_failed_call
from .facts import NO_TOKENS, NO_WORDS, Facts, Judgement, Kind, LogFacts, Named, Tokens
from .ids import encodable, id_in
from .judgements import MOST, judgement_of_event, judgements_of
from .plans import CODES, NOTHINGS, ODD, OUTLINES, Outline, Plan
from .senders import LONGEST, MAX_NAME, NAME_OF, Group, sender_of
from .sources import SourceFacts, facts_of_source, named_in, rank_of, visit_of
from .tokens import cost_in, tokens_in_json, tokens_of
from .words import words_of_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from otel_sessions.view.wire.batch import RawLog, RawSpan, Source

    from .names import Name
    from .senders import Ending, Sayings, Sender

_new = tuple.__new__  # what a named tuple does, in a third of the time
_begins_with = bytes.startswith

_HTTP = {3: Kind.HTTP_CLIENT, 2: Kind.HTTP_SERVER}
"""By ``SpanKind``."""

_NO_ERRORS = (b"", b"\x18\x01")
"""What a ``Status`` mostly is: unset or good, without a message."""

_AGENT, _LLM, _CHAIN, _TURN, _HTTP_CLIENT = Kind.AGENT, Kind.LLM, Kind.CHAIN, Kind.TURN, Kind.HTTP_CLIENT
_EVALUATION, _NOISE = Kind.EVALUATION, Kind.NOISE
"""What is recorded on these was said by nobody."""

_OF_GENAI = b"gen_ai."
_FRONT = 64
"""Within how many bytes of an event its name begins."""

_SIDES_OF_INPUT = frozenset({content_names.INPUT, content_names.BOTH})
_SIDES_OF_OUTPUT = frozenset({content_names.OUTPUT, content_names.BOTH})


def facts_of_spans(spans: Sequence[RawSpan], sources: Sequence[Source]) -> list[Facts]:
    """Return what each of the ``spans`` says of itself, in their order; never raises on any content.

    Args:
        spans: As they came.
        sources: What the ``source`` of a span counts into.
    """
    known = [sender_of(source) for source in sources]
    every: list[Facts] = []
    keep = every.append
    for _, span_id, parent_id, start, end, source, raw in spans:
        at, tags, sizes = _CHILD if parent_id else _ROOT
        sender = known[source]
        found = group = None
        if len(raw) > _SHORTEST and raw[18 : at + 1 : 10] == tags and raw[19:at:10] == sizes and raw[:2] == _FIRST:
            behind = at + raw[at + 1] + _BEHIND
            if raw[behind - 18 : behind : 9] == _TIMES:
                group = sender.groups[raw[at : behind - 18]]
                if group is not None:
                    ending = raw[behind:]
                    found = group.endings.get(ending) if group.repeats and len(ending) <= LONGEST else None
                    if found is None:
                        found = _found_behind(ending, group)
                    else:
                        group.hits += 1
        if group is None or found is None:
            group, found = _found_in(raw, sender)
        kind, rest = found
        # As `Facts(...)`, in half the time.
        keep(_new(Facts, (span_id, parent_id, group.name, kind, group.span_kind, start, end) + rest))  # noqa: RUF005  # likewise
    return every


# Most spans begin with the ids, the name, the kind and the times. Where the name stands; the tags before it, from that of
# the span's id; the sizes between. As ids have 16 and 8 bytes, they stand ten bytes apart.
_ROOT = (28, b"\x12\x2a", b"\x08")
_CHILD = (38, b"\x12\x22\x2a", b"\x08\x08")
_FIRST = b"\x0a\x10"
_TIMES = b"\x39\x41"
_BEHIND = 22
"""From the name to behind the times, beside the name: the tag and the size of it, the kind, and the times."""

_SHORTEST = 50


def facts_of_logs(logs: Sequence[RawLog], sources: Sequence[Source]) -> list[LogFacts]:
    """Return what each of the ``logs`` says of itself, likewise."""
    known = [facts_of_source(source) for source in sources]
    return [_log_facts_of(log, known[log.source]) for log in logs]


def _namer(rows: Sequence[Name]) -> Callable[[bytes], Named | None]:
    """Return what tells of an attribute what it names, by a table."""
    by_prefix = {
        wire.prefix_of(row.key): (row, rank_of(place, rows, is_resource=False)) for place, row in enumerate(rows)
    }

    def named(raw: bytes) -> Named | None:
        row, rank = by_prefix[raw[: raw[1] + 2]]
        return named_in(raw, row, rank)

    return named


_KINDS: Mapping[bytes, Mapping[str, Kind]] = {
    wire.prefix_of(row.key): {value.lower(): kind for value, kind in kinds.items()}
    for row, kinds in names.KINDS.items()
}


def _kind_in(raw: bytes) -> Kind | None:
    return _KINDS[raw[: raw[1] + 2]].get(wire.text_in(raw).lower())


def _text_in(raw: bytes) -> str:
    return encodable(wire.text_in(raw)[:MAX_NAME])


_SESSION_OF: Memo[bytes, Named | None] = Memo(_namer(names.SESSIONS))
_USER_OF: Memo[bytes, Named | None] = Memo(_namer(names.USERS))
_KIND_OF: Memo[bytes, Kind | None] = Memo(_kind_in)
_TEXT_OF: Memo[bytes, str] = Memo(_text_in)


def _usual(attributes: Iterable[bytes]) -> tuple[list[bytes], Outline]:
    """Return ``attributes`` in their usual form, and their outline."""
    usual = [raw if wire.is_usual(raw) else wire.canonical(raw) for raw in attributes]
    return usual, OUTLINES[tuple([CODES[raw[: raw[1] + 2]] for raw in usual])]


def _found_behind(ending: bytes, group: Group) -> Ending | None:
    """Return what the ending of a span says, ``None`` where it has a name, or a kind, once more."""
    message = wire.parsed(wire.Span, ending)
    if message.HasField("name") or message.HasField("kind"):
        return None
    found = _ending_of(message, ending, group)
    if group.repeats and len(ending) <= LONGEST:
        group.keep(ending, found)
    return found


def _found_in(raw: bytes, sender: Sender) -> tuple[Group, Ending]:
    """Return the same of a span that is written in another order."""
    message = wire.parsed(wire.Span, raw)
    group = Group(sender.source, *NAME_OF[message.name], message.kind)
    return group, _ending_of(message, raw, group)


def _ending_of(message: Any, data: bytes, group: Group) -> Ending:  # noqa: ANN401  # a class that is made at run time
    attributes = message.attributes[:]
    count, beginnings, outline = group.layout
    if len(attributes) != count or not all(map(_begins_with, attributes, beginnings)):
        attributes, outline = _laid_out(attributes, group)
    shared, mark, counts, says, has_more, plan = outline
    found = group.sayings.get(key := (mark, shared(attributes)))
    if found is None:
        found = _said_often(attributes, plan, group)
        group.keep_saying(key, found)
    kind, session, user, session_name, path, previous_id, displaced_id, model = found
    status, last_event = message.status, message.last_event
    error = error_of_status(status, data) if status not in _NO_ERRORS else ""
    cost, other_error = _more_of(attributes, plan) if has_more else _NOTHING_MORE
    has_input, has_output, judgements = (
        _said_in(attributes, plan, data if last_event else b"", kind) if says or last_event else _NOTHING_SAID
    )
    return kind, (
        error or other_error,
        group.source.service,
        group.source.scope,
        session,
        user,
        session_name,
        path,
        previous_id,
        displaced_id,
        model,
        _tokens_of(attributes, plan, group.source, kind) if counts else NO_TOKENS,
        cost,
        has_input,
        has_output,
        judgements,
        kind is _HTTP_CLIENT and is_failed_call(attributes, plan, is_error=bool(error)),
    )


def _laid_out(attributes: list[bytes], group: Group) -> tuple[list[bytes], Outline]:
    """Return attributes in their usual form, and their outline; the next span of the group mostly has the same keys."""
    try:
        beginnings = [raw[: raw[1] + 2] for raw in attributes]
    except IndexError:  # one without a key
        return _usual(attributes)
    outline = OUTLINES[tuple([CODES[each] for each in beginnings])]
    if outline is ODD:
        return _usual(attributes)
    group.layout = (len(attributes), beginnings, outline)
    return attributes, outline


def _said_often(attributes: Sequence[bytes], plan: Plan, group: Group) -> Sayings:
    source = group.source
    kind = _kind_of(attributes, plan, source, group.span_kind) or group.kind
    return (
        kind,
        _session_of(attributes, plan.sessions, source) if plan.sessions else source.session,
        _user_of(attributes, plan.users, source) if plan.users else source.user,
        _text_of(attributes, plan.session_names),
        _text_of(attributes, plan.paths),
        _id_of(attributes, plan.previous),
        _id_of(attributes, plan.displaced),
        _model_of(attributes, plan, kind),
    )


_More: TypeAlias = "tuple[float | None, str]"

_NOTHING_MORE: _More = (None, "")


def _more_of(attributes: Sequence[bytes], plan: Plan) -> _More:
    """Return what few spans say: the cost, and what went wrong."""
    return (
        _cost_of(attributes, plan.costs) if plan.costs else None,
        error_of_state(attributes, plan) if plan.errors else "",
    )


def _kind_of(attributes: Sequence[bytes], plan: Plan, source: SourceFacts, span_kind: int) -> Kind:
    """Return what a span is of: what an attribute says, else what attributes there are, else a call over HTTP."""
    for place in plan.kinds:
        kind = _KIND_OF[attributes[place]]
        if kind is not None:
            return _TURN if source.is_ours and kind is _CHAIN else kind
    if plan.kind:
        return plan.kind
    return _HTTP.get(span_kind, Kind.OTHER) if plan.is_http else Kind.OTHER


def _session_of(attributes: Sequence[bytes], places: Iterable[int], source: SourceFacts) -> Named | None:
    """Return the session of the lowest rank."""
    best = source.session
    for place in places:
        named = _SESSION_OF[attributes[place]]
        if named is not None:
            found = visit_of(named) if source.is_browser else named
            if best is None or found.rank < best.rank:
                best = found
            if found is named:  # what follows has a higher rank
                break
    return best


def _user_of(attributes: Sequence[bytes], places: Iterable[int], source: SourceFacts) -> Named | None:
    for place in places:
        named = _USER_OF[attributes[place]]
        if named is not None:
            return named if source.user is None or named.rank < source.user.rank else source.user
    return source.user


def _text_of(attributes: Sequence[bytes], places: Iterable[int]) -> str:
    for place in places:
        text = _TEXT_OF[attributes[place]]
        if text:
            return text
    return ""


def _model_of(attributes: Sequence[bytes], plan: Plan, kind: Kind) -> str:
    model = _text_of(attributes, plan.models)
    return _text_of(attributes, plan.models_of_calls) if not model and kind is _LLM else model


def _id_of(attributes: Sequence[bytes], places: Iterable[int]) -> str:
    return next(filter(None, (id_in(attributes[place]) for place in places)), "")


def _tokens_of(attributes: Sequence[bytes], plan: Plan, source: SourceFacts, kind: Kind) -> Tokens:
    """Return the tokens; those in the JSON of an answer are a model's alone, which others repeat."""
    if kind is _AGENT and source.accumulates:
        return NO_TOKENS
    if plan.tokens:
        return tokens_of(attributes, plan.tokens, is_beside=plan.is_beside)
    return tokens_in_json(attributes[plan.usages[0]]) if kind is _LLM else NO_TOKENS


def _cost_of(attributes: Sequence[bytes], places: Iterable[int]) -> float | None:
    return next((cost for place in places if (cost := cost_in(attributes[place])) is not None), None)


_Said: TypeAlias = "tuple[bool, bool, tuple[Judgement, ...]]"

_NOTHING_SAID: _Said = (False, False, ())


def _said_in(attributes: Sequence[bytes], plan: Plan, events: bytes, kind: Kind) -> _Said:
    """Return whether there are words on either side, and what was judged; ``events`` are those of a serialized span."""
    has_input = has_output = False
    for place, nothing, hidden in plan.inputs:
        raw = attributes[place]
        if len(raw) > hidden or (len(raw) > nothing and raw[nothing:] not in NOTHINGS):
            has_input = True
            break
    for place, nothing, hidden in plan.outputs:
        raw = attributes[place]
        if len(raw) > hidden or (len(raw) > nothing and raw[nothing:] not in NOTHINGS):
            has_output = True
            break
    judgements: tuple[Judgement, ...] = ()
    if events or plan.is_judged:
        has_input, has_output, judgements = _heard_in(attributes, plan, events, (has_input, has_output))
    if kind is _EVALUATION or kind is _NOISE:
        return False, False, judgements
    return has_input, has_output, judgements


def _heard_in(attributes: Sequence[bytes], plan: Plan, events: bytes, said: tuple[bool, bool]) -> _Said:
    """Return the same with what events and judgements tell."""
    has_input, has_output = said
    judgements = judgements_of(wire.mapping_of(attributes)) if plan.is_judged else ()
    for data in wire.events_of(events) if events else ():
        if _OF_GENAI in data[:_FRONT]:
            event = wire.parsed(wire.Event, data)
            name = wire.text_of(event.name)
            side = content_names.EVENTS.get(name)
            has_input = has_input or side in _SIDES_OF_INPUT
            has_output = has_output or side in _SIDES_OF_OUTPUT
            if name == check_names.EVENT and len(judgements) < MOST:
                judged = judgement_of_event(wire.mapping_of(event.attributes), of_session=False)
                judgements = (*judgements, judged) if judged is not None else judgements
    return has_input, has_output, judgements


def _log_facts_of(log: RawLog, source: SourceFacts) -> LogFacts:
    record = wire.parsed(wire.LogRecord, log.raw)
    attributes, outline = _usual(record.attributes)
    plan = outline.plan
    event = wire.text_of(record.event_name[:MAX_NAME]) or _text_of(attributes, plan.event_names)
    judged = None
    if event == check_names.EVENT:
        judged = judgement_of_event(wire.mapping_of(attributes), of_session=not log.span_id)
    return LogFacts(
        log.span_id,
        log.time,
        event,
        record.severity,
        source.service,
        source.scope,
        _session_of(attributes, plan.sessions, source) if plan.sessions else source.session,
        _user_of(attributes, plan.users, source) if plan.users else source.user,
        () if judged is None else (judged,),
        event in content_names.EVENTS or (event in content_names.LOGS and words_of_log(log.raw) != NO_WORDS),
    )
