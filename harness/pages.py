"""What the pages of results are made of, in Markdown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TEXT, FIGURES = "---", "---:"
"""How the columns of a table after the first are aligned."""


def table(header: Sequence[str], rows: Iterable[Sequence[object]], columns: str = FIGURES) -> str:
    """Return a table, the ``columns`` after the first aligned alike."""
    rule = ["---", *(columns for _ in header[1:])]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in (header, rule, *rows))


def page(*parts: str) -> str:
    """Return a page of these parts, with an empty line between them."""
    return "\n\n".join(part.strip() for part in parts) + "\n"


def verdict(problems: Sequence[str]) -> str:
    """Return the sentence that tells whether a trial went well."""
    return f"**Not right:** {'; '.join(problems)}." if problems else "**All was right.**"
