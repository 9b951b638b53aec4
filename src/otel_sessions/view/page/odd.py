"""What is odd in a session, in words: each kind of it a function with a threshold. Pure.

What is said of calls and errors is said of the turns that are at hand, which are those of one page.
"""

from __future__ import annotations

import json
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from otel_sessions.view.api.tree import Document, Node

SLOW_FACTOR, SLOW_LEAST_TURNS = 3.0, 4
SAME_CALLS = 2
RETRIED = frozenset({"llm", "tool", "retriever", "agent", "http_client"})
GROWTH_FACTOR, GROWTH_LEAST_TOKENS = 3.0, 2_000
CACHE_SHARE, CACHE_LEAST_TOKENS = 0.2, 10_000


class Remark(NamedTuple):
    """One thing that is odd.

    Attributes:
        code: Which kind: the name of its function.
        text: What is odd about the ``subject``, or by itself.
        subject: A name that came from outside, empty for none.
        number: The number of the turn, 0 for the session as a whole.
        turn: The document of the turn, which has its ids; ``None`` for the session as a whole.
    """

    code: str
    text: str
    subject: str = ""
    number: int = 0
    turn: Document | None = None


class NumberedTurn(NamedTuple):
    """A turn with its number in the session, from 1, and its spans in order."""

    number: int
    turn: Document
    placed: Sequence[Node]


def odd_in(answer: Document, turns: Sequence[NumberedTurn], every: Sequence[Document]) -> list[Remark]:
    """Return all that is odd.

    Args:
        answer: That of the API for the session.
        turns: The turns that are at hand.
        every: All turns of the session, with ``duration`` and the ids.
    """
    return [
        *slowest_turn(every),
        *swallowed_errors(turns),
        *retries(turns),
        *repeated_tool_calls(turns),
        *context_growth(turns),
        *cache_use(answer["session"]),
    ]


def slowest_turn(every: Sequence[Document]) -> list[Remark]:
    """Return the slowest turn where it took at least 3 times the median, of at least 4 turns whose time is known."""
    timed = [(turn["duration"], number) for number, turn in enumerate(every, 1) if turn["duration"] is not None]
    if len(timed) < SLOW_LEAST_TURNS:
        return []
    longest, number = max(timed, key=lambda each: (each[0], -each[1]))
    usual = median(duration for duration, _ in timed)
    if not usual or longest < SLOW_FACTOR * usual:
        return []
    return [Remark("slowest_turn", f"took {longest / usual:.1f} times the median", "", number, every[number - 1])]


def repeated_tool_calls(turns: Iterable[NumberedTurn]) -> list[Remark]:
    """Return tools that were called in one turn with the same arguments, at least 2 times without an error.

    Of calls inside of each other, as two instrumentations make them, only the outermost counts; calls whose arguments are
    not recorded are not compared.
    """
    return [
        Remark("repeated_tool_calls", f"was called {count} times with the same arguments", name, each.number, each.turn)
        for each in turns
        for (name, _), count in _same_calls(each.placed).items()
        if count >= SAME_CALLS
    ]


def _same_calls(placed: Sequence[Node]) -> Mapping[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for span, above in _with_those_above(placed):
        given: str | None = span["input"]
        is_outermost = span["type"] == "tool" and not any(each["type"] == "tool" for each in above)
        if is_outermost and given is not None and span["error"] is None:
            counts[span["name"], _as_written_once(given)] += 1
    return counts


def _as_written_once(text: str) -> str:
    """Return JSON such that the order of its keys makes no difference, other text as it is."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text


def retries(turns: Iterable[NumberedTurn]) -> list[Remark]:
    """Return calls of models, tools, agents or servers that failed and were made again below the same span: at least once.

    Of a tool, only what has the same arguments is the same call.
    """
    found: list[Remark] = []
    for each in turns:
        for name, attempts in _attempts(each.placed):
            failed = sum(span["error"] is not None for span in attempts)
            end = "the last one failed, too" if attempts[-1]["error"] is not None else "the last one went well"
            said = f"was tried {len(attempts)} times: {failed} failed, {end}"
            found.append(Remark("retries", said, name, each.number, each.turn))
    return found


def _attempts(placed: Sequence[Node]) -> Iterator[tuple[str, list[Document]]]:
    """Yield the calls of the same thing that follow a failure of it, from the first failure on."""
    series: dict[tuple[int, str, str], list[Document]] = defaultdict(list)
    for span, above in _with_those_above(placed):
        if span["type"] in RETRIED:
            so_far = series[id(above[-1]) if above else 0, span["name"], _as_written_once(span["input"] or "")]
            if so_far or span["error"] is not None:
                so_far.append(span)
    for (_, name, _), attempts in series.items():
        last = next((at for at, span in enumerate(attempts) if span["error"] is None), len(attempts) - 1)
        if last > 0:
            yield name, attempts[: last + 1]


def swallowed_errors(turns: Iterable[NumberedTurn]) -> list[Remark]:
    """Return turns with an answer of which an error below did not become one: neither of the turn nor by another try."""
    found: list[Remark] = []
    for each in turns:
        own = next((node.span for node in each.placed if node.span["span_id"] == each.turn["span_id"]), None)
        if not each.turn["output"] or own is None or own["error"] is not None:
            continue
        retried = {id(span) for _, attempts in _attempts(each.placed) for span in attempts}
        innermost = _innermost_errors(each.placed)
        lost = [span for span in innermost if id(span) not in retried]
        if lost:
            more = f", and {len(lost) - 1} more," if len(lost) > 1 else ""
            said = f"failed{more} and the turn answered without an error"
            found.append(Remark("swallowed_errors", said, lost[0]["name"], each.number, each.turn))
    return found


def _innermost_errors(placed: Sequence[Node]) -> list[Document]:
    """Return the spans with an error that have none below them: those above only hand it on."""
    failed = [span for span, _ in _with_those_above(placed) if span["error"] is not None]
    handing_on = {id(each) for span, above in _with_those_above(placed) if span["error"] is not None for each in above}
    return [span for span in failed if id(span) not in handing_on]


def context_growth(turns: Sequence[NumberedTurn]) -> list[Remark]:
    """Return whether models were given ever more: at least 3 times the tokens, and 2,000 more, than in the first turn.

    Compared are the largest inputs of one call in the first and in the last turn that have any.
    """
    inputs = [(each, size) for each in turns if (size := _largest_input(each.placed)) is not None]
    if not inputs:
        return []
    (first, before), (last, after) = inputs[0], inputs[-1]
    if not before or after < GROWTH_FACTOR * before or after - before < GROWTH_LEAST_TOKENS:
        return []
    said = f"gives a model {after:,} tokens, {after / before:.1f} times the {before:,} of turn {first.number}"
    return [Remark("context_growth", said, "", last.number, last.turn)]


def _largest_input(placed: Iterable[Node]) -> int | None:
    inputs = (node.span["tokens"]["input"] for node in placed if node.span["type"] == "llm")
    return max((each for each in inputs if each is not None), default=None)


def cache_use(session: Mapping[str, Any]) -> list[Remark]:
    """Return how little came from a cache: less than 20 % of at least 10,000 tokens of input, over more than one turn.

    Nothing is said where nobody has recorded what came from a cache.
    """
    tokens = session["tokens"]
    read, given = tokens["cache_read"], tokens["input"]
    if read is None or not given or given < CACHE_LEAST_TOKENS or session["turns"] < 2:  # noqa: PLR2004  # the first one fills it
        return []
    if read >= CACHE_SHARE * given:
        return []
    said = f"Of {given:,} tokens of input only {100 * read / given:.0f} % came from a cache"
    return [Remark("cache_use", said)]


def _with_those_above(placed: Iterable[Node]) -> Iterator[tuple[Document, list[Document]]]:
    """Yield each span with those above it, the outermost first, in a list that is another one afterwards."""
    above: list[Document] = []
    for span, depth in placed:
        del above[depth:]
        yield span, above
        above.append(span)
