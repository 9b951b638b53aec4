"""What the lists show, of the answers of the API: which columns, and which filters. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .tables import FLAGS, MODEL, NAME, SERVICE, SINCE, UNTIL, USER, Column, chips, first_page, following, headings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .tables import Field

    Answer = Mapping[str, Any]

_FEEDBACK = Column("Feedback", "feedback", is_number=True)
_SESSIONS = (
    Column("Session", "name"),
    Column("User", "users"),
    Column("Turns", "turns", is_number=True),
    Column("Last turns"),
    Column("Spans", "spans", is_number=True),
    Column("Services", "services"),
    Column("Tokens", "tokens", is_number=True),
    Column("Cost", "cost", is_number=True),
    Column("p95 of turns", "p95", is_number=True),
    Column("Errors", "errors", is_number=True),
    Column("Failed checks", "failed_checks", is_number=True),
    Column("Last activity", "end", is_number=True),
)
_USERS = (
    Column("User", "id"),
    Column("Sessions", "sessions", is_number=True),
    Column("Turns", "turns", is_number=True),
    Column("Spans", "spans", is_number=True),
    Column("Tokens", "tokens", is_number=True),
    Column("Errors", "errors", is_number=True),
    Column("First seen", "first", is_number=True),
    Column("Last seen", "last", is_number=True),
)
_TRACES = (
    Column("Trace", "name"),
    Column("Services"),
    Column("Spans", "spans", is_number=True),
    Column("Tokens", "tokens", is_number=True),
    Column("Errors", "errors", is_number=True),
    Column("Duration", is_number=True),
    Column("Sessions"),
    Column("Start", "start", is_number=True),
)


def sessions_values(answer: Answer, given: Mapping[str, str]) -> dict[str, object]:
    """Return what the template ``sessions.html`` names."""
    has_feedback = _has_feedback(answer["sessions"], given)
    columns = (*_SESSIONS[:-1], _FEEDBACK, _SESSIONS[-1]) if has_feedback else _SESSIONS
    more = {"sessions": answer["sessions"], "has_feedback": has_feedback}
    return more | _around(columns, "/", given, "-end", answer, (USER, NAME, SERVICE, MODEL, SINCE, UNTIL))


def users_values(answer: Answer, given: Mapping[str, str]) -> dict[str, object]:
    """Return what the template ``users.html`` names."""
    has_feedback = _has_feedback(answer["users"], given)
    columns = (*_USERS[:-2], _FEEDBACK, *_USERS[-2:]) if has_feedback else _USERS
    more = {"users": answer["users"], "has_feedback": has_feedback}
    return more | _around(columns, "/users", given, "-last", answer, (USER, SERVICE, MODEL, SINCE, UNTIL))


def traces_values(answer: Answer, given: Mapping[str, str]) -> dict[str, object]:
    """Return what the template ``traces.html`` names."""
    more = {"traces": answer["traces"], "is_without_session": "session" in given}
    return more | _around(_TRACES, "/traces", given, "-start", answer, (USER, NAME, SERVICE, MODEL, SINCE, UNTIL))


def _has_feedback(rows: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> bool:
    """Tell whether feedback has a column: where there is any, and where the list is sorted by it."""
    return given.get("sort", "").removeprefix("-") == "feedback" or any(row["feedback"] for row in rows)


def _around(  # noqa: PLR0913, PLR0917  # what a list is made of
    columns: Sequence[Column],
    path: str,
    given: Mapping[str, str],
    default_sort: str,
    answer: Answer,
    fields: Sequence[Field],
) -> dict[str, object]:
    return {
        "path": path,
        "given": given,
        "headings": headings(columns, path, given, default_sort),
        "fields": fields,
        "flags": FLAGS,
        "chips": chips(path, given),
        "following": following(path, given, answer["next"]),
        "first_page": first_page(path, given),
    }
