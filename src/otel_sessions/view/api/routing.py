"""Handlers to routes: what they refuse becomes an answer, of whatever form who serves them has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeAlias

from starlette.routing import Route

from otel_sessions.view.store.interface import InvalidCursorError

from .parameters import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    Handler: TypeAlias = Callable[[Request], Response]
    Refuse: TypeAlias = Callable[[str, int], Response]

_BAD_CURSOR = "cursor must be what next was in the answer to the same question."


class NotFoundError(Exception):
    """There is no such thing; the text says what."""


def missing(what: str, hint: str = "") -> NoReturn:
    """Say that there is no ``what``.

    Raises:
        NotFoundError: Always.
    """
    message = f"There is no {what}{hint}."
    raise NotFoundError(message)


def route(path: str, handler: Handler, refuse: Refuse) -> Route:
    """Return a route for ``GET``, answered by ``handler`` in a thread of its own.

    Args:
        path: As Starlette has it.
        handler: May raise `NotFoundError`, `InvalidParameterError` and `InvalidCursorError`.
        refuse: Makes an answer of the text of these and the status.
    """

    def answer(request: Request) -> Response:
        try:
            return handler(request)
        except InvalidParameterError as error:
            return refuse(str(error), 400)
        except InvalidCursorError:
            return refuse(_BAD_CURSOR, 400)
        except NotFoundError as error:
            return refuse(str(error), 404)

    return Route(path, answer, methods=["GET"])
