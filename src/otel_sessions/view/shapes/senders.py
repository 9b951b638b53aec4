"""What is known of the spans of a source from those that came before: most are like another one. Bounded.

The spans of one name and one kind form a `Group`. On the wire ids, name and times stand in front; what follows, the
*ending*, is all that tells anything else. Where endings of a group repeat, what was read of them is kept by their bytes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from otel_sessions.view.wire.memos import Memo

from . import names
from . import raw as wire
from .facts import Kind
from .plans import NO_OUTLINE, Outline
from .sources import facts_of_source

if TYPE_CHECKING:
    from otel_sessions.view.wire.batch import Source

    from .facts import Named
    from .sources import SourceFacts

MAX_NAME = 4096
"""Longest name, model or path that is kept, in characters."""

MOST_BYTES = 4_000_000
"""What is kept of all groups, about. When it is as much, all is forgotten: what is used comes back."""

LONGEST = 1024
"""Bytes of the longest span whose ending is kept."""

_OVERHEAD = 500
_MOST_SENDERS = 2048

_PATIENCE = 64
"""Endings of a group that are new before it is asked whether any repeat."""

_USUAL_SIZE = 4
"""Of a name and a kind on the wire, beside the name: two tags, the length of the name, the kind."""

_NAME_TAG, _KIND_TAG, _SHORT = 0x2A, 0x30, 0x80


Ending: TypeAlias = "tuple[Kind, tuple[object, ...]]"
"""The kind of a span, and the fields of `Facts` behind the times."""

Sayings: TypeAlias = "tuple[Kind, Named | None, Named | None, str, str, str, str, str]"
"""What attributes say that many spans share: the kind, the session, the user, the name and the path of the session, the previous one, the displaced one, the model."""


class Group:
    """The spans of a source with one name and one kind.

    Attributes:
        source: What the source says.
        name: Theirs.
        kind: What they are of by their name.
        span_kind: ``SpanKind`` of OTLP.
        endings: What was read of each.
        layout: How many attributes the last span had, what each begins with, and the outline of that.
        repeats: Whether endings are kept.
        sayings: What was read of attributes that many of them share.
        hits: How many endings were known.
    """

    __slots__ = ("endings", "hits", "kind", "layout", "name", "repeats", "sayings", "source", "span_kind")

    def __init__(self, source: SourceFacts, name: str, kind: Kind, span_kind: int) -> None:
        """Know nothing yet."""
        self.source = source
        self.name = name
        self.kind = kind
        self.span_kind = span_kind
        self.endings: dict[bytes, Ending] = {}
        self.layout: tuple[int, list[bytes], Outline] = (0, [], NO_OUTLINE)
        self.repeats = True
        self.sayings: dict[tuple[object, tuple[bytes, ...]], Sayings] = {}
        self.hits = 0

    def keep(self, ending: bytes, found: Ending) -> None:
        """Keep what was read of an ending, unless those of this group do not repeat."""
        self.endings[ending] = found
        _take_room(len(ending))
        if len(self.endings) >= _PATIENCE and self.hits < len(self.endings):
            self.endings.clear()
            self.repeats = False

    def keep_saying(self, key: tuple[object, tuple[bytes, ...]], found: Sayings) -> None:
        """Keep what was read of some attributes."""
        size = sum(map(len, key[1]))
        if size <= LONGEST:
            self.sayings[key] = found
            _take_room(size)


def name_of(data: bytes) -> tuple[str, Kind]:
    """Return the name of a span, and what it is of by that."""
    name = wire.text_of(data[: 4 * MAX_NAME])[:MAX_NAME]
    return name, names.KINDS_BY_NAME.get(name, Kind.OTHER)


NAME_OF: Memo[bytes, tuple[str, Kind]] = Memo(name_of)


class Sender:
    """A source, with the groups of its spans, by name and kind as they stand on the wire; ``None`` where that is unusual."""

    __slots__ = ("groups", "source")

    def __init__(self, source: Source) -> None:
        """Know no group yet."""
        self.source = facts_of_source(source)
        self.groups: Memo[bytes, Group | None] = Memo(partial(_group_of, self.source))


def _group_of(source: SourceFacts, data: bytes) -> Group | None:
    size = len(data) - _USUAL_SIZE
    is_usual = size >= 0 and data[0] == _NAME_TAG and data[1] == size < _SHORT and data[-2] == _KIND_TAG
    if not is_usual or data[-1] >= _SHORT:
        return None
    return Group(source, *NAME_OF[data[2:-2]], data[-1])


_SENDERS: dict[Source, Sender] = {}
_used = 0


def sender_of(source: Source) -> Sender:
    """Return what is known of a source."""
    sender = _SENDERS.get(source)
    if sender is None:
        if len(_SENDERS) >= _MOST_SENDERS:
            forget()
            _SENDERS.clear()
        sender = _SENDERS[source] = Sender(source)
    return sender


def forget() -> None:
    """Forget all groups."""
    global _used  # noqa: PLW0603  # of all senders
    _used = 0
    for sender in [*_SENDERS.values()]:
        sender.groups.clear()


def _take_room(size: int) -> None:
    global _used  # noqa: PLW0603  # of all senders
    _used += size + _OVERHEAD
    if _used > MOST_BYTES:
        forget()
