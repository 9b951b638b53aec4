"""Runs work in a thread, and lets the test have what it raises."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 60


def in_a_thread(
    work: Callable[[], object], thread_of: Callable[[Callable[[], None]], threading.Thread] | None = None
) -> None:
    """Run ``work`` in a plain thread, or in the one that is made for it, and wait until it has ended."""
    failed = []

    def caught() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # it is raised again below
            failed.append(error)

    thread = threading.Thread(target=caught) if thread_of is None else thread_of(caught)
    thread.start()
    thread.join(_SECONDS)
    assert not thread.is_alive()
    if failed:
        raise failed[0]
