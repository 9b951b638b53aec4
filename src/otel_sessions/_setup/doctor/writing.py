"""How a report is written: for a person, and for a program."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from textwrap import indent, wrap
from typing import TYPE_CHECKING

from .finding import LEVELS
from .program.covering import coverage_rows

if TYPE_CHECKING:
    from .finding import Finding, Report

_WIDTH = 100
_MARK = {"error": "x", "warning": "!", "hint": "-"}


def as_json(report: Report) -> str:
    """Return ``report`` as one JSON object: ``looked_at``, ``is_good``, ``findings``, ``facts``."""
    return json.dumps(
        {
            "looked_at": report.looked_at,
            "is_good": report.is_good,
            "findings": [asdict(finding) for finding in report.findings],
            "facts": dict(report.facts),
        },
        indent=2,
    )


def as_text(report: Report) -> str:
    """Return the findings of ``report``, which spans were in a session where it is of a program, and the sums."""
    table = "\n".join(map(_plain, coverage_rows(report.facts))) if report.facts.get("scopes") else ""
    return "\n\n".join([*map(_paragraph, report.findings), *filter(None, [table]), _summary(report)])


def _paragraph(finding: Finding) -> str:
    what = f"{_plain(finding.what)} [{finding.code}]"
    first, *more = wrap(what, _WIDTH, break_on_hyphens=False)  # a code stays whole
    rows = (
        _row("where", _plain(finding.where)),
        _row("why", _plain(finding.why)),
        _row("remedy", "\n".join(map(_plain, finding.remedy.split("\n")))),
    )
    return "\n".join([f"{_MARK[finding.level]} {first}", *(f"  {line}" for line in more), *rows])


def _plain(text: str) -> str:
    """Return ``text`` with what moves a terminal, or can't be encoded, as an escape: a name of a span may be anything."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _row(name: str, text: str) -> str:
    # What is to be pasted keeps its lines.
    lines = (
        text.splitlines() if "\n" in text else wrap(text, _WIDTH - 10, break_long_words=False, break_on_hyphens=False)
    )
    return indent("\n".join(lines), " " * 10).replace(" " * 10, f"  {name + ':':<8}", 1)


def _summary(report: Report) -> str:
    counts = Counter(finding.level for finding in report.findings)
    if not counts:
        return "Nothing was found that is wrong."
    return ", ".join(f"{counts[level]} {level}{'s' * (counts[level] > 1)}" for level in LEVELS if counts[level]) + "."
