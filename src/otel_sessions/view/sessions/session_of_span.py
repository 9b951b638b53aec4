"""Session of a span: its own, else its nearest ancestor's, else its trace's.

A key beats those of higher rank anywhere in the trace: where a span names a session by ``session.id``, no
``gen_ai.conversation.id`` counts, nor does the visit of a browser. ``session.id`` on the span and on the resource are
one and the same key here.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_sessions.view.shapes.facts import Named

    from .columns import Columns
    from .forest import Forest

SESSION_ID_RANK = 1
"""The highest rank of ``session.id`` itself: 0 is that of the span, 1 that of its resource."""

ENTRIES = frozenset((2, 5))
"""``SPAN_KIND_SERVER`` and ``SPAN_KIND_CONSUMER``: what begins here, wherever its parent is."""


def sessions_of(columns: Columns, forest: Forest) -> list[str | None]:
    """Return the session of each span, ``None`` for none."""
    count = len(columns.session)
    first = columns.session[0] if count else None
    if columns.session.count(first) == count:
        return [None if first is None else first.id] * count
    found = {each for each in {*columns.session} if each is not None}
    best = max(min(each.rank for each in found), SESSION_ID_RANK)
    ids = {each.id for each in found if each.rank <= best}
    if len(ids) == 1:
        return [*ids] * count
    sessions = [each.id if each is not None and each.rank <= best else None for each in columns.session]
    for i in forest.order:
        if sessions[i] is None and (above := forest.parents[i]) >= 0:
            sessions[i] = sessions[above]
    if None in sessions:
        rest = session_of_rest(columns, forest, sessions)
        sessions = [rest if each is None else each for each in sessions]
    return sessions


def session_of_rest(columns: Columns, forest: Forest, sessions: Sequence[str | None]) -> str | None:
    """Return the session of what is in a trace without being below a span: that of the local root, else of most spans.

    Of several local roots that name one, the earliest counts.

    Args:
        columns: The trace.
        forest: Its trees.
        sessions: Of its spans, as far as they are known.
    """
    if len({*sessions}) == 1:
        return sessions[0]
    roots = [
        i
        for i, above in enumerate(forest.parents)
        if above < 0 and is_local_root(columns, i) and _names(columns.session[i], sessions[i])
    ]
    if roots:
        return sessions[min(roots, key=lambda i: (columns.start[i], columns.span_id[i]))]
    counts = Counter(each for each in sessions if each is not None)
    return min(counts, key=lambda session: (-counts[session], session), default=None)


def is_local_root(columns: Columns, i: int) -> bool:
    """Tell whether a span without its parent here is one that needs none."""
    return not columns.parent_span_id[i] or columns.span_kind[i] in ENTRIES


def _names(named: Named | None, session: str | None) -> bool:
    return named is not None and named.id == session
