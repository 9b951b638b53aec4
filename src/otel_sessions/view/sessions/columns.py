"""The facts of many spans by field, since what asks for one field of all spans takes a tenth of the time this way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_sessions.view.shapes.facts import Facts, Judgement, Kind, Named, Tokens


class Columns(NamedTuple):
    """What `Facts` has, of each span in their order."""

    span_id: tuple[bytes, ...]
    parent_span_id: tuple[bytes, ...]
    name: tuple[str, ...]
    kind: tuple[Kind, ...]
    span_kind: tuple[int, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    error: tuple[str, ...]
    service: tuple[str, ...]
    scope: tuple[str, ...]
    session: tuple[Named | None, ...]
    user: tuple[Named | None, ...]
    session_name: tuple[str, ...]
    path: tuple[str, ...]
    previous_id: tuple[str, ...]
    displaced_id: tuple[str, ...]
    model: tuple[str, ...]
    tokens: tuple[Tokens, ...]
    cost: tuple[float | None, ...]
    has_input: tuple[bool, ...]
    has_output: tuple[bool, ...]
    judgements: tuple[tuple[Judgement, ...], ...]
    is_failed_call: tuple[bool, ...]


_NONE = Columns(*((),) * len(Columns._fields))


def columns_of(facts: Sequence[Facts]) -> Columns:
    """Return the fields of ``facts``."""
    # As `Columns(...)`, in half the time.
    columns: Columns = tuple.__new__(Columns, zip(*facts, strict=True)) if facts else _NONE
    return columns


def some_of(columns: Columns, spans: Sequence[int]) -> Columns:
    """Return the fields of some spans."""
    return Columns._make(tuple([column[i] for i in spans]) for column in columns)
