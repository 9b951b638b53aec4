"""The Context of a stream: current while a step is taken, and kept for the next one.

What a step has left current is the stream's, and comes back for the next one. Between two steps its session is
nobody's: what somebody's token brings back then has none.

That is known of the place, a thread or a task, in which the steps are taken, by the stream's entry there. So a stream that
goes on in another place gets an entry of its own for that, and may find it again.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol, cast

from opentelemetry.context import Context, detach

from . import order
from .entry import Lasting, attach, entry_in, get_current, lasting
from .flush import flush, flushed
from .state import ENTRY_KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Watcher(Protocol):
    """Looks on while a stream is consumed. Never raises."""

    def took(self, item: object) -> None:
        """Look at the ``item`` that a step has given."""

    def ended(self, error: BaseException | None) -> bool:
        """Note that there are no more steps, as ``error`` has it; tell whether to flush what was recorded.

        It may be told more than once.
        """
        ...


class _AtEnd:
    """Has what was recorded flushed when a stream is at its end."""

    def took(self, item: object) -> None:
        """Look at nothing."""

    def ended(self, error: BaseException | None) -> bool:  # noqa: ARG002  # as of a `Watcher`
        """Flush."""
        return True


AT_END: Watcher = _AtEnd()


_MOST_PLACES = 3


class Surroundings:
    """The Context of a stream, current while a step is taken, and who looks on.

    Threads may share it: what a step goes by is looked up and stored in one piece.
    """

    __slots__ = ("elsewhere", "last", "unused", "watcher")

    def __init__(self, context: Context, watcher: Watcher | None) -> None:
        entry = entry_in(context)
        entry = entry if type(entry) is Lasting else None
        self.last: tuple[Context, Lasting | None] = context, entry
        self.elsewhere: tuple[Lasting, ...] = ()  # its entries in other places, the last ones
        self.unused = [entry]  # by any place yet; whoever takes it out has it alone
        self.watcher = watcher

    @property
    def context(self) -> Context:
        """The Context that the next step goes on in."""
        return self.last[0]

    def next_of(self, step: Callable[[], Any]) -> Any:  # noqa: ANN401  # what the step gives
        """Take a step in here that gives the next item."""
        try:
            item = self.watched(step)
        finally:
            del step  # it may hold an error, whose traceback holds this frame
        if self.watcher is not None:
            self.watcher.took(item)
        return item

    async def awaited_next_of(self, step: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Take an async step in here that gives the next item."""
        try:
            item = await self.awaited(step)
        except BaseException as error:
            if self.watcher is not None and self.watcher.ended(error):
                await flushed(error)
            raise
        finally:
            del step  # it may hold an error, whose traceback holds this frame
        if self.watcher is not None:
            self.watcher.took(item)
        return item

    def watched(self, step: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Take a step in here, or make the stream; whoever looks on is told where that was the last."""
        try:
            return self.taken(step)
        except BaseException as error:
            if self.watcher is not None and self.watcher.ended(error):
                flush()
            raise
        finally:
            del step  # as above

    def closed(self, close: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Close the stream in here."""
        result = self.taken(close)
        if inspect.isawaitable(result):
            return self.awaited_close(lambda: result)
        if self.watcher is not None and self.watcher.ended(None):
            flush()
        return result

    async def awaited_close(self, close: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Close the async stream in here."""
        found = await self.awaited(close)
        if self.watcher is not None and self.watcher.ended(None):
            await flushed()
        return found

    def taken(self, step: Callable[[], Any]) -> Any:  # noqa: ANN401  # what the step gives
        """Take a step in here."""
        token, entry = self._enter()
        try:
            return step()
        finally:
            del step  # as above
            self._leave(token, entry)

    async def awaited(self, step: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Take an async step in here."""
        token, entry = self._enter()
        try:
            return await step()
        finally:
            del step
            self._leave(token, entry)

    def _enter(self) -> tuple[Any, Lasting | None]:
        """Make the Context current; return the token of that, and the entry, unless another step in it is under way."""
        context, entry = self.last
        if entry is not None:
            consumer = get_current()
            if entry.context is not None or not self._is_for(entry, consumer):
                context, entry = self._of_another_place(context, entry, consumer)
            if entry is not None:
                _resume(entry, context, consumer)
        return attach(context), entry

    def _is_for(self, entry: Lasting, consumer: Context) -> bool:
        """Tell whether ``entry`` is that of this very place, or is now, as it was of none; and use its token up."""
        if entry.token is not None:
            return _is_back(entry, consumer)
        try:
            return self.unused.pop() is entry
        except IndexError:
            return False

    def _of_another_place(self, context: Context, entry: Lasting, consumer: Context) -> tuple[Context, Lasting | None]:
        """Return Context and entry for a step in another place than that of ``entry``; none for a step in a step."""
        elsewhere = self.elsewhere
        if entry_in(context) is not entry or _is_inside(entry, consumer):
            return context, None if entry.context is not None else entry
        suspended = (each for each in elsewhere if each.context is None and each.token is not None)
        found = next((each for each in suspended if _is_back(each, consumer)), None)
        context = lasting(context) if found is None else Context({**context, ENTRY_KEY: found})
        self.elsewhere = (entry, *(each for each in elsewhere if each is not found))[:_MOST_PLACES]
        return context, cast("Lasting", context[ENTRY_KEY])

    def _leave(self, token: Any, entry: Lasting | None) -> None:  # noqa: ANN401  # see `Entry.token`
        context, is_here = get_current(), True
        try:
            token.var.reset(token)
        except AttributeError:  # not a contextvars.Token: see `entry.get_current`
            detach(token)
        except (ValueError, RuntimeError):
            # A step that was suspended is ended elsewhere, and what is current there is not of this stream.
            is_here = False
        if entry is not None:
            self.last = (context if is_here or entry.context is None else entry.context), entry
            _suspend(entry, is_here=is_here)
        elif is_here:
            self.last = context, self.last[1]


def _is_inside(entry: Lasting, context: Context) -> bool:
    """Tell whether ``context`` carries ``entry``."""
    found = entry_in(context)
    while found is not None and found is not entry:
        found = entry_in(found.base)
    return found is entry


def _is_back(entry: Lasting, consumer: Context) -> bool:
    """Tell whether the last step by ``entry`` was taken in this very place, and use its token up."""
    try:
        entry.token.var.reset(entry.token)
    except AttributeError:  # not a contextvars.Token: see `entry.get_current`
        return True
    except (ValueError, RuntimeError):
        return False
    if get_current() is not consumer:
        attach(consumer)
    return True


def _resume(entry: Lasting, context: Context, consumer: Context) -> None:
    """Let a step be taken in ``context``, which carries ``entry``, for a ``consumer`` that is current."""
    entry.base = consumer
    entry.context = context
    entry.is_plain = entry.state.is_whole
    if order.ANYWHERE:
        order.note_step(entry)


def _suspend(entry: Lasting, *, is_here: bool) -> None:
    """Let a step be over: what brings its Context back to the consumer, where it ``is_here``, brings no session."""
    if is_here:
        if order.ANYWHERE:
            order.note_step_over()
        entry.token = attach(get_current())  # first: the token of before is used up
    entry.is_plain = False
    entry.context = None
