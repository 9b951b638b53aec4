"""What is said in the candidates of a trace: their own words, else those of what is below them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.shapes.facts import Kind

from .exchanges import Said
from .session_of_span import ENTRIES, is_local_root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .outermost import Chosen, Talk

_MOST_LENDERS = 8
"""Spans below that are asked for words which a span does not have itself."""


class Spoken(NamedTuple):
    """What was asked and answered, and how often the user has spoken up to here, 0 for not known."""

    input: str = ""
    output: str = ""
    rounds: int = 0


_NOTHING = Spoken()


def said_in(talk: Talk, order: Sequence[int], chosen: Chosen, errors: Collection[int]) -> list[Said]:
    """Return what each chosen span says, in their order.

    Args:
        talk: The trace.
        order: The spans of it that are in the session, each after its parent.
        chosen: Some of them.
        errors: The spans with an error of their own.
    """
    columns = talk.columns
    words = _words_of(talk, order, chosen)
    failed = {chosen.owner[i] for i in errors}
    requests, early = _surroundings(talk, order, chosen)
    return [
        Said(
            i,
            columns.start[i],
            max(columns.end[i], columns.start[i]),
            *words[i],
            talk.is_call(i),
            columns.kind[i] == Kind.TURN,
            i in early,
            i in failed,
            request := requests.get(i, -1),
            request >= 0 and columns.name[request].startswith("POST"),
            talk.near[i] >= 0 and chosen.owner[talk.near[i]] >= 0,
        )
        for i in chosen.spans
    ]


def _surroundings(talk: Talk, order: Sequence[int], chosen: Chosen) -> tuple[dict[int, int], set[int]]:
    """Return the request that each span is in, and the calls of a model whose outermost part never came."""
    columns = talk.columns
    calls = [i for i in chosen.spans if talk.is_call(i)]
    if len(chosen.spans) == 1 and not (calls and columns.parent_span_id[calls[0]]):
        return {}, set()
    requests: dict[int, int] = {}
    tops: dict[int, int] = {}
    for i in order:
        above = talk.near[i]
        tops[i] = i if above < 0 else tops[above]
        requests[i] = i if columns.span_kind[i] in ENTRIES else -1 if above < 0 else requests[above]
    return requests, {i for i in calls if talk.parents[tops[i]] < 0 and not is_local_root(columns, tops[i])}


def _words_of(talk: Talk, order: Sequence[int], chosen: Chosen) -> dict[int, Spoken]:
    found = {}
    wanting = []
    for i in chosen.spans:
        found[i] = _own_words(talk, i)
        if not (found[i].input and found[i].output):
            wanting.append(i)
    if wanting and len(order) > len(chosen.spans):
        broken = _broken(talk, order) if any(talk.columns.error) else ()
        for i, lenders in _lenders(talk, order, chosen, frozenset(wanting)).items():
            found[i] = _with_borrowed(talk, found[i], lenders, broken)
    return found


def _broken(talk: Talk, order: Sequence[int]) -> set[int]:
    """Return what is below a span that was asked, has failed and not answered, as a run whose stream was left: nobody was given what is said there."""
    columns = talk.columns
    found: set[int] = set()
    for i in order:
        failed = columns.error[i] and columns.has_input[i] and not columns.has_output[i] and i not in talk.told
        if failed or talk.near[i] in found:
            found.add(i)
    return found


def _own_words(talk: Talk, i: int) -> Spoken:
    if not talk.has_words(i):
        return _NOTHING
    words = talk.words(i)
    rounds = sum(message.role == "user" and bool(message.text) for message in words.messages) if words.messages else 0
    return Spoken(words.input, words.output, rounds)


def _lenders(talk: Talk, order: Sequence[int], chosen: Chosen, wanting: Collection[int]) -> dict[int, list[int]]:
    lenders = defaultdict(list)
    for i in order:
        owner = chosen.owner[i]
        if owner in wanting and i != owner and talk.has_words(i):
            lenders[owner].append(i)
    return lenders


def _with_borrowed(talk: Talk, own: Spoken, lenders: list[int], broken: Collection[int]) -> Spoken:
    """Return the words with what is missing of them: the first input, the last output, but none of a broken span."""
    columns = talk.columns
    said, answered, rounds = own
    if not said:
        first = sorted(lenders, key=lambda i: (columns.start[i], columns.span_id[i]))[:_MOST_LENDERS]
        said = _first(talk.words(i).input for i in first)
    if not answered:
        whole = [i for i in lenders if i not in broken]
        last = sorted(whole, key=lambda i: (-columns.end[i], columns.span_id[i]))[:_MOST_LENDERS]
        answered = _first(talk.words(i).output for i in last)
    return Spoken(said, answered, rounds)


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")
