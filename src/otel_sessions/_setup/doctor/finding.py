"""What the doctor found: a finding, and the report that holds all of one look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Level: TypeAlias = Literal["error", "warning", "hint"]
LEVELS: tuple[Level, ...] = ("error", "warning", "hint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found. Each text is one sentence or a few, and never has an id, a key or a header's value.

    Attributes:
        code: A stable name in kebab case, for who filters by it: ``no-processor``.
        level: ``error``: sessions are lost or leak; ``warning``: they do where something is added, or in part;
            ``hint``: nothing is wrong, and it may be meant. Hints leave the exit status at 0.
        what: What is wrong.
        where: The file and line, the variable, the package or the provider.
        why: Why that matters.
        remedy: What to write, so that it can be pasted.
    """

    code: str
    level: Level
    what: str
    where: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one look, worst first, and what was seen besides.

    Attributes:
        looked_at: ``environment``, ``program`` or ``source``.
        findings: Each of them once.
        facts: What was seen, by name, of the kinds that JSON knows.
    """

    looked_at: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether there are no findings but hints."""
        return all(finding.level == "hint" for finding in self.findings)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return ``findings`` worst first, each once, those of one level in the order that they have."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: LEVELS.index(finding.level)))
