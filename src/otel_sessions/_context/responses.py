"""Responses of web frameworks whose body is a stream, which a server consumes when the function that made them is long over."""

from __future__ import annotations

from typing import Any

from otel_sessions import _diagnostics

from .entry import get_current, lasting
from .flush import is_asked_for
from .streams import is_stream, wrapped
from .surroundings import AT_END


def body_of(result: Any) -> tuple[str, Any] | None:  # noqa: ANN401  # whatever a function returns
    """Return under which name ``result`` has a body that is a stream, and the body; ``None`` for what has none."""
    name = _name_of_body(result)
    body = None if name is None else getattr(result, name)
    return (name, body) if name is not None and is_stream(body) else None


def held(result: Any) -> None:  # noqa: ANN401  # as above
    """Have the steps of the body of ``result``, where that is a stream, taken in what is current here. Never raises."""
    try:
        body = body_of(result)
        if body is not None:
            name, stream = body
            setattr(result, name, wrapped(stream, lasting(get_current()), AT_END if is_asked_for() else None))
    except Exception as error:  # noqa: BLE001  # code of the result
        found = type(error).__name__
        _diagnostics.warn_once(
            ("body", found),
            "otel_sessions: the body of a %s is left without the session of the function that returns it: to put it there "
            "raised %s; pass the stream itself to the scope's wrap",
            type(result).__name__,
            found,
        )


def _name_of_body(result: Any) -> str | None:  # noqa: ANN401  # as above
    """Look at the class: what else a function returns may do something when it is asked for a name that it has not."""
    kind = type(result)
    if hasattr(kind, "streaming_content"):  # Django's
        return "streaming_content"
    if hasattr(kind, "is_streamed"):  # werkzeug's, which is that of Flask
        return "response" if result.is_streamed is True else None
    own = "body_iterator"  # Starlette's, also of FastAPI and `sse_starlette`
    return own if hasattr(kind, own) or own in getattr(result, "__dict__", ()) else None
