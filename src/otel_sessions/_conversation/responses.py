"""Responses of web frameworks whose body is a stream, which a server consumes when the function that made them is long over."""

from __future__ import annotations

from typing import Any

from otel_sessions._context.streams import is_stream

_BODIES = ("body_iterator", "streaming_content")
"""Where Starlette, also of FastAPI and `sse_starlette`, and Django have it."""


def body_of(result: Any) -> tuple[str, Any] | None:  # noqa: ANN401  # whatever a function returns
    """Return under which name ``result`` has a body that is a stream, and the body; ``None`` for what has none."""
    for name in _BODIES:
        body = getattr(result, name, None)
        if is_stream(body):
            return name, body
    if getattr(result, "is_streamed", None) is True and is_stream(
        result.response
    ):  # werkzeug's, which is that of Flask
        return "response", result.response
    return None
