"""Which traces are torn: their spans name two sessions or more by ``session.id``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .session_of_span import SESSION_ID_RANK

if TYPE_CHECKING:
    from .columns import Columns


def torn_of(columns: Columns) -> tuple[str, ...]:
    """Return the sessions that the spans of one trace name by ``session.id``, where there are two or more; else nothing."""
    first = columns.session[0] if columns.session else None
    if columns.session.count(first) == len(columns.session):
        return ()
    named = {each.id for each in {*columns.session} if each is not None and each.rank <= SESSION_ID_RANK}
    return tuple(sorted(named)) if len(named) > 1 else ()
