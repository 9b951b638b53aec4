"""Responses of web frameworks whose body is a stream, which a server consumes when the function that made them is long over."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_sessions import _diagnostics

from .entry import get_current, lasting
from .flush import is_asked_for
from .resolution import state_in
from .streams import is_stream, rereadable_in, wrapped
from .surroundings import AT_END

if TYPE_CHECKING:
    from collections.abc import Callable

_STARLETTE = "body_iterator"
"""Where Starlette has it, also of FastAPI and `sse_starlette`."""


class Body(NamedTuple):
    """A body that is a stream.

    Attributes:
        stream: The body. One that can be read anew, of a response that is sent again, is as it came, without what was put
            around it for the call before.
        put: Puts another one in its place.
        around: What was put around it, by us; ``None`` for nothing.
    """

    stream: Any
    put: Callable[[Any], None]
    around: Any = None


def body_of(result: Any) -> Body | None:  # noqa: ANN401  # whatever a function returns
    """Return the body of ``result``, a response or a tuple that begins with one; ``None`` where none is a stream.

    A file is none: a server may send it by itself.
    """
    response = result[0] if type(result) is tuple and result else result
    found = _body_of(response)
    if found is None or not is_stream(found.stream):
        return None
    again = rereadable_in(found.stream)
    return found if again is None else Body(again, found.put, found.stream)


def held(result: Any) -> None:  # noqa: ANN401  # as above
    """Have the steps of the body of ``result``, where that is a stream, taken in what is current here. Never raises."""
    try:
        body = body_of(result)
        if body is None:
            return
        context = lasting(get_current())
        if body.around is None or state_in(body.around._otel_sessions_surroundings.context) is not state_in(context):  # noqa: SLF001
            body.put(wrapped(body.stream, context, AT_END if is_asked_for() else None))
    except Exception as error:  # noqa: BLE001  # code of the result
        found = type(error).__name__
        _diagnostics.warn_once(
            ("body", found),
            "otel_sessions: the body of a %s is left without the session of the function that returns it: to put it there "
            "raised %s; pass the stream itself to the scope's wrap",
            type(result).__name__,
            found,
        )


def _body_of(response: Any) -> Body | None:  # noqa: ANN401  # as above
    """Look at the class: what else a function returns may do something when it is asked for a name that it has not."""
    kind = type(response)
    if hasattr(kind, "streaming_content"):
        return _body_of_django(response)
    if hasattr(kind, "is_streamed") and hasattr(kind, "iter_encoded"):  # werkzeug's, which is that of Flask
        if response.is_streamed is not True or response.direct_passthrough:
            return None
        body = response.response
        return Body(body if is_stream(body) else iter(body), partial(setattr, response, "response"))
    own: Any = ()
    with suppress(Exception):  # it has none
        own = object.__getattribute__(response, "__dict__")
    if hasattr(kind, _STARLETTE) or _STARLETTE in own:
        return Body(getattr(response, _STARLETTE), partial(setattr, response, _STARLETTE))
    return None


def _body_of_django(response: Any) -> Body | None:  # noqa: ANN401  # as above
    """Return the parts themselves: what the public name gives holds the response, which would hold it in turn for good."""
    if getattr(response, "file_to_stream", None) is not None:
        return None

    def put(stream: Any) -> None:  # noqa: ANN401  # as it comes, it goes
        response._iterator = stream  # noqa: SLF001  # see above
        if not response.is_async:
            response._resource_closers.insert(0, stream.close)  # noqa: SLF001  # first, so that it is closed inside

    return Body(response._iterator, put)  # noqa: SLF001  # see above
