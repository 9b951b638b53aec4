"""Tokens, costs and errors, each once, though a convention repeats on a span what is below it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.shapes.facts import NO_TOKENS, Kind, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Sequence

    from .columns import Columns
    from .forest import Forest

_new = tuple.__new__  # what a named tuple does, in a third of the time

_PICO = 10**12
"""Costs are added as whole pico-dollars, so that their order does not matter."""

_MOST_DOLLARS = 10**9
"""More is no cost of a call."""

_MOST_TEXTS = 8
"""Of errors that are compared with those of their ancestors."""

_LEAST_CORE = 16
"""Characters that an error has at least, so that it is no chance if another one has all of it behind other words."""

_ANY_ERROR = "error"
"""What stands for an error without words."""


class Counts(NamedTuple):
    """What spans add to the sums, each span by its place among the facts.

    Attributes:
        tokens: Of the spans that have some.
        costs: The same, in pico-dollars.
        errors: The spans whose error is their own.
        failed_checks: How many, of the spans that were judged so.
    """

    tokens: dict[int, Tokens]
    costs: dict[int, int]
    errors: set[int]
    failed_checks: dict[int, int]


class Totals(NamedTuple):
    """What spans add up to; the cost is in USD."""

    errors: int
    tokens: Tokens
    cost: float | None
    failed_checks: int


def totals_of(counts: Counts) -> Totals:
    """Return what ``counts`` add up to."""
    return Totals(
        len(counts.errors),
        sum_of(counts.tokens.values()),
        dollars(counts.costs.values()) if counts.costs else None,
        sum(counts.failed_checks.values()),
    )


NOTHING = Counts({}, {}, set(), {})


def counts_of(columns: Columns, forest: Forest, near: Sequence[int]) -> Counts:
    """Return what each span of a trace adds to the sums, but for what was judged.

    Args:
        columns: The trace.
        forest: Its trees.
        near: The parent of each span, as far as it is in the same session: an error of another one is not repeated.
    """
    return Counts(
        _counted_tokens(columns.tokens, forest.parents, forest.order),
        _counted_costs(columns.cost, forest.parents, forest.order),
        _own_errors(columns, near, forest.order),
        {},
    )


def split(counts: Counts, group: Callable[[int], Hashable]) -> dict[Hashable, Counts]:
    """Return what the spans of each group add."""
    found: defaultdict[Hashable, Counts] = defaultdict(lambda: Counts({}, {}, set(), {}))
    for i, tokens in counts.tokens.items():
        found[group(i)].tokens[i] = tokens
    for i, cost in counts.costs.items():
        found[group(i)].costs[i] = cost
    for i in counts.errors:
        found[group(i)].errors.add(i)
    for i, failed in counts.failed_checks.items():
        found[group(i)].failed_checks[i] = failed
    return found


def _counted_tokens(every: Sequence[Tokens], parents: Sequence[int], order: Sequence[int]) -> dict[int, Tokens]:
    """Return of the tokens of each span as much as goes beyond the sum of those below.

    So the sum of a subtree is the larger of its own and of that below, field by field.
    """
    if every.count(NO_TOKENS) == len(every):
        return {}
    counted = {i: _with_total(own) for i, own in enumerate(every) if own is not NO_TOKENS and own != NO_TOKENS}
    if not _is_any_below(counted, parents):
        return counted
    below: dict[int, Tokens] = {}
    for i in reversed(order):
        own, under = counted.get(i), below.get(i)
        if own is not None and under is not None:
            whole, counted[i] = _larger(own, under), _beyond(own, under)
        elif (either := under or own) is not None:
            whole = either
        else:
            continue
        above = parents[i]
        if above >= 0:
            below[above] = plus(below[above], whole) if above in below else whole
    return counted


def _is_any_below(spans: Collection[int], parents: Sequence[int]) -> bool:
    """Tell whether any of the spans is below another one of them."""
    if set(parents).isdisjoint(spans):  # none of them has anything below it
        return False
    seen: set[int] = set()
    for i in spans:
        above = parents[i]
        while above >= 0 and above not in seen:
            if above in spans:
                return True
            seen.add(above)
            above = parents[above]
    return False


def sum_of(tokens: Iterable[Tokens]) -> Tokens:
    """Return the sum; what is recorded nowhere is not recorded."""
    every = [*tokens]
    if len(every) < 2:  # noqa: PLR2004
        return every[0] if every else NO_TOKENS
    count = len(every)
    sums = [
        sum(of) if None not in of else None if of.count(None) == count else sum(filter(None, of))
        for of in zip(*every, strict=True)
    ]
    whole: Tokens = _new(Tokens, sums)
    return whole


def plus(one: Tokens, other: Tokens) -> Tokens:
    """Return the sum of two."""
    return Tokens(*[b if a is None else a if b is None else a + b for a, b in zip(one, other)])  # noqa: B905  # faster


def _with_total(tokens: Tokens) -> Tokens:
    read, written, cache_read, cache_write, reasoning, total = tokens
    if total is not None or (read is None and written is None):
        return tokens
    whole: Tokens = _new(Tokens, (read, written, cache_read, cache_write, reasoning, (read or 0) + (written or 0)))
    return whole


def _larger(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(*[b if a is None else a if b is None or a > b else b for a, b in zip(one, other, strict=True)])


def _beyond(own: Tokens, under: Tokens) -> Tokens:
    return Tokens(*[a if a is None or b is None else max(0, a - b) for a, b in zip(own, under, strict=True)])


def _counted_costs(every: Sequence[float | None], parents: Sequence[int], order: Sequence[int]) -> dict[int, int]:
    """Return of the cost of each span as much, likewise."""
    counted: dict[int, int] = {}
    if every.count(None) == len(every):
        return counted
    own = {i: pico_dollars(cost) for i, cost in enumerate(every) if cost is not None and 0 <= cost < _MOST_DOLLARS}
    if not _is_any_below(own, parents):
        return own
    below: dict[int, int] = {}
    for i in reversed(order):
        under = below.get(i, 0)
        whole = under
        if i in own:
            whole = max(own[i], under)
            counted[i] = whole - under
        if whole and parents[i] >= 0:
            below[parents[i]] = below.get(parents[i], 0) + whole
    return counted


def pico_dollars(cost: float) -> int:
    """Return USD in the unit in which they are added."""
    return round(cost * _PICO)


def dollars(costs: Iterable[int]) -> float | None:
    """Return the sum in USD, ``None`` where there is none."""
    every = list(costs)
    return sum(every) / _PICO if every else None


def unpriced(columns: Columns, forest: Forest, costs: Collection[int]) -> set[int]:
    """Return the calls of a model that have no cost: neither their own, nor above or below them."""
    parents, order = forest.parents, forest.order
    below, above = set(costs), set(costs)
    for i in order:
        if parents[i] in below:
            below.add(i)
    for i in reversed(order):
        if i in above and parents[i] >= 0:
            above.add(parents[i])
    return {i for i, kind in enumerate(columns.kind) if kind == Kind.LLM and i not in below and i not in above}


def _own_errors(columns: Columns, near: Sequence[int], order: Sequence[int]) -> set[int]:
    """Return the spans whose error is not a repeated one of a span below.

    A span repeats an error that has the same words, more or others around them, or none; and whatever it says where the
    error below was the last that happened in it, as that of an exception on its way up.
    """
    if not any(columns.error) and not any(columns.is_failed_call):
        return set()
    failed = {i: error or _ANY_ERROR for i, error in enumerate(columns.error) if error or columns.is_failed_call[i]}
    if len(failed) == 1:
        return {*failed}
    last_start = _last_starts(columns, near)
    texts: dict[int, tuple[str, ...]] = {}
    passed_on: set[int] = set()
    repeated = set()
    for i in reversed(order):
        known = texts.get(i, ())
        if i in failed:
            if known and (i in passed_on or _repeats(failed[i], known)):
                repeated.add(i)
            known = _some({failed[i], *known})
        above = near[i]
        if above >= 0 and known:
            texts[above] = _some({*texts.get(above, ()), *known})
            if i in failed and last_start[above] <= max(columns.end[i], columns.start[i]):
                passed_on.add(above)
    return failed.keys() - repeated


def _last_starts(columns: Columns, near: Sequence[int]) -> dict[int, int]:
    """Return when the last child of each span started."""
    starts: dict[int, int] = {}
    for start, above in zip(columns.start, near, strict=True):
        if start > starts.get(above, -1):
            starts[above] = start
    return starts


def _some(texts: set[str]) -> tuple[str, ...]:
    return tuple(sorted(texts)[:_MOST_TEXTS])


def _repeats(text: str, known: Sequence[str]) -> bool:
    core = _core_of(text)
    return text == _ANY_ERROR or any(each == _ANY_ERROR or core in each or _core_of(each) in text for each in known)


def _core_of(text: str) -> str:
    """Return an error without what is said before it of where it happened, as long as what is left is no chance."""
    inner = text.partition(": ")[2]
    return inner if len(inner) >= _LEAST_CORE else text


def p95(durations: Sequence[int]) -> int | None:
    """Return the 95th percentile by the nearest rank, ``None`` for none."""
    if not durations:
        return None
    return sorted(durations)[(len(durations) * 95 + 99) // 100 - 1]
