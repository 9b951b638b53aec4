"""Gives targets their cases, in chunks, so that memory stays flat; and times the library's part."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from . import _grammar, _watch
from ._outbound import Destination, TraceStates
from ._targets import Carrier, Inbound, RoundTrip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._targets import Target

TARGETS: tuple[type[Target], ...] = (Inbound, RoundTrip, Carrier, Destination, TraceStates)

SPUN_OUT = 40
"""Cases of each draw of hypothesis."""
SLOW = 50.0
"""What no case may take, in ms of the processor."""
_CHUNK = 50
_LOOKED_AT = 0.2
_REPEATS = 3
_SHOWN = 10


@dataclass(slots=True)
class Tally:
    """What was found by one target in one process; times are of the processor, in milliseconds."""

    cases: int = 0
    seen: int = 0
    seconds: float = 0.0
    distinct: set[int] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_case: str = ""
    shown: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in what another process has found."""
        self.cases += other.cases
        self.seen += other.seen
        self.seconds += other.seconds
        self.distinct |= other.distinct
        self.counts.update(other.counts)
        self.shown = [*self.shown, *other.shown][:_SHOWN]
        if other.slowest > self.slowest:
            self.slowest, self.slowest_case = other.slowest, other.slowest_case

    def problems(self) -> list[str]:
        """Return what is not as it should be."""
        found = [f"{kind}: {count:,}" for kind, count in sorted(self.counts.items()) if count and kind != "limits"]
        return [*found, f"a case took {self.slowest:.0f} ms"] if self.slowest > SLOW else found

    def note(self, kind: str, case: str, what: str) -> None:
        """Count a problem, and keep some."""
        self.counts[kind] += 1
        self.show(case, what)

    def show(self, case: str, what: str) -> None:
        """Keep a problem, if there are not too many."""
        if len(self.shown) < _SHOWN:
            self.shown.append(f"{what}\n  in {case[:1500]}")


def run(cases: int, seconds: float, dice_seed: int) -> dict[str, Tally]:
    """Give each target its share of ``cases``, for no more than its share of ``seconds``."""
    log = _watch.Log()
    found = {}
    for kind in TARGETS:
        log.is_writing = kind.writes_foreign
        log.counts.clear()
        found[kind.title] = _of_target(kind(), cases, seconds, dice_seed, log)
        found[kind.title].counts.update(log.counts)
    return found


def merged(tallies: Iterable[dict[str, Tally]]) -> dict[str, Tally]:
    """Return the tallies of several processes as one, by target."""
    whole: dict[str, Tally] = {kind.title: Tally() for kind in TARGETS}
    for title, tally in (item for each in tallies for item in each.items()):
        whole[title].add(tally)
    return whole


def _of_target(target: Target, cases: int, seconds: float, dice_seed: int, log: _watch.Log) -> Tally:
    tally = Tally()
    start = time.monotonic()
    chunk = 0
    while tally.cases < cases * target.share and time.monotonic() - start < seconds * target.share:
        _watch.forget()
        _drawn(target, dice_seed * 100_000 + chunk, lambda parts, dice: _spun_out(target, parts, dice, tally, log))
        chunk += 1
    tally.seconds, tally.seen = time.monotonic() - start, target.seen
    return tally


def _drawn(target: Target, number: int, use: Callable[[list[str], Random], None]) -> None:
    draws = count()

    @seed(number)
    @settings(
        max_examples=_CHUNK,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_grammar.fragments(target.own), st.integers(0, 2**63))
    def draw(parts: list[str], dice: int) -> None:
        # Hypothesis likes to draw the same number again, which would spin out the same cases.
        use(parts, Random(f"{number}-{next(draws)}-{dice}"))  # noqa: S311  # not to hide anything

    draw()


def _spun_out(target: Target, parts: list[str], dice: Random, tally: Tally, log: _watch.Log) -> None:
    for _ in range(SPUN_OUT):
        one_case(target, parts, dice, tally, log)


def one_case(target: Target, parts: list[str], dice: Random, tally: Tally, log: _watch.Log) -> None:
    """Make a case, let the library act, and note what is not right."""
    again = Random()  # noqa: S311  # to make the same case once more: an iterator can be read once
    again.setstate(dice.getstate())
    case = target.make(dice, parts)
    shown = repr(case)
    tally.cases += 1
    tally.distinct.add(_fingerprint(shown))
    try:
        taken, problems = _judged(target, case)
    except Exception as error:  # noqa: BLE001  # it is counted
        tally.note("exceptions", shown, repr(error))
        return
    for problem in problems:
        tally.note("wrong ids" if problem.startswith("wrong ids") else "others", shown, problem)
    for found in log.taken():
        tally.show(shown, found)
    if taken > max(_LOOKED_AT, tally.slowest):
        _look_again(target, parts, again, taken, tally)


def _fingerprint(shown: str) -> int:
    digest = hashlib.blake2b(shown.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _judged(target: Target, case: object) -> tuple[float, list[str]]:
    start = time.thread_time()
    outcome = target.act(case)
    taken = (time.thread_time() - start) * 1000
    return taken, target.judge(case, outcome)


def _look_again(target: Target, parts: list[str], dice: Random, taken: float, tally: Tally) -> None:
    """Take what is slow every time, and not what was slow once: by a collection, or a cache that was cold."""
    state = dice.getstate()
    for _ in range(_REPEATS):
        dice.setstate(state)
        case = target.make(dice, parts)
        taken = min(taken, _judged(target, case)[0])
    if taken > tally.slowest:
        tally.slowest, tally.slowest_case = taken, repr(case)
