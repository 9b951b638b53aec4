"""All that is known of a trace, from the facts of its spans and of its records."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from otel_sessions.view.shapes.facts import Kind

from .causes import cause_of
from .columns import columns_of, some_of
from .forest import forest_of, within
from .judged import failed, judgements_of
from .outermost import Talk
from .parts import Content, part_of, part_of_logs
from .paths import sums_of_paths
from .records import sessions_of_logs, told_of, with_records
from .session_of_span import sessions_of
from .summaries import TraceSummary, Uncovered
from .sums import NOTHING, counts_of, split, totals_of, unpriced
from .torn import torn_of
from .turns import candidates_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from otel_sessions.view.shapes.facts import Facts, Judgement, LogFacts, Words

    from .columns import Columns
    from .forest import Forest
    from .summaries import Part
    from .sums import Counts


_TURN, _LLM = Kind.TURN, Kind.LLM


def summary_of(
    trace_id: bytes,
    facts: Sequence[Facts],
    logs: Sequence[LogFacts],
    words: Callable[[int], Words],
    log_words: Callable[[int], Words],
) -> TraceSummary:
    """Return all that is known of a trace; the same for the same spans and records, in whatever order.

    Args:
        trace_id: 16 bytes; of records outside of any trace none.
        facts: Of its spans. Of those with one and the same id the last to end counts.
        logs: Of its records, each once.
        words: Of a span, by its place among ``facts``; called for what may be a turn alone.
        log_words: Of a record likewise.
    """
    columns = columns_of(facts)
    forest = forest_of(columns)
    if len(forest.places) < len(facts):
        places = _each_once(facts)
        return summary_of(trace_id, [facts[i] for i in places], logs, lambda i: words(places[i]), log_words)
    sessions = sessions_of(columns, forest)
    ids = {*sessions}
    near = forest.parents if len(ids) == 1 else within(forest, sessions)
    told = told_of(logs, forest) if logs else {}
    read = with_records(words, log_words, told, logs) if told else words
    talk = Talk(columns, near, forest.parents, read, told, _TURN in columns.kind)
    counts = counts_of(columns, forest, near)
    of_logs = sessions_of_logs(logs, columns, forest, sessions) if logs else []
    judgements: Mapping[str | None, Sequence[Judgement]] = {}
    if logs or any(columns.judgements):
        judgements = _judgements(columns, logs, forest, sessions, of_logs, counts)
    parts = _parts(trace_id, talk, forest, sessions, counts, judgements)
    if logs:
        parts.extend(_parts_of_logs(logs, of_logs, ids, judgements))
    if len(parts) > 1:
        parts.sort(key=lambda each: (each.session_id is None, each.session_id))
    return TraceSummary(tuple(parts), torn_of(columns), _uncovered(columns) if None in ids else ())


def sessions_of_facts(facts: Sequence[Facts]) -> list[str | None]:
    """Return the session in which each span of a trace counts, ``None`` for none.

    Args:
        facts: Of all its spans, each once.
    """
    columns = columns_of(facts)
    return sessions_of(columns, forest_of(columns))


def _parts(  # noqa: PLR0913, PLR0917  # one step of the function above
    trace_id: bytes,
    talk: Talk,
    forest: Forest,
    sessions: Sequence[str | None],
    counts: Counts,
    judgements: Mapping[str | None, Sequence[Judgement]],
) -> list[Part]:
    """Return the parts that spans are in."""
    members = _members(sessions, forest)
    sums = {sessions[0]: counts} if len(members) == 1 else split(counts, sessions.__getitem__)
    without = {sessions[i] for i in unpriced(talk.columns, forest, counts.costs)} if counts.costs else members.keys()
    found = []
    for session, order in members.items():
        columns = talk.columns if len(members) == 1 else some_of(talk.columns, order)
        of_it = sums.get(session, NOTHING)
        total = totals_of(of_it)
        content = Content(
            total,
            judgements.get(session, ()),
            candidates_of(trace_id, talk, order, of_it, total),
            _LLM not in columns.kind or session not in without,
            sums_of_paths(talk, order, of_it.tokens) if any(columns.path) else (),
        )
        found.append(part_of(session, columns, content))
    return found


def _each_once(facts: Sequence[Facts]) -> list[int]:
    found: dict[bytes, int] = {}
    for i, each in enumerate(facts):
        if (other := found.setdefault(each.span_id, i)) != i and (each.end, repr(each)) > (
            facts[other].end,
            repr(facts[other]),
        ):
            found[each.span_id] = i
    return list(found.values())


def _members(sessions: Sequence[str | None], forest: Forest) -> Mapping[str | None, Sequence[int]]:
    """Return the spans of each session, each after its parent."""
    if sessions and sessions.count(sessions[0]) == len(sessions):
        return {sessions[0]: forest.order}
    members: defaultdict[str | None, list[int]] = defaultdict(list)
    for i in forest.order:
        members[sessions[i]].append(i)
    return members


def _judgements(  # noqa: PLR0913, PLR0917  # one step of the function above
    columns: Columns,
    logs: Sequence[LogFacts],
    forest: Forest,
    sessions: Sequence[str | None],
    of_logs: Sequence[str | None],
    counts: Counts,
) -> Mapping[str | None, Sequence[Judgement]]:
    """Return what was judged in each session; what has failed is counted where it was said."""
    found: defaultdict[str | None, list[Judgement]] = defaultdict(list)
    for span, log, judgement in judgements_of(columns, logs, forest):
        session = sessions[span] if log < 0 else of_logs[log]
        found[session].append(judgement)
        if span >= 0 and session == sessions[span] and failed(judgement) and not judgement.of_session:
            counts.failed_checks[span] = counts.failed_checks.get(span, 0) + 1
    return found


def _parts_of_logs(
    logs: Sequence[LogFacts],
    of_logs: Sequence[str | None],
    ids: Collection[str | None],
    judgements: Mapping[str | None, Sequence[Judgement]],
) -> list[Part]:
    """Return the parts of sessions that only records are in which say something, or judge."""
    told: defaultdict[str | None, list[LogFacts]] = defaultdict(list)
    for log, session in zip(logs, of_logs, strict=True):
        if session not in ids and (log.has_words or log.judgements):
            told[session].append(log)
    return [part_of_logs(session, each, judgements.get(session, ())) for session, each in told.items()]


def _uncovered(columns: Columns) -> tuple[Uncovered, ...]:
    """Return what has no session, which is all of the trace."""
    cause = cause_of(columns)
    count, service, scope = len(columns.kind), columns.service[0], columns.scope[0]
    if columns.service.count(service) == columns.scope.count(scope) == count:
        return (Uncovered(service, scope, cause, count, columns.kind.count(Kind.LLM)),)
    sources = list(zip(columns.service, columns.scope, strict=True))
    calls = Counter(source for source, kind in zip(sources, columns.kind, strict=True) if kind == Kind.LLM)
    return tuple(
        Uncovered(*source, cause, number, calls[source]) for source, number in sorted(Counter(sources).items())
    )
