"""Summaries to columns and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_sessions.view.sessions.summaries import Candidate, Part, PathSum, SessionSummary, Uncovered
from otel_sessions.view.sessions.sums import sum_of
from otel_sessions.view.shapes.facts import NO_TOKENS, Judgement, Tokens
from otel_sessions.view.store.interface import SessionRow, TraceRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_sessions.view.sessions.summaries import TraceSummary

# Of texts in one column: before, between and after them, and what stands for these two within a text.
_BETWEEN = "\x1f"
_ESCAPE = "\x1e"
_ESCAPED = str.maketrans({_BETWEEN: "\x1e1", _ESCAPE: "\x1e0"})
# So many turns of a session are in its row, to be drawn.
_RECENT = 16
_FAILED = "!"
# What a column of SQLite holds.
_LARGEST = 2**63 - 1

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().raw_decode  # what is encoded so has no blanks around it, which others look for


class KeptPart(NamedTuple):
    """A part as it is stored.

    Attributes:
        key: Its row, and the first of its rows among the words.
        torn: Whether its trace is.
        uncovered: Of the part in no session; else empty.
    """

    key: int
    trace: int
    trace_id: bytes
    torn: bool
    part: Part
    uncovered: tuple[Uncovered, ...] = ()


def storable(text: str) -> str:
    """Return ``text`` as SQLite takes it: half a surrogate pair, which JSON may bring, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def member(text: str) -> str:
    """Return what stands in a column of several texts where ``text`` is one of them."""
    text = storable(text)
    if _BETWEEN in text or _ESCAPE in text:
        text = text.translate(_ESCAPED)
    return f"{_BETWEEN}{text}{_BETWEEN}"


def joined(texts: Sequence[str]) -> str:
    """Return several texts as one column."""
    if not texts:
        return ""
    every = "".join(texts)
    if every.isascii() and every.isprintable():
        return f"{_BETWEEN}{_BETWEEN.join(texts)}{_BETWEEN}"
    return "".join([member(each)[:-1] for each in texts]) + _BETWEEN


def split(column: str) -> tuple[str, ...]:
    """Return the texts of a column."""
    texts = column.split(_BETWEEN)[1:-1]
    if _ESCAPE in column:
        texts = [each.replace("\x1e1", _BETWEEN).replace("\x1e0", _ESCAPE) for each in texts]
    return tuple(texts)


def part_body(trace_id: bytes, summary: TraceSummary, part: Part) -> bytes:
    """Return all of a part."""
    candidates = [(each[1].hex(), *each[2:-1]) for each in part.candidates]  # which join others is found for sessions
    body: list[Any] = [trace_id.hex(), bool(summary.torn), *part[:-2], part.paths, candidates]
    if part.session_id is None:
        body.append(summary.uncovered)
    return _encode(body).encode("utf-8", "surrogatepass")


def kept_part(key: int, trace: int, body: bytes) -> KeptPart:
    """Return what `part_body` was given."""
    identity, torn, *fields = _decode(body.decode("utf-8", "surrogatepass"))[0]
    trace_id = bytes.fromhex(identity)
    uncovered = tuple(map(Uncovered._make, fields.pop())) if fields[0] is None else ()
    *sums, tokens, cost, complete, start, end, names, users, services, models, previous, displaced = fields[:-3]
    judgements, paths, candidates = fields[-3:]
    # As `Part(...)`, in half the time: a session of some hundred turns has as many.
    part: Part = tuple.__new__(
        Part,
        (
            *sums,
            Tokens(*tokens),
            cost,
            complete,
            start,
            end,
            tuple(names),
            tuple(users),
            tuple(services),
            tuple(models),
            previous,
            tuple(displaced),
            tuple(map(Judgement._make, judgements)),
            tuple([_candidate(trace_id, each) for each in candidates]),
            tuple([PathSum(path, spans, time, Tokens(*own)) for path, spans, time, own in paths]),
        ),
    )
    return KeptPart(key, trace, trace_id, torn, part, uncovered)


def uncovered_in(body: bytes) -> list[Uncovered]:
    """Return what is in no session, of the body of a part that is in none."""
    return list(map(Uncovered._make, json.loads(body.decode("utf-8", "surrogatepass"))[-1]))


def _candidate(trace_id: bytes, fields: list[Any]) -> Candidate:
    span_id, *rest, tokens, cost, failed_checks = fields
    return Candidate._make((trace_id, bytes.fromhex(span_id), *rest, Tokens(*tokens), cost, failed_checks, ()))


def comparable_tokens(tokens: Tokens) -> int:
    """Return what a list is sorted by: all tokens, -1 where none are recorded."""
    if tokens.total is not None:
        return min(tokens.total, _LARGEST)
    if tokens.input is None and tokens.output is None:
        return -1
    return min((tokens.input or 0) + (tokens.output or 0), _LARGEST)


def _column(number: int | None) -> int | None:
    return number if number is None or -_LARGEST <= number <= _LARGEST else _LARGEST if number > 0 else -_LARGEST


def _sum_columns(tokens: Tokens) -> tuple[int | None, ...]:
    return _NO_SUMS if tokens == NO_TOKENS else (comparable_tokens(tokens), *map(_column, tokens))


_NO_SUMS = (-1, *NO_TOKENS)


def session_columns(key: int, one: SessionSummary, next_part: int) -> tuple[Any, ...]:
    """Return the row of a session, in the order of `SESSION_COLUMNS`."""
    return (
        key,
        storable(one.id),
        one.key,
        storable(one.name),
        joined(one.users),
        joined(one.services),
        joined(one.models),
        len(one.turns),
        one.traces,
        one.spans,
        one.errors,
        one.failed_checks,
        one.feedback,
        one.torn,
        one.cost,
        one.cost_complete,
        _column(one.latency),
        _column(one.start),
        _column(one.end),
        *_sum_columns(one.tokens),
        _recent(one.turns),
        next_part,
    )


# Order and names as in the tables.
SESSION_COLUMNS = (
    "key, id, id_key, name, users, services, models, turns, traces, spans, errors, failed_checks, feedback, torn, cost,"
    ' cost_complete, p95, start, "end", tokens, input, output, cache_read, cache_write, reasoning, total, recent, next_part'
)
TRACE_COLUMNS = (
    'key, trace_id, name, users, services, models, sessions, spans, loose, errors, failed_checks, torn, start, "end",'
    " names, parts, tokens, input, output, cache_read, cache_write, reasoning, total"
)
USER_COLUMNS = (
    "id, first, last, sessions, turns, spans, errors, feedback, input, output, cache_read, cache_write, reasoning,"
    " total, has_input, has_output, has_cache_read, has_cache_write, has_reasoning, has_total"
)


def session_row(columns: Sequence[Any]) -> SessionRow:
    """Return a row of the list, of `SESSION_COLUMNS`."""
    (_, id_, _, name, users, services, models, turns, traces, spans, errors, failed, feedback, torn) = columns[:14]
    cost, complete, p95, start, end, _, *tokens, recent, _ = columns[14:]
    return SessionRow(
        id=id_,
        name=name,
        users=split(users),
        turns=turns,
        traces=traces,
        spans=spans,
        services=split(services),
        models=split(models),
        tokens=Tokens(*tokens),
        cost=cost,
        cost_complete=bool(complete),
        errors=errors,
        failed_checks=failed,
        feedback=feedback,
        torn=bool(torn),
        p95=p95,
        start=start,
        end=end,
        recent=tuple((int(turn.rstrip(_FAILED)), turn.endswith(_FAILED)) for turn in recent.split()),
    )


def _recent(turns: Sequence[Candidate]) -> str:
    """Return the last turns as one text: the ms of each, with a sign for one in which something has failed."""
    return " ".join(
        [f"{max(turn.end - turn.start, 0) // 1_000_000}{_FAILED if turn.errors else ''}" for turn in turns[-_RECENT:]]
    )


def trace_columns(  # noqa: PLR0913, PLR0917 each is a column
    key: int, trace_id: bytes, name: str, summary: TraceSummary, parts: str, times: Sequence[int]
) -> tuple[Any, ...]:
    """Return the row of a trace, in the order of `TRACE_COLUMNS`; ``parts`` are the keys of its parts.

    ``times``: Its first and its last, where it has no part.
    """
    of = summary.parts
    all_ = of[0] if len(of) == 1 else _sum_of(of)
    return (
        key,
        trace_id,
        storable(name),
        joined(all_.users),
        joined(all_.services),
        joined(all_.models),
        joined([part.session_id for part in of if part.session_id is not None]),
        all_.spans,
        sum([part.spans for part in of if part.session_id is None]),
        all_.errors,
        all_.failed_checks,
        joined(summary.torn),
        _column(times[0] if times else all_.start),
        _column(times[1] if times else all_.end),
        joined(all_.names),
        parts,
        *_sum_columns(all_.tokens),
    )


def _sum_of(parts: Sequence[Part]) -> Part:
    """Return all of a trace as one part, as far as its row needs it."""
    if not parts:
        return _NOTHING
    return _NOTHING._replace(
        spans=sum(part.spans for part in parts),
        errors=sum(part.errors for part in parts),
        failed_checks=sum(part.failed_checks for part in parts),
        tokens=sum_of(part.tokens for part in parts),
        start=min(part.start for part in parts),
        end=max(part.end for part in parts),
        users=_union(part.users for part in parts),
        services=_union(part.services for part in parts),
        models=_union(part.models for part in parts),
        names=_union(part.names for part in parts),
    )


def _union(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(sorted({each for texts in lists for each in texts}))


_NOTHING = Part(None, "", 0, 0, 0, 0, 0, NO_TOKENS, None, False, 0, 0, (), (), (), (), "", (), (), ())


def trace_row(columns: Sequence[Any]) -> TraceRow:
    """Return a row of the list, of `TRACE_COLUMNS`."""
    _, trace_id, name, _, services, _, sessions, spans, _, errors, _, _, start, end, _, _, _, *tokens = columns
    return TraceRow(trace_id, name, split(services), spans, errors, Tokens(*tokens), start, end, split(sessions))


def user_row(columns: Sequence[Any]) -> UserRow:
    """Return a row of the list, of `USER_COLUMNS`."""
    id_, first, last, sessions, turns, spans, errors, feedback, *sums = columns
    tokens = (amount if recorded else None for amount, recorded in zip(sums[:6], sums[6:], strict=True))
    return UserRow(id_, sessions, turns, spans, Tokens(*tokens), errors, feedback, first, last)
