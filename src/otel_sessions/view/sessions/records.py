"""What the records of a trace's log add to its spans: words, and whose they are."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from otel_sessions.view.shapes.facts import Words

from .session_of_span import SESSION_ID_RANK, session_of_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otel_sessions.view.shapes.facts import LogFacts

    from .columns import Columns
    from .forest import Forest

_MOST_RECORDS = 256
"""Messages of one span that are read: the last ones, as each call of a model repeats the conversation."""


def sessions_of_logs(
    logs: Sequence[LogFacts], columns: Columns, forest: Forest, sessions: Sequence[str | None]
) -> list[str | None]:
    """Return the session of each record: the one it names by ``session.id``, else its span's, else its trace's.

    Another key counts only where the spans name no session at all.
    """
    rest = session_of_rest(columns, forest, sessions)
    found: list[str | None] = []
    for log in logs:
        own = log.session
        if own is not None and (own.rank <= SESSION_ID_RANK or rest is None):
            found.append(own.id)
        else:
            i = forest.places.get(log.span_id, -1)
            found.append(rest if i < 0 else sessions[i])
    return found


def told_of(logs: Sequence[LogFacts], forest: Forest) -> dict[int, list[int]]:
    """Return the records with the words of each span, in order of their time."""
    told: defaultdict[int, list[int]] = defaultdict(list)
    for n, log in enumerate(logs):
        if log.has_words and (i := forest.places.get(log.span_id, -1)) >= 0:
            told[i].append(n)
    for of_span in told.values():
        of_span.sort(key=lambda n: logs[n].time)
    return dict(told)


def with_records(
    words: Callable[[int], Words],
    log_words: Callable[[int], Words],
    told: Mapping[int, Sequence[int]],
    logs: Sequence[LogFacts],
) -> Callable[[int], Words]:
    """Return what reads the words of a span, also from records."""

    def read(i: int) -> Words:
        own = words(i)
        if i not in told or (own.input and own.output):
            return own
        said = [(logs[n].time, log_words(n)) for n in told[i][-_MOST_RECORDS:]]
        asked = max(((time, each.input) for time, each in said if each.input), default=(0, ""))[1]
        answered = max(((time, each.output) for time, each in said if each.output), default=(0, ""))[1]
        return Words(own.input or asked, own.output or answered)

    return read
