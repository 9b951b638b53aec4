"""The public calls about what is there already: a trace that is open, a session that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions import _diagnostics
from otel_sessions._session.fields import NO_FIELDS, NOT_GIVEN, clean_session_id, given

from .binding import bound
from .calls import NONE_GIVEN
from .changes import plain_start
from .events import ended

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from otel_sessions._session.fields import SessionId
    from otel_sessions._session.session import Session

    from .calls import Id


def bind_session(  # noqa: PLR0913  # what a session holds
    session_id: Id = NOT_GIVEN,
    *,
    user_id: Id = None,
    name: str | None = None,
    path: str | None = None,
    previous_id: Id = None,
    metadata: Mapping[str, SessionId] | None = None,
    tags: Iterable[str] | None = None,
) -> Session:
    """Bind the whole current trace in this process to a session, and return the session.

    For an id that is known late, when the root span of the trace has long been open::

        @app.post("/chat")
        def chat(message: Message):  # a framework has opened the server span
            bind_session(message.conversation, user_id=message.user)

    The spans of the trace that are open get the session now, the current one, its ancestors and
    their other children; those that start later get it when they start, in any task or thread. It
    attaches nothing, so it ends with the trace: it holds while a span of the trace is open in this
    process, and after that for five minutes in background tasks that were started inside of it.
    Bound again, the last one counts. It goes before scopes that were entered earlier, and behind
    those that are entered later and `clear_session`.

    A worker that was started inside a request (a queue's, a scheduler's) is below the span of that
    request for ever, with the jobs of everybody. Once that span has ended, nothing is bound below
    it: enter `set_session` for each job, or give each job a span and bind inside of that. The same
    goes for a process that was forked inside of a request.

    Args:
        session_id: As in `set_session`; without one, and with ``None``, it is the current session, or else a new one.
        user_id: As all that follows, as in `set_session`.
        name: The kind of workflow.
        path: Where in the workflow.
        previous_id: The session that this one continues.
        metadata: A small map of strings.
        tags: Short strings.

    Outside of any span, and below one that has ended, there is nothing to bind: then it only warns, and
    returns the session. Where the current span is not recorded (a sampler has dropped it, or it is a
    caller's), nobody can tell when it ends: there a bind holds for five minutes.
    """
    if (
        name is None
        and type(session_id) is str
        and (user_id is None or type(user_id) is str)
        and path is None
        and previous_id is None
        and metadata is None
        and tags is None
    ):
        state = plain_start(session_id, user_id)  # the common call, and the hot one
        if state is not None:
            return bound(session_id, NO_FIELDS, state)
    fields = given(user_id=user_id, name=name, path=path, previous_id=previous_id, metadata=metadata, tags=tags)
    if session_id is None:
        _diagnostics.inform_caller("bind None", NONE_GIVEN, "it is the current session, or else a new one")
    return bound(None if session_id is None or session_id is NOT_GIVEN else clean_session_id(session_id), fields)


def end_session(session: Session | None = None) -> None:
    """Tell that a session is over, by the event ``session.end``; it ends nothing else.

    A log record, where events are asked for (``OTEL_SESSION_EVENTS=true``, or ``instrument(events=True)``); otherwise
    this does nothing. Semantic conventions, "Session Events" (Development). Never raises.

    Args:
        session: Such as `get_session` returns it; ``None`` is the current one.
    """
    ended(session)
