"""What a program of a page is run with: no way out of the loopback, and a look at what it leaves behind.

`begin` is called before it, and `see_that_nothing_is_left` behind it, in a process of its own.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from opentelemetry import trace

import loopback
from otel_sessions import get_session, to_carrier

if TYPE_CHECKING:
    from collections.abc import Coroutine

AFTERWARDS = "afterwards"

_run = asyncio.run
_tried: list[str] = []


def see_that_nothing_is_left() -> None:
    """See that here, now, is no session and no span; and make a span, which the test looks at."""
    left = (get_session(), to_carrier(), _tried)
    trace.get_tracer("pasted").start_span(AFTERWARDS).end()
    if left != (None, {}, []):
        sys.exit(f"left behind: {left}")


def _run_and_see(main: Coroutine[object, object, object], **options: object) -> object:
    """Be `asyncio.run`, and look where the program's own task ends: what is in its context ends with it."""
    if sys._getframe(1).f_globals["__name__"] != "__main__":
        return _run(main, **options)  # a framework's

    async def both() -> object:
        result = await main
        see_that_nothing_is_left()
        return result

    return _run(both(), **options)


def begin() -> None:
    """Look at all that comes."""
    asyncio.run = _run_and_see
    loopback.refuse_all_else(tried=_tried)
