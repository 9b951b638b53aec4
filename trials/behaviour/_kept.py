"""What the last run has seen, kept beside the page: so that some rows can be run again and the others stay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ._outcome import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Outcomes = Mapping[tuple[str, str], Outcome]


def write(page: Path, outcomes: Outcomes, versions: Mapping[str, str]) -> None:
    """Keep the outcomes of ``page``, by row and tool, and what they were seen with."""
    rows: dict[str, dict[str, list[str]]] = {}
    for (row, tool), outcome in outcomes.items():
        rows.setdefault(row, {})[tool] = [outcome.verdict.value, outcome.evidence]
    text = json.dumps({"versions": versions, "rows": rows}, indent=1, ensure_ascii=False)
    page.with_suffix(".json").write_text(f"{text}\n", encoding="utf-8")


def read(page: Path, versions: Mapping[str, str]) -> Outcomes:
    """Return the outcomes that were kept.

    Raises:
        ValueError: They were seen with other versions, so they do not belong on one page with new ones.
    """
    kept = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    if kept["versions"] != versions:
        message = "what was kept was seen with other versions: all of it has to be run"
        raise ValueError(message)
    return {
        (row, tool): Outcome(Verdict(verdict), evidence)
        for row, by_tool in kept["rows"].items()
        for tool, (verdict, evidence) in by_tool.items()
    }
