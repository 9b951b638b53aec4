"""Roots that only repeat the words of what they hold: a WebSocket, a worker. They are no turns; what they hold are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions.view.shapes.facts import Kind

from .exchanges import brings_new_words, exchanges_of
from .outermost import Chosen, above, outermost
from .saying import said_in
from .session_of_span import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .exchanges import Said
    from .outermost import Talk

HOLDERS = frozenset((Kind.OTHER, Kind.HTTP_SERVER))
"""What a WebSocket's or a worker's root is of."""

_RUNS = frozenset((Kind.AGENT, Kind.CHAIN))
"""What a run of an agent is of."""

_MOST_ROUNDS = 4
"""Of holders within holders."""

_COMPARED = 32
"""Of what a root holds, the first ones and the last ones."""


def turns_in(talk: Talk, order: Sequence[int], errors: Collection[int]) -> Chosen:
    """Return what may be turns: the marked ones and what is beside them, else the outermost that hold no others."""
    marked = [i for i in order if talk.columns.kind[i] == Kind.TURN] if talk.has_marked else []
    if marked:
        return outermost(talk, order, above(talk, marked).difference(marked))
    excluded: set[int] = set()
    chosen = outermost(talk, order)
    for _ in range(_MOST_ROUNDS):
        suspects = [i for i in chosen.spans if _may_hold(talk, i)]
        holding = _holding(talk, order, errors, chosen, suspects, excluded) if suspects else []
        if not holding:
            break
        excluded.update(holding)
        chosen = outermost(talk, order, excluded)
    beginning = _beginning(talk, order, chosen)
    return outermost(talk, order, excluded, beginning) if beginning else chosen


def _beginning(talk: Talk, order: Sequence[int], chosen: Chosen) -> set[int]:
    """Return the runs that begin right below a run of the same name that never answered, with other words of the user.

    A stream that was left may stay current, so that what its program does next is in it.
    """
    left = {i for i in chosen.spans if _is_left(talk, i)}
    found: set[int] = set()
    for i in order if left else ():
        above = talk.near[i]
        if above in left and _is_other_run(talk, i, above):
            found.add(i)
            if _is_left(talk, i):
                left.add(i)
    return found


def _is_left(talk: Talk, i: int) -> bool:
    """Tell whether a run was asked, has not failed, and did not answer."""
    columns = talk.columns
    return columns.kind[i] in _RUNS and columns.has_input[i] and not (columns.has_output[i] or columns.error[i])


def _is_other_run(talk: Talk, i: int, above: int) -> bool:
    columns = talk.columns
    is_alike = columns.name[i] == columns.name[above] and columns.kind[i] == columns.kind[above]
    return is_alike and columns.has_input[i] and brings_new_words(talk.words(i).input, talk.words(above).input)


def is_post(name: str) -> bool:
    """Tell by the name of a span whether it is an HTTP request that has one answer."""
    return name.startswith("POST")


def _may_hold(talk: Talk, i: int) -> bool:
    columns = talk.columns
    return columns.kind[i] in HOLDERS and not is_post(columns.name[i])


def _holding(  # noqa: PLR0913, PLR0917  # one step of the function above
    talk: Talk, order: Sequence[int], errors: Collection[int], chosen: Chosen, suspects: list[int], excluded: set[int]
) -> list[int]:
    """Return those of the suspects that only repeat what they hold."""
    hidden = {*excluded, *suspects}
    inner, held = _held(talk, order, chosen, suspects, hidden)
    for _ in range(_MOST_ROUNDS):
        alone = [spans[0] for spans in held.values() if len(spans) == 1 and _may_hold(talk, spans[0])]
        if not alone:
            break
        hidden.update(alone)
        inner, held = _held(talk, order, chosen, suspects, hidden)
    return [
        root
        for root, spans in held.items()
        if len(spans) > 1 and _only_repeats(talk, order, errors, root, inner, spans)
    ]


def _held(
    talk: Talk, order: Sequence[int], chosen: Chosen, suspects: Sequence[int], hidden: Collection[int]
) -> tuple[Chosen, dict[int, list[int]]]:
    """Return what is outermost without what is hidden, and which of that each suspect holds."""
    inner = outermost(talk, order, hidden)
    held: dict[int, list[int]] = {i: [] for i in suspects}
    for i in inner.spans:
        if (root := chosen.owner[i]) in held:
            held[root].append(i)
    return inner, held


def _only_repeats(  # noqa: PLR0913, PLR0917  # likewise
    talk: Talk, order: Sequence[int], errors: Collection[int], root: int, inner: Chosen, spans: list[int]
) -> bool:
    words = talk.words(root)
    compared = spans if len(spans) <= 2 * _COMPARED else spans[:_COMPARED] + spans[-_COMPARED:]
    held = said_in(talk, order, Chosen(compared, inner.owner), errors)
    exchanges = exchanges_of(held)
    if len(exchanges) == 1:
        return False
    if talk.columns.span_kind[root] in ENTRIES:
        inputs, outputs = {each.input for each in held}, {each.output for each in held}
        return {words.input} <= {"", *inputs} and {words.output} <= {"", *outputs}
    # What a program has written on a span of its own is mostly an exchange, whose steps are below.
    is_one_of_them = any((each.input, each.output) == (words.input, words.output) for each in exchanges)
    return is_one_of_them and _is_idle(talk, root, held)


def _is_idle(talk: Talk, root: int, held: list[Said]) -> bool:
    """Tell whether most of a root is waiting for what it holds."""
    busy, until = 0, 0
    for each in held:
        busy += max(0, each.end - max(each.start, until))
        until = max(until, each.end)
    return 2 * busy < talk.columns.end[root] - talk.columns.start[root]
