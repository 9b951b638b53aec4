"""Where things have their pages. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def session_url(session_id: str, **more: str) -> str:
    """Return the address of a session's page; ids that a path can't carry stand in the query.

    Args:
        session_id: Any text.
        more: Parameters of the page, such as ``cursor``.
    """
    if session_id.strip(".") and "/" not in session_id and "\\" not in session_id:
        return f"/sessions/{quote(session_id, safe='')}" + (f"?{urlencode(more)}" if more else "")
    return f"/session?{urlencode({'id': session_id, **more})}"


def trace_url(trace_id: str) -> str:
    """Return the address of a trace's page."""
    return f"/traces/{quote(trace_id, safe='')}"


def list_url(path: str, **given: str) -> str:
    """Return the address of a list, with those parameters that say something."""
    said = {name: value for name, value in given.items() if value}
    return f"{path}?{urlencode(said)}" if said else path
