"""How each public call makes the session inside a scope from the one outside.

A change is made once, by the call, and applied at each entry.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from otel_sessions import _diagnostics
from otel_sessions._session import ids, paths
from otel_sessions._session.fields import (
    ABSENT,
    NO_FIELDS,
    Absent,
    Fields,
    clean_session_id,
    first_items,
    is_id,
    notice_weak,
)
from otel_sessions._session.ids import LONGEST_WEAK, is_clean_id
from otel_sessions._session.session import EMPTY, SESSION_ID, USER_ID, Session, session_with
from otel_sessions._settings.settings import in_process

from .attribute_store import shown_by
from .local_trace import CLOCK, NOTE, SPAN_KEY, Note
from .process_session import HELD, user_of_process, whole
from .state import CLEARED, ENTRY_KEY, NOTHING, State, as_of_now, plain_state, state_of
from .unstamped import LOOKS, note_change

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

_T = TypeVar("_T")

Args: TypeAlias = tuple[Any, ...]
Kwargs: TypeAlias = Mapping[str, Any]

NO_KWARGS: Kwargs = MappingProxyType({})


_NO_MORE = NO_FIELDS[1:]


class Change(ABC):
    """Makes the state inside a scope from the one outside.

    None is a dataclass: to make seven takes as long as a twelfth of OpenTelemetry's API, and each program has to wait for it.
    """

    __slots__ = ()

    made_by: ClassVar = "set_session"
    """The public call that makes it."""

    @abstractmethod
    def applied(self, outer: State | None, args: Args = (), kwargs: Kwargs = NO_KWARGS, /) -> State:
        """Return the state inside, given the one outside and the arguments of the decorated function."""


class Start(Change):
    """A session by its id, of ``set_session``. ABSENT stands for an id that can't be used."""

    __slots__ = ("fields", "session_id")

    def __init__(self, session_id: str | Absent, fields: Fields = NO_FIELDS) -> None:
        self.session_id = session_id
        self.fields = fields

    def applied(self, outer: State | None, _args: Args = (), _kwargs: Kwargs = NO_KWARGS, /) -> State:
        """Inherit from the same session what is not given; from another one its user."""
        session_id, fields = self.session_id, self.fields
        plain = _plainly(session_id, fields, outer) if isinstance(session_id, str) else None
        return _started(session_id, fields, outer) if plain is None else plain


class StartNew(Change):
    """A new session with a generated id, another one at each entry."""

    __slots__ = ("fields",)

    def __init__(self, fields: Fields = NO_FIELDS) -> None:
        self.fields = fields

    def applied(self, outer: State | None, _args: Args = (), _kwargs: Kwargs = NO_KWARGS, /) -> State:
        """Inherit the user."""
        session_id, fields = ids.new_id(), self.fields
        plain = _plainly(session_id, fields, outer, is_new=True)
        return _started(session_id, fields, outer, is_new=True) if plain is None else plain

    def pinned(self) -> Start:
        """Return the start of one new session, the same at each entry."""
        return Start(ids.new_id(), self.fields)


class StartComputed(Change):
    """A session whose id is computed from the arguments of the decorated function."""

    __slots__ = ("compute", "fields", "made_at")

    def __init__(self, compute: Callable[..., object], fields: Fields, made_at: _diagnostics.Place) -> None:
        self.compute = compute
        self.fields = fields
        self.made_at = made_at

    def applied(self, outer: State | None, args: Args = (), kwargs: Kwargs = NO_KWARGS, /) -> State:
        """Start the session that the function names; ``None`` from it is a new one."""
        session_id, is_new = self._computed_id(args, kwargs)
        return _started(session_id, self.fields, outer, is_new=is_new)

    def _computed_id(self, args: Args, kwargs: Kwargs) -> tuple[str | Absent, bool]:
        try:
            value = self.compute(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # the application's function; its failure must not be ours
            found = type(error).__name__
            message = (
                "session_id: the callable of this scope raised %s, so there is no session id; it is called with exactly "
                "the arguments of the call"
            )
            _diagnostics.warn_at(self.made_at, "session_id raised", message, found)
            return ABSENT, False
        if inspect.iscoroutine(value):
            value.close()  # else Python warns that it was never awaited
        if value is not None:
            return clean_session_id(value), False
        message = (
            "session_id: the callable of this scope returned None, so the call begins a new session; was there no id?"
        )
        _diagnostics.inform_at(self.made_at, "session_id none", message)
        return ids.new_id(), True


class Update(Change):
    """The same session with more fields, of ``update_session``."""

    __slots__ = ("fields",)

    made_by: ClassVar = "update_session"

    def __init__(self, fields: Fields) -> None:
        self.fields = fields

    def applied(self, outer: State | None, _args: Args = (), _kwargs: Kwargs = NO_KWARGS, /) -> State:
        """Replace the texts that are given; add to metadata and tags."""
        session = EMPTY if outer is None else outer.session
        return _continued(outer, _filled(session, self.fields, session.id, adding=True), self.fields)


class Descend(Change):
    """The same session one step deeper, of ``step``."""

    __slots__ = ("name",)

    made_by: ClassVar = "step"

    def __init__(self, name: str | Absent) -> None:
        self.name = name

    def applied(self, outer: State | None, _args: Args = (), _kwargs: Kwargs = NO_KWARGS, /) -> State:
        """Join the step to the path."""
        session = EMPTY if outer is None else outer.session
        if isinstance(self.name, Absent):
            return _continued(outer, session, NO_FIELDS)
        fields = Fields(path=paths.joined(session.path, self.name))
        return _continued(outer, _filled(session, fields, session.id), fields)


class Carry(Change):
    """The session of a carrier, of ``from_carrier``; nothing of the one outside."""

    __slots__ = ("state",)

    made_by: ClassVar = "from_carrier"

    def __init__(self, state: State) -> None:
        self.state = state

    def applied(self, _outer: State | None, _args: Args = (), _kwargs: Kwargs = NO_KWARGS, /) -> State:
        """Carry what the carrier had, as far as callers are trusted now; the session of the process for nothing."""
        carried = as_of_now(self.state) if in_process().trust_incoming else NOTHING
        return whole() or carried if carried is NOTHING else carried


class Clear(Change):
    """No session and no user, of ``clear_session``."""

    __slots__ = ()

    made_by: ClassVar = "clear_session"

    def applied(self, _outer: State | None, _args: Args = (), _kwargs: Kwargs = NO_KWARGS, /) -> State:
        """Carry nothing."""
        return CLEARED


def start(session_id: object, fields: Fields) -> Change:
    """Return the start of a session by what was given for its id: nothing, an id, or what computes one."""
    note_change()
    if session_id is None:
        return StartNew(fields)
    if callable(session_id) and not is_id(session_id):
        return StartComputed(session_id, fields, _diagnostics.place())
    return Start(clean_session_id(session_id), fields)


class _Last:
    """What is kept of the sessions that were started by their ids alone: the last, as who asks again mostly asks for the same.

    To keep more took longer than to make one.

    Attributes:
        state: See `plain_start`.
        new: See `plain_new`.
    """

    __slots__ = ("new", "state")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Keep nothing."""
        self.state = CLEARED
        self.new = StartNew()


LAST = _Last()


def plain_start(session_id: str, user_id: str | None) -> State | None:
    """Return the state that stands for the start of a session with these ids and nothing else, made anew, and keep it.

    ``None`` where an id has to be cleaned: nothing long is kept.
    """
    is_user_known = user_id is None or user_id == LAST.state.session.user_id
    if not (is_clean_id(session_id) and (is_user_known or is_clean_id(user_id))):  # type: ignore[arg-type]  # not None
        return None
    if len(session_id) <= LONGEST_WEAK:
        notice_weak(session_id)
    LOOKS.changes += 1
    if LOOKS.changes >= LOOKS.next:  # as `note_change`
        LOOKS.go_on_again()
    LAST.state = state = plain_state(session_id, user_id)
    return state


def plain_new(user_id: str | None) -> StartNew | None:
    """Return the start of a new session of this user, and nothing else; ``None`` where the id of the user has to be cleaned."""
    new = LAST.new
    if new.fields.user_id != user_id:
        if user_id is not None and not is_clean_id(user_id):
            return None
        LAST.new = new = StartNew(Fields(user_id))
    note_change()
    return new


def begun(state: State, outer: State | None) -> State:
    """Return what is carried in ``outer`` of the session of a ``state`` of `plain_start`: mostly that."""
    session = state.session
    if outer is None or (session.user_id is not None and outer.session.id != session.id):
        return as_of_now(state)
    return start_of(state).applied(outer)


def start_of(state: State) -> Start:
    """Return the change that a ``state`` of `plain_start` stands for."""
    session = state.session
    return Start(session.id, Fields(session.user_id))  # type: ignore[arg-type]  # it has one


def inside(base: Context, state: State) -> State | None:
    """Return what is carried in ``base`` of the session of a ``state`` of `plain_start`; ``None`` where one look does not tell."""
    entry: Any = base.get(ENTRY_KEY)
    if entry is None:
        return state if is_bare(base) and not _diagnostics.is_informing() else None
    if not entry.is_plain or (entry.binds != CLOCK.binds and SPAN_KEY in base):
        return None
    outer, session = entry.state, state.session
    if outer.session.id == session.id:
        return None
    if session.user_id is not None:
        return state
    if outer.user_is_remote:
        return None
    user_id = outer.session.user_id
    return state if user_id is None else plain_state(session.id, user_id)  # type: ignore[arg-type]  # it has an id


def is_bare(base: Context) -> bool:
    """Tell whether one look shows that ``base`` names nothing: no more than a span, open here, without a session."""
    note = getattr(base.get(SPAN_KEY), NOTE, None)
    if type(note) is not Note or note.life is not CLOCK.process or len(base) > 1 or not HELD.is_idle:
        return False
    shown = None if note.trace is not None and note.trace.binding is not None else shown_by(base.get(SPAN_KEY))
    return shown is not None and SESSION_ID not in shown


def forget() -> None:
    """Forget what was made once: it holds what the settings of the time have shown."""
    LAST.forget()


def _plainly(session_id: str, fields: Fields, outer: State | None, *, is_new: bool = False) -> State | None:
    """Do as `_started` for a session of two ids, that inherits no more than a user; ``None`` for any other."""
    user_id = fields.user_id
    if fields[1:] != _NO_MORE or isinstance(user_id, Absent):
        return None
    if outer is not None:
        if outer.session.id == session_id:
            return None
        if user_id is None:
            if outer.user_is_remote:
                return None
            user_id = outer.session.user_id
    state = plain_state(session_id, user_id)
    state.is_new = is_new
    return state


def _started(session_id: str | Absent, fields: Fields, outer: State | None, *, is_new: bool = False) -> State:
    return state_of(
        _filled(_inherited(session_id, outer), fields, None if isinstance(session_id, Absent) else session_id),
        is_whole=True,
        user_is_remote=outer is not None and outer.user_is_remote and fields.user_id is None,
        is_new=is_new,
    )


def _inherited(session_id: str | Absent, outer: State | None) -> Session:
    if outer is None:
        return EMPTY
    if outer.session.id == session_id:
        return outer.session
    return session_with(user_id=_user_for_another(outer))


def _user_for_another(outer: State) -> str | None:
    """Return whose a session is that is opened here inside ``outer``, another one, where nobody says it."""
    if not outer.user_is_remote:
        return outer.session.user_id
    # Who a remote caller says it is holds for the session it names, and for no other. A user that is found on a
    # parent span is perhaps not a caller's; then it is not for us to name another.
    process = HELD.state
    if process is None or not (outer.id_is_remote or outer.items.get(USER_ID) in {None, process.items.get(USER_ID)}):
        return None
    return user_of_process()


def _continued(outer: State | None, session: Session, fields: Fields) -> State:
    if outer is None:
        return state_of(session)
    return state_of(
        session,
        is_whole=outer.is_whole,
        id_is_remote=outer.id_is_remote,
        user_is_remote=outer.user_is_remote and fields.user_id is None,
        user_is_of_process=outer.user_is_of_process and fields.user_id is None,
    )


def _filled(base: Session, fields: Fields, session_id: str | None, *, adding: bool = False) -> Session:
    """Return ``base`` with another id and with the ``fields`` that are given, ``adding`` to collections or not."""
    metadata = _chosen(fields.metadata, base.metadata) or {}
    tags = _chosen(fields.tags, base.tags) or ()
    if adding:
        metadata = dict(first_items("metadata", {**base.metadata, **metadata}.items()))
        tags = tuple(first_items("tags", dict.fromkeys(base.tags + tags)))
    return session_with(
        session_id,
        _chosen(fields.user_id, base.user_id),
        _chosen(fields.name, base.name),
        _chosen(fields.path, base.path),
        _previous_id(_chosen(fields.previous_id, base.previous_id), session_id),
        metadata,
        tags,
    )


def _previous_id(previous_id: str | None, session_id: str | None) -> str | None:
    if previous_id is None or previous_id != session_id:
        return previous_id
    _diagnostics.warn_caller("previous_id same", "previous_id: it is the session's own id, so it is left out")
    return None


def _chosen(given: _T | Absent | None, inherited: _T | None) -> _T | None:
    if given is None:
        return inherited
    return None if isinstance(given, Absent) else given
