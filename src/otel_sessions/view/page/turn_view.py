"""What the page shows of one turn: its words, tools, checks and waterfall. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.api.tree import arranged

from .moments import interval_of
from .odd import NumberedTurn
from .switches import switches_for
from .waterfall import rows_for, waterfall

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from otel_sessions.view.api.tree import Document, Node

    from .switches import Switch
    from .waterfall import Waterfall

PAUSE = 600_000.0
"""Ms between two turns from which the page says how long the user was away."""

_LEAST_ROWS = 12
_Key = tuple[str, str]


class Bounds(NamedTuple):
    """How much a page shows.

    Attributes:
        words: Characters of what was asked, and of what was answered.
        tool_words: Characters of what a tool was given, and of what it gave.
        tools: Tool calls of a turn.
        rows: Rows of all waterfalls together.
    """

    words: int
    tool_words: int
    tools: int
    rows: int


class Words(NamedTuple):
    """Words, perhaps cut."""

    text: str
    is_cut: bool


class Tool(NamedTuple):
    """A call of a tool."""

    span: Document
    input: Words | None
    output: Words | None


class TurnView(NamedTuple):
    """A turn as the page shows it.

    Attributes:
        number: In the session, from 1.
        input, output: ``None`` for not recorded.
        switches: What would record words, where none are.
        more_tools: Calls of tools that are not shown.
        pause: Ms since the turn before ended, where that is long; else ``None``.
        span_names: Of its spans, by their ids, for what is said of one of them.
    """

    number: int
    turn: Document
    input: Words | None
    output: Words | None
    switches: Sequence[Switch]
    tools: Sequence[Tool]
    more_tools: int
    checks: Sequence[Document]
    waterfall: Waterfall
    services: Sequence[str]
    pause: float | None
    span_names: Mapping[str, str]


class Content(NamedTuple):
    """All that an answer has, where it belongs.

    Attributes:
        turns: The turns.
        numbered: The same for `odd_in`.
        rest: A waterfall for each trace that has no turn here.
        checks: Those of the session, and of what is in no turn.
        logs: Records that are in no trace.
    """

    turns: Sequence[TurnView]
    numbered: Sequence[NumberedTurn]
    rest: Sequence[Waterfall]
    checks: Sequence[Document]
    logs: Sequence[Document]


def content_of(answer: Document, bounds: Bounds) -> Content:
    """Return all that is in the answer for a session."""
    turns, rest = arranged(answer)
    groups = [*(placed for _, placed in turns), *rest]
    owner = _Owner(groups, [turn for turn, _ in turns])
    logs, loose = owner.by_group(answer["logs"])
    checks, unplaced = owner.by_group(answer["checks"])
    sizes = [len(placed) + len(of_group) for placed, of_group in zip(groups, logs, strict=True)]
    most = rows_for(sizes, bounds.rows, _LEAST_ROWS)
    falls = [waterfall(*each) for each in zip(groups, logs, most, strict=True)]
    numbered = [NumberedTurn(at, *each) for at, each in enumerate(turns, answer["first"])]
    views = [
        _turn_view(each, fall, of_turn, before, bounds)
        for each, fall, of_turn, before in zip(numbered, falls, checks, [None, *numbered], strict=False)
    ]
    of_rest = [check for of_group in checks[len(turns) :] for check in of_group]
    return Content(views, numbered, falls[len(turns) :], [*unplaced, *of_rest], loose)


class _Owner:
    """Knows the group of spans to which a record or a check belongs."""

    def __init__(self, groups: Sequence[Sequence[Node]], turns: Sequence[Document]) -> None:
        self._groups = len(groups)
        self._of_span: dict[_Key, int] = {}
        self._of_trace: dict[str, int] = {}
        for place, placed in enumerate(groups):
            for node in placed:
                self._of_span[node.span["trace_id"], node.span["span_id"]] = place
                self._of_trace.setdefault(node.span["trace_id"], place)
        for place, turn in enumerate(turns):
            self._of_span.setdefault((turn["trace_id"], turn["span_id"]), place)

    def by_group(self, said: Iterable[Document]) -> tuple[list[list[Document]], list[Document]]:
        """Return what belongs to each group, and what to none."""
        found: list[list[Document]] = [[] for _ in range(self._groups)]
        loose: list[Document] = []
        for each in said:
            place = self._of_span.get((each["trace_id"], each["span_id"]), self._of_trace.get(each["trace_id"]))
            (loose if place is None or each.get("of_session") else found[place]).append(each)
        return found, loose


def _turn_view(
    each: NumberedTurn, fall: Waterfall, checks: Sequence[Document], before: NumberedTurn | None, bounds: Bounds
) -> TurnView:
    number, turn, placed = each
    tools = _outermost_tools(placed)
    input_, output = words_of(turn["input"], bounds.words), words_of(turn["output"], bounds.words)
    spans = [node.span for node in placed]
    return TurnView(
        number,
        turn,
        input_,
        output,
        [] if input_ or output else switches_for(span["scope"] for span in spans),
        [_tool(span, bounds.tool_words) for span in tools[: bounds.tools]],
        max(len(tools) - bounds.tools, 0),
        checks,
        fall,
        list(dict.fromkeys(span["service"] for span in spans if span["service"])),
        None if before is None else _pause(before.turn, turn),
        {span["span_id"]: span["name"] for span in spans},
    )


def words_of(text: str | None, most: int) -> Words | None:
    """Return the beginning of what was said; that of the API may be cut already, and ends in a sign then."""
    if not text:
        return None
    return Words(text[:most], is_cut=True) if len(text) > most else Words(text, is_cut=text.endswith("…"))


def _tool(span: Document, most: int) -> Tool:
    return Tool(span, words_of(_readable(span["input"]), most), words_of(_readable(span["output"]), most))


def _readable(text: str | None) -> str | None:
    """Return JSON of objects with a line for each field, other text as it is."""
    if not text or text[0] not in "{[":
        return text
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _outermost_tools(placed: Sequence[Node]) -> list[Document]:
    """Return the calls of tools; of those inside of each other, as two instrumentations make them, the outer one."""
    found: list[Document] = []
    below: int | None = None
    for span, depth in placed:
        if below is not None and depth > below:
            continue
        below = depth if span["type"] == "tool" else None
        if below is not None:
            found.append(span)
    return found


def _pause(before: Document, turn: Document) -> float | None:
    one, other = interval_of(before), interval_of(turn)
    waited = other.start - one.end if one and other else 0.0
    return waited if waited >= PAUSE else None
