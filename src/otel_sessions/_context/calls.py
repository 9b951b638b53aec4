"""The public calls: what each argument means, and which change it makes."""

from __future__ import annotations

import functools
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, overload

from opentelemetry.context import Context

from otel_sessions import _diagnostics
from otel_sessions._session.fields import NOT_GIVEN, SessionId, clean_text, given
from otel_sessions._session.session import EMPTY, Session

from .changes import Clear, Descend, StartNew, Update, plain_new, start
from .decorators import decorated_bare, named_function
from .entry import get_current
from .resolution import state_in
from .scope import plain_scope, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from otel_sessions._session.fields import Fields

    from .scope import SessionScope

_IS_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR

NONE_GIVEN = (
    "session_id: None was given, so %s; if that is meant, leave it out; if not, the id was not where it was looked for"
)

Id: TypeAlias = SessionId | None
"""An id, or ``None`` for not given."""


@overload
def set_session(
    ctx: Context | None = None,
    session_id: Id | Callable[..., Id] = None,
    *,
    user_id: Id = None,
    name: str | None = None,
    path: str | None = None,
    previous_id: Id = None,
    metadata: Mapping[str, SessionId] | None = None,
    tags: Iterable[str] | None = None,
) -> SessionScope: ...


@overload
def set_session(
    session_id: Id | Callable[..., Id],
    /,
    *,
    user_id: Id = None,
    name: str | None = None,
    path: str | None = None,
    previous_id: Id = None,
    metadata: Mapping[str, SessionId] | None = None,
    tags: Iterable[str] | None = None,
) -> SessionScope: ...


def set_session(  # noqa: PLR0913  # what a session holds
    ctx: Context | Id | Callable[..., Id] = NOT_GIVEN,
    session_id: Id | Callable[..., Id] = NOT_GIVEN,
    *,
    user_id: Id = None,
    name: str | None = None,
    path: str | None = None,
    previous_id: Id = None,
    metadata: Mapping[str, SessionId] | None = None,
    tags: Iterable[str] | None = None,
) -> SessionScope:
    """Return a scope in which every span carries ``session.id`` and ``user.id``.

    ::

        with set_session(session_id="conv-42", user_id="ada"):
            ...

    Inside a scope with the same id, what is not given is inherited; with another id only the user
    is, and never one that came from a remote caller.

    Args:
        ctx: The OTel Context to start from; ``None`` is the current one at each entry. What else
            stands in this place is the session id.
        session_id: An id resumes that session, in any process. Without one a new session starts, with a
            random id (UUID 4), at each entry. So it does with ``None``, which is told at INFO, as it may be a
            key that was missing. A callable is called with the arguments of the decorated function.
        user_id: Whose session it is.
        name: The kind of workflow, for people ("Trip planning").
        path: Where in the workflow, absolute ("/outline/lesson-1"); see `step`.
        previous_id: The session that this one continues after a rotation.
        metadata: A small map of strings, at most 64.
        tags: Short strings, at most 64.

    Never raises. Texts are stripped. An id that is not 1 to 200 characters of printable ASCII, and
    any other text that is not 1 to 200 printable characters, is replaced by its SHA-256 digest; what
    is empty or of another type is left out. Both are warned about, by the logger ``otel_sessions``.

    Attributes: semantic conventions "Session" and "User" (``session.id``, ``session.previous_id``,
    ``user.id``, status Development), and ``session.name``, ``session.path``, ``session.tags``,
    ``session.metadata.<key>`` of this project. Everything but metadata and tags travels in OTel
    Baggage, to the services that the guard of `otel_sessions.sdk.instrument` allows; without it, to every host that is called.
    """
    if session_id is NOT_GIVEN and type(ctx) is str:
        ctx, session_id = None, ctx
    if (
        name is None
        and (user_id is None or type(user_id) is str)
        and path is None
        and previous_id is None
        and metadata is None
        and tags is None
    ):  # the common calls, and the hot ones
        scope = None
        if type(session_id) is str:
            if ctx is None or ctx is NOT_GIVEN:
                scope = plain_scope(session_id, user_id, None)  # pyright: ignore[reportArgumentType]  # a text
            elif _is_context(ctx):
                scope = plain_scope(session_id, user_id, ctx)  # pyright: ignore[reportArgumentType]
        elif session_id is NOT_GIVEN and ctx is NOT_GIVEN:
            new = plain_new(user_id)
            scope = None if new is None else scope_of(new)
        if scope is not None:
            return scope
    fields = given(user_id=user_id, name=name, path=path, previous_id=previous_id, metadata=metadata, tags=tags)
    return _scope(ctx, session_id, fields)


def update_session(
    *,
    user_id: Id = None,
    name: str | None = None,
    metadata: Mapping[str, SessionId] | None = None,
    tags: Iterable[str] | None = None,
) -> SessionScope:
    """Return a scope of the current session with more fields, such as the user after a log-in.

    ``user_id`` and ``name`` replace, ``metadata`` and ``tags`` add. Works without a session too: then
    spans carry what is given and no ``session.id``. Arguments and errors as in `set_session`.
    """
    return scope_of(Update(given(user_id=user_id, name=name, metadata=metadata, tags=tags)))


def clear_session(ctx: Context | None = None) -> SessionScope:
    """Return a scope in which spans carry no session and no user, and nothing of them is sent.

    Args:
        ctx: The OTel Context to start from; ``None`` is the current one at each entry.
    """
    function = named_function(ctx)
    if function is not None:
        return decorated_bare(scope_of(Clear()), function, "clear_session()")
    return scope_of(Clear(), _checked(ctx))


def step(name: str) -> SessionScope:
    """Return a scope one step deeper in the workflow: ``session.path`` is the current path and ``name``.

    ::

        with step("outline"), step("lesson-1"):  # /outline/lesson-1
            ...

    Args:
        name: 1 to 200 printable characters; slashes in it make several steps. A path that gets
            longer than 200 characters becomes its digest.
    """
    function = named_function(name)
    if function is not None:
        return decorated_bare(scope_of(Descend(clean_text("name", function.__name__))), function, "step(name)")
    return scope_of(Descend(clean_text("name", name)))


def get_session(ctx: Context | None = None) -> Session | None:
    """Return the session that spans started in ``ctx`` carry, ``None`` for none.

    Args:
        ctx: An OTel Context; ``None`` is the current one.
    """
    found = _checked(ctx)
    try:
        state = state_in(get_current() if found is None else found)
    except Exception as error:  # noqa: BLE001  # a span of somebody else's in a Context of somebody's making
        _diagnostics.warn_caller("get_session", "get_session: reading raised %s: there is none", type(error).__name__)
        return None
    return None if state is None or state.session == EMPTY else state.session


def _scope(ctx: object, session_id: object, fields: Fields) -> SessionScope:
    if (session_id is NOT_GIVEN and ctx is None) or (session_id is None and (ctx is NOT_GIVEN or _is_context(ctx))):
        _diagnostics.inform_caller("session_id None", NONE_GIVEN, "each entry begins a new session")
    ctx = None if ctx is NOT_GIVEN else ctx
    session_id = None if session_id is NOT_GIVEN else session_id
    if _is_context(ctx):
        return scope_of(start(session_id, fields), ctx)
    if session_id is not None and issubclass(type(ctx), str):
        _diagnostics.warn_caller(
            "two ids", "set_session: two ids were given, and the first is taken; user_id= is by name"
        )
    elif session_id is not None:
        _wrong_context(ctx)
        return scope_of(start(session_id, fields))
    function = named_function(ctx)
    if function is not None:
        return _bare_or_computing(function, fields)
    return scope_of(start(ctx, fields))


def _bare_or_computing(function: FunctionType, fields: Fields) -> SessionScope:
    """Return ``function`` decorated, as by ``@set_session`` without parentheses; or a scope of the id that it computes.

    Which of the two was meant shows only in what it is called with: a function to decorate, or not.
    """
    decorated = decorated_bare(
        scope_of(StartNew(fields)), function, "set_session(), or session_id= to compute the id by it"
    )
    computing = scope_of(start(function, fields))

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # what the function returns
        is_decorator = len(args) == 1 and not kwargs and type(args[0]) is FunctionType
        return computing(args[0]) if is_decorator else decorated(*args, **kwargs)

    is_called_at_once = not (inspect.iscoroutinefunction(function) or function.__code__.co_flags & _IS_GENERATOR)
    return either if is_called_at_once else decorated  # type: ignore[return-value]


def _is_context(ctx: object) -> TypeGuard[Context | None]:
    return ctx is None or issubclass(type(ctx), Context)  # not isinstance, which runs code of the object


def _checked(ctx: object) -> Context | None:
    if _is_context(ctx):
        return ctx
    _wrong_context(ctx)
    return None


def _wrong_context(ctx: object) -> None:
    found = type(ctx).__name__
    _diagnostics.warn_caller(
        f"ctx {found}", "ctx: expected an OpenTelemetry Context and got %s: the current one is used", found
    )
