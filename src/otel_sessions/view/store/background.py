"""What is done beside writing: settling soon after something came, and putting the file in order when nothing comes."""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_sessions.view.store.writing import Writer

_logger = logging.getLogger("otel_sessions")

# What comes in quick succession is settled together.
_GATHERED = 0.3
# Nothing came for so long: time for what makes the file smaller.
_IDLE = 3.0
# What could not be done now is tried again after so long.
_AGAIN = 0.5


class Background:
    """A thread of its own for a writer."""

    def __init__(self, writer: Writer) -> None:
        """Start."""
        self._writer = writer
        self._something = threading.Event()
        self._over = threading.Event()
        self._has_failed = False
        self._thread = threading.Thread(target=self._run, name="otel-sessions-store", daemon=True)
        self._something.set()
        self._thread.start()

    def something_came(self) -> None:
        """Settle soon."""
        self._something.set()

    def stop(self) -> None:
        """End the thread, and wait for it."""
        self._over.set()
        self._something.set()
        self._thread.join()

    def _run(self) -> None:
        is_tidy = False
        while not self._over.is_set():
            if self._something.wait(None if is_tidy else _IDLE):
                self._something.clear()
                self._settle_soon()
                is_tidy = False
            else:
                is_tidy = self._make_tidy()

    def _settle_soon(self) -> None:
        self._over.wait(_GATHERED)
        while not self._over.is_set() and self._done(self._writer.settle):
            pass
        if self._writer.settler.has_work and not self._over.wait(_AGAIN):
            # What is dear to sum up, or could not be written, waits.
            self._something.set()

    def _make_tidy(self) -> bool:
        """Return whether all is done, and nothing came meanwhile."""
        while not self._something.is_set():
            if not self._done(self._writer.tidy):
                return True
        return False

    def _done(self, what: Callable[[], bool]) -> bool:
        """Do some of a work; return whether there is more that can be done now."""
        try:
            return what()
        except sqlite3.Error as error:
            # The disk is full, as a rule: what came is kept, and settled when there is room.
            if not self._has_failed:
                self._has_failed = True
                _logger.warning("The store of otel-sessions can't be brought up to date: %s", error)
            return False
