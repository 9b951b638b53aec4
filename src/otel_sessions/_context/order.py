"""What was left out of order in a place, and what is open there.

Somebody's token may hold a Context of a block that has ended, such as that of a stream that was left early in it. It
comes back when the stream is closed, which may be inside of a later block: ``words = stream()`` in a loop drops the stream
of the last message when that of the next one has been made. Then the later block goes on.

What was open before an entry was made, and is not below that, is no longer in effect: a thread of a pool may hold open
what an earlier job has entered, while the Context of the next job is attached above. So the entries are numbered.

What is open is noted only from when anything was left out of order in this process, or came back: it would be a tenth
of the cost of a scope.
"""

from __future__ import annotations

import contextvars
import gc
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


class _Entry(Protocol):
    """What is asked of an entry here: it is open as long as it has a Context, and has a number where it was noted."""

    number: int

    @property
    def context(self) -> object: ...


_E = TypeVar("_E", bound=_Entry)

ANYWHERE: list[bool] = []
"""Holds something once anything was left out of order in this process, or came back."""

NOTED: list[object] = []
"""Holds something where each entry is noted, and that it is left: for that, or for somebody else."""

_MOST = 16

_UNKNOWN, _OLDER = 0, 1
_numbers = count(2)

_left: contextvars.ContextVar[tuple[object, ...]] = contextvars.ContextVar("otel-sessions-left", default=())
"""The marks of the last entries that were left out of order here, or in what this place is a copy of.

Somebody's token may hold a Context of such an entry. A task that is started when that is back would take it for the
one that it was started in.
"""

_opened: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar("otel-sessions-opened", default=())
"""The entries that are open here; ``None`` where a stream takes a step, whose session is its own."""


def begun(kind: type[_E]) -> list[_E]:
    """Note from now on what is open, and return what was opened lately, anywhere: nothing where a stream takes a step.

    Of all objects the garbage collector's two young generations are looked through, some thousands, once in a process. A
    block that has been open for longer loses its session this one time.
    """
    ANYWHERE.append(True)
    NOTED.append(ANYWHERE)
    older, younger = ([each for each in gc.get_objects(age) if issubclass(type(each), kind)] for age in (1, 0))
    _number_all(older, younger)
    still_open = [
        each for each in older + younger if getattr(each, "context", None) is not None and hasattr(each, "token")
    ]
    return still_open if all(type(each) is kind for each in still_open) else []


def _number_all(older: list[_E], younger: list[_E]) -> None:
    """Number what was made before it was noted: the ``older`` ones as one, whose order a collection may have changed."""
    for each in older:
        each.number = _OLDER
    for each in younger:
        if not hasattr(each, "number"):  # another thread may note by now what it opens
            each.number = next(_numbers)


def note_left() -> object:
    """Note that an entry is left out of order here, and return its mark."""
    mark = object()
    _left.set((*_left.get(), mark)[-_MOST:])
    return mark


def was_left(mark: object) -> bool:
    """Tell whether the entry of ``mark`` was left out of order here, or in what this place is a copy of."""
    return mark in _left.get()


def note_opened(entry: _E, is_of_here: Callable[[_E], bool]) -> None:
    """Note that ``entry`` is opened here. What a copy of another place has brought along is let go: it holds that place."""
    if not ANYWHERE:
        return
    entry.number = getattr(entry, "number", _UNKNOWN) or next(_numbers)
    known = _opened.get()
    if known:
        known = tuple(each for each in known if each is None or (each.context is not None and is_of_here(each)))
    _opened.set((*known[1 - _MOST :], entry))


def note_closed(entry: _Entry) -> None:
    """Note that ``entry`` is closed, here or elsewhere."""
    known = _opened.get() if ANYWHERE else ()
    if known and known[-1] is entry:
        _opened.set(known[:-1])
    elif entry in known:
        _opened.set(tuple(each for each in known if each is not entry))


def note_step(entry: _Entry) -> None:
    """Note that a stream begins to take a step here, in the Context of ``entry``."""
    entry.number = next(_numbers)
    _opened.set((*_opened.get(), None)[-_MOST:])


def note_step_over() -> None:
    """Note that the step is over: what was opened in it, and is open, is of the stream.

    Where its begin was not noted (another thread has begun to note meanwhile), nobody can tell what was: all is forgotten.
    """
    known = _opened.get()
    _opened.set(known[: len(known) - 1 - known[::-1].index(None)] if None in known else ())


def opened_last(since: _Entry) -> Any:  # noqa: ANN401  # an entry, or None
    """Return what was opened last of what is open; ``None`` where that is older than ``since``, or is for a stream to say."""
    last = next((each for each in reversed(_opened.get()) if each is None or each.context is not None), None)
    return None if last is None or last.number <= getattr(since, "number", _UNKNOWN) else last
