"""What every framework is put through; a class of tests has the parts for what its framework can do.

A module of a framework makes classes of these, with ``ask`` or ``stream`` and the name of the instrumentation's scope.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from turns import ADA, BOB, Turns, User, users

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

_SECONDS = 240


class _Framework:
    scope: str
    """How the names of the instrumentation's scopes begin."""
    own_users: frozenset[str] = frozenset()
    """The users that the framework sets on its spans by itself."""

    def judge(self, turns: Turns, *those: User, left: tuple[User, ...] = ()) -> None:
        """See that all is as it should be; those who have ``left`` a stream early may have no span exported."""
        turns.are_apart(*those, *left, own_users=self.own_users)
        scopes = {(span.attributes["session.id"], span.instrumentation_scope.name) for span in turns.spans()}
        seen = {session for session, scope in scopes if scope.startswith(self.scope)}
        assert {user.session for user in those} <= seen, f"the instrumentation has made no span: {scopes}"


class Calls(_Framework):
    """Whole answers, by a plain function."""

    def ask(self, user: User) -> object:
        """Have the question of ``user`` answered."""
        raise NotImplementedError

    def test_turns_of_two_users_one_after_the_other(self, turns):
        for user in (ADA, BOB, ADA):
            with turns.of(user):
                self.ask(user)
        self.judge(turns, ADA, BOB)

    def test_two_users_at_once(self, turns):
        def take(user):
            with turns.of(user):
                self.ask(user)

        at_once(take, ADA, BOB)
        self.judge(turns, ADA, BOB)

    def test_many_users_in_threads_that_are_used_again(self, turns):
        def take(user):
            turns.nothing_is_left()
            with turns.of(user):
                self.ask(user)

        many = users(6)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(take, many, timeout=_SECONDS))
        self.judge(turns, *many)


class AsyncCalls(_Framework):
    """Whole answers, by a coroutine."""

    async def aask(self, user: User) -> object:
        """Have the question of ``user`` answered."""
        raise NotImplementedError

    async def _take(self, turns, user):
        with turns.of(user):
            await self.aask(user)

    def test_turns_of_two_users_one_after_the_other_in_a_task(self, turns):
        async def main():
            for user in (ADA, BOB, ADA):
                await self._take(turns, user)

        asyncio.run(main())
        self.judge(turns, ADA, BOB)

    def test_two_users_at_once_in_tasks(self, turns):
        async def main():
            await asyncio.gather(self._take(turns, ADA), self._take(turns, BOB))
            turns.nothing_is_left()

        asyncio.run(main())
        self.judge(turns, ADA, BOB)

    def test_two_users_at_once_in_loops_of_their_own(self, turns):
        at_once(lambda user: asyncio.run(self._take(turns, user)), ADA, BOB)
        self.judge(turns, ADA, BOB)


class Streams(_Framework):
    """Streamed answers, by a generator."""

    def stream(self, user: User) -> Iterator[object]:
        """Have the question of ``user`` answered bit by bit."""
        raise NotImplementedError

    def test_streams_that_are_read_to_the_end(self, turns):
        for user in (ADA, BOB):
            with turns.of(user):
                for _ in self.stream(user):
                    pass
        self.judge(turns, ADA, BOB)

    def test_streams_of_two_users_at_once(self, turns):
        def take(user):
            with turns.of(user):
                for _ in self.stream(user):
                    pass

        at_once(take, ADA, BOB)
        self.judge(turns, ADA, BOB)

    def test_a_stream_that_is_left_early_and_the_next_user(self, turns):
        with turns.of(ADA):
            for _ in self.stream(ADA):
                break
        gc.collect()
        turns.nothing_is_left()
        with turns.of(BOB):
            for _ in self.stream(BOB):
                pass
        self.judge(turns, BOB, left=(ADA,))

    def test_a_stream_that_is_left_early_and_dies_in_the_turn_of_the_next_user(self, turns):
        with turns.of(ADA):
            stream = iter(self.stream(ADA))
            next(stream)
        with turns.of(BOB):
            del stream
            gc.collect()
        turns.nothing_is_left(root=False)  # whoever it was that has brought back an ended span
        turns.are_apart(ADA, BOB, own_users=self.own_users)


class AsyncStreams(_Framework):
    """Streamed answers, by an asynchronous generator."""

    def astream(self, user: User) -> AsyncIterator[object]:
        """Have the question of ``user`` answered bit by bit."""
        raise NotImplementedError

    async def _read(self, turns, user):
        with turns.of(user):
            async for _ in self.astream(user):
                pass

    async def _leave(self, turns, user):
        with turns.of(user):
            async for _ in self.astream(user):
                break

    def test_streams_that_are_read_to_the_end_in_a_task(self, turns):
        async def main():
            for user in (ADA, BOB):
                await self._read(turns, user)

        asyncio.run(main())
        self.judge(turns, ADA, BOB)

    def test_streams_of_two_users_at_once_in_tasks(self, turns):
        async def main():
            await asyncio.gather(self._read(turns, ADA), self._read(turns, BOB))
            turns.nothing_is_left()

        asyncio.run(main())
        self.judge(turns, ADA, BOB)

    def test_a_stream_that_is_left_early_and_the_next_user_in_a_task(self, turns):
        async def main():
            await self._leave(turns, ADA)
            await settled()
            turns.nothing_is_left()
            await self._read(turns, BOB)

        asyncio.run(main())
        self.judge(turns, BOB, left=(ADA,))

    def test_a_stream_that_is_left_early_while_another_user_reads_theirs(self, turns):
        async def main():
            await asyncio.gather(self._leave(turns, ADA), self._read(turns, BOB))
            await settled()
            turns.nothing_is_left()

        asyncio.run(main())
        self.judge(turns, BOB, left=(ADA,))


async def settled() -> None:
    """Let what was left behind be found by the collector, and by the loop."""
    for _ in range(2):
        gc.collect()
        await asyncio.sleep(0.02)


def at_once(take: Callable[[User], None], *those: User) -> None:
    """Have each of ``those`` take their turn in a thread, all at the same time."""
    all_are_here = threading.Barrier(len(those))

    def begin(user: User) -> None:
        all_are_here.wait(_SECONDS)
        take(user)

    with ThreadPoolExecutor(len(those)) as pool:
        list(pool.map(begin, those, timeout=_SECONDS))
