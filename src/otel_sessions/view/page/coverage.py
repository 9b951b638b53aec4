"""What the page of coverage shows, of the answer of the API. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALL = 100
# So many torn traces stand on the page; the API has more.
_MOST_TORN = 100


def coverage_values(answer: Mapping[str, Any]) -> dict[str, object]:
    """Return what the template ``coverage.html`` names."""
    return {
        **answer,
        "share": share(answer["spans"], answer["without_session"]),
        "llm_share": share(answer["llm_spans"], answer["llm_without_session"]),
        "torn": answer["torn"][:_MOST_TORN],
        "more_torn": max(len(answer["torn"]) - _MOST_TORN, 0),
    }


def share(every: int, without: int) -> float | None:
    """Return the percentage that is in a session, ``None`` of nothing.

    It is 100 only if all are, and 0 only if none is: what lies between is rounded away from both.
    """
    if not every:
        return None
    percent = round(_ALL * (every - without) / every, 1)
    if without and percent == _ALL:
        return 99.9
    return 0.1 if without < every and percent == 0 else percent
