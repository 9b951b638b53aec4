"""What a cell of the table says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Ids(NamedTuple):
    """The session and the user of one conversation; ``None`` where a span has none."""

    session: str | None
    user: str | None


NO_IDS = Ids(None, None)
ADA = Ids("conv-a", "ada")
BOB = Ids("conv-b", "bob")


class Verdict(str, Enum):
    """How a cell came out."""

    PASSES = "passes"
    FAILS = "fails"
    NO_SUCH_CALL = "no such call"
    NOT_INSTALLED = "not installed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one tool did in one scenario: a verdict and what was seen, in a few words."""

    verdict: Verdict
    evidence: str

    @property
    def is_pass(self) -> bool:
        """Whether the scenario went well."""
        return self.verdict is Verdict.PASSES


def passes(evidence: str) -> Outcome:
    return Outcome(Verdict.PASSES, evidence)


def fails(evidence: str) -> Outcome:
    return Outcome(Verdict.FAILS, evidence)


def judged(ok: bool, good: str, bad: str) -> Outcome:
    """Return a pass that says ``good``, or a failure that says ``bad``."""
    return passes(good) if ok else fails(bad)


def worst(*outcomes: Outcome) -> Outcome:
    """Return the first failure, or else the first outcome: for a row that looks at more than one thing."""
    return next((each for each in outcomes if not each.is_pass), outcomes[0])


class NoSuchCallError(Exception):
    """The tool declares that it has nothing for this; the message says what is missing."""
