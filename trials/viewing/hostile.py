"""Hostile requests by the hundred thousand: each is answered as it has to be, and nothing else happens."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from . import in_process, wired

# Over sockets and gRPC.
_SHARE_WIRED = 0.02
# Of memory, from the middle to the end: caches have been full for long then.
_GROWTH = 1.1
_SLOW = 500.0


class Hostile(NamedTuple):
    """What was seen."""

    asked: in_process.Tally
    wired: wired.Wired

    def problems(self) -> list[str]:
        """Return what is not as it should be."""
        found = [f"{self.asked.faults + self.wired.faults:,} faults"] if self.asked.faults + self.wired.faults else []
        if self.asked.slowest > _SLOW:
            found.append(f"a request took {self.asked.slowest:.0f} ms")
        for where, seen in (("the application", self.asked), ("the process", self.wired)):
            if seen.end > seen.middle * _GROWTH + 10:
                found.append(f"the memory of {where} grew from {seen.middle:.0f} to {seen.end:.0f} MB")
        return found

    def shown(self) -> list[str]:
        """Return the first faults, and the slowest request."""
        return [*self.asked.shown, *self.wired.shown, f"slowest: {self.asked.slowest_case}"]


def run(requests: int, seconds: float, seed: int, processes: int = 2) -> Hostile:
    """Ask ``requests`` times, for no more than about ``seconds``."""
    over_wires = int(requests * _SHARE_WIRED)
    share = -(-(requests - over_wires) // processes)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(_asked, share, seconds, f"{seed}-{number}") for number in range(processes)]
        over = wired.run(over_wires, seconds, seed)
        tally = in_process.Tally()
        for job in jobs:
            tally.add(job.result())
    return Hostile(tally, over)


def _asked(requests: int, seconds: float, seed: str) -> in_process.Tally:
    """Ask, and see that nothing is written to stderr; what Python itself writes there, too."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as errors:
        os.dup2(errors.fileno(), 2)
        try:
            tally = in_process.run(requests, seconds, seed)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        errors.seek(0)
        if said := errors.read():
            tally.note(f"on stderr: {said[:1_000]!r}")
    return tally
