"""Which exchange a root span shows, where a backend takes what that has for one exchange: never the words of two.

A span may be the root of many turns, one after the other or at once: that of a WebSocket, of a consumer, of a batch.
What it shows is of one of them, both what was asked and what was answered: the last that was answered. Turns inside of
a turn are its parts: what it says itself takes their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions._context.attribute_store import attributes_now, attributes_of, discard, put_open
from otel_sessions._context.local_trace import note_of, noted
from otel_sessions._forks import ForkSafeLock
from otel_sessions._session.session import SESSION_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from otel_sessions._context.local_trace import Note

_INPUT_VALUE, _OUTPUT_VALUE = "input.value", "output.value"


class Words:
    """What was said in one turn.

    Attributes:
        depth: In how many turns it is, itself included.
        stamps: The attributes that tell of it.
    """

    __slots__ = ("depth", "stamps")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.stamps: dict[str, str] = {}


class _Shown:
    """What a span shows.

    Attributes:
        turn: The span id of the turn that it is of.
        depth: As of `Words`.
        session_id: What that turn had as its session when it was put there.
        hashes: Of its attributes, as the span has taken them: a note may be kept for longer than its span.
    """

    __slots__ = ("depth", "hashes", "session_id", "turn")

    def __init__(self, turn: int, depth: int) -> None:
        self.turn = turn
        self.depth = depth
        self.session_id: object = None
        self.hashes: dict[str, int] = {}


_showing = ForkSafeLock()


def say_itself(span: Any, stamps: Mapping[str, str]) -> None:  # noqa: ANN401  # of any SDK
    """Put ``stamps`` on the ``span`` of the turn itself, in place of what a turn inside of it has shown there."""
    with _showing.now:
        note = note_of(span)
        if note is not None and getattr(note, "shown", None) is not None:
            _take_off(span, note, stamps)
        put_open(span, stamps)


def show_on(root: Any, span: Span, words: Words, stamps: Mapping[str, str]) -> None:  # noqa: ANN401  # of any SDK
    """Let the ``root`` of the trace in this process show the ``words`` of the turn of ``span``, if it shows no others.

    Where it does show them, the ``stamps`` are what is new. Phoenix shows of a trace what its root span has (run). What somebody else has put there stays as it is, alone.
    """
    with _showing:
        there, note = attributes_of(root), note_of(root) or noted(root)
        shown = _shown_of(note)
        if not root.is_recording() or _is_of_others(there, shown, words):
            return
        turn, session_id = span.get_span_context().span_id, attributes_of(span).get(SESSION_ID)
        is_same = shown is not None and shown.turn == turn
        if there.get(SESSION_ID) not in {None, session_id}:  # in that conversation nobody has said so
            if is_same:
                _take_off(root, note, {})
            return
        if shown is None or not is_same:
            if shown is not None and not _gives_way(shown, there, words):
                return
            _take_off(root, note, words.stamps)
            note.shown = shown = _Shown(turn, words.depth)
            stamps = words.stamps
        put_open(root, stamps)
        shown.session_id = session_id
        after = attributes_of(root)  # looked at: values may have been cut
        shown.hashes.update({key: hash(after.get(key)) for key in stamps})


def _shown_of(note: Note) -> _Shown | None:
    return getattr(note, "shown", None)


def _is_of_others(there: Mapping[str, Any], shown: _Shown | None, words: Words) -> bool:
    """Tell whether somebody else has put an input or an output ``there``."""
    if shown is None and _INPUT_VALUE not in there and _OUTPUT_VALUE not in there:
        return False
    hashes = {} if shown is None else shown.hashes
    return any(
        there.get(key) not in (None, words.stamps.get(key)) and not _is_put(there[key], hashes.get(key))
        for key in (_INPUT_VALUE, _OUTPUT_VALUE)
    )


def _is_put(value: object, put: int | None) -> bool:
    """Tell whether ``value`` is the text whose hash is noted."""
    return isinstance(value, str) and hash(value) == put


def _gives_way(shown: _Shown, there: Mapping[str, Any], words: Words) -> bool:
    """Tell whether the ``words`` of another turn take the place of what is ``shown``."""
    if there.get(SESSION_ID) is not None and shown.session_id not in {None, there.get(SESSION_ID)}:
        return True  # the trace was bound to another session since
    if words.depth != shown.depth:
        return words.depth < shown.depth
    return _OUTPUT_VALUE in words.stamps and shown.hashes.keys() <= words.stamps.keys()


def _take_off(span: Any, note: Note, stamps: Mapping[str, str]) -> None:  # noqa: ANN401  # of any SDK
    """Take off ``span`` what its ``note`` says that it shows, where it is not among the ``stamps`` that come instead."""
    shown = _shown_of(note)
    if shown is None:
        return
    note.shown = None
    there, hashes = attributes_now(span), shown.hashes
    gone = {key: there[key] for key in hashes.keys() - stamps.keys() if _is_put(there.get(key), hashes[key])}
    try:
        discard(span, gone.items())
    except AttributeError:  # an SDK that keeps its attributes elsewhere; the public API can only overwrite
        span.set_attributes(dict.fromkeys(gone, ""))
