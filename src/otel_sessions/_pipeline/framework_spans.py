"""The spans of agent frameworks, where it was asked for what those carry: what one shows at its end, and its node.

A framework may name its session on a span that has begun, and on that alone. Those below find it there; those above,
the application's turn or a server's request, take it when they end, if all that was named below them is one session.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from otel_sessions._context.attribute_store import attributes_of
from otel_sessions._context.framework_ids import FrameworkState, as_carried, is_carried
from otel_sessions._context.framework_runs import node_of_this_run
from otel_sessions._context.local_trace import note_of
from otel_sessions._context.process_session import is_of_process
from otel_sessions._context.state import state_of
from otel_sessions._session import framework_ids
from otel_sessions._session.session import SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from otel_sessions._context.local_trace import Note
    from otel_sessions._context.state import State

_MAX_NODES = 256
"""Most nodes of one session whose states are kept."""


def placed(state: State, note: Note, span: Any, parent: Any) -> State:  # noqa: ANN401  # of an SDK
    """Return ``state`` with the node of a graph that runs here as its path, if no step was set.

    If it is a framework's, that goes into the ``note`` of ``span``, which is starting, and those above it are told.
    """
    is_own = type(state) is FrameworkState and state.session.id is not None
    if is_own or (parent is not None and is_carried(parent)):
        note.is_carried = True
    if is_own:
        tell_above(span, note, {key: state.items[key] for key in (SESSION_ID, USER_ID) if key in state.items})
    path = None if state.session.id is None else node_of_this_run()
    declared = state.session.path
    # Below the node of a graph, the node of its subgraph; the step of an application stays.
    is_new = path is not None and (declared is None or path.startswith(f"{declared}/"))
    return _placed(state, path) if path is not None and is_new else state


def _placed(state: State, path: str) -> State:
    """Return ``state`` with a ``path``; made once for each."""
    spoken = state.spoken or {}
    if path in spoken:
        return spoken[path]
    made: State = state_of(
        replace(state.session, path=path),
        id_is_remote=state.id_is_remote,
        user_is_remote=state.user_is_remote,
        user_is_of_process=state.user_is_of_process,
    )
    if type(state) is FrameworkState:
        made = as_carried(made)
    if len(spoken) < _MAX_NODES:
        state.spoken = {**spoken, path: made}
    return made


def ids_of(attributes: Mapping[str, Any], note: Note, lacking: Collection[str]) -> dict[str, str]:
    """Return what a span that is ending is ``lacking``, and shows of its framework, or those below it have shown."""
    found = framework_ids.ids_in(attributes)
    below = getattr(note, "below", {})
    own_id = found.get(SESSION_ID) if SESSION_ID in lacking else attributes[SESSION_ID]
    if own_id is None or own_id == below.get(SESSION_ID):
        found = {**below, **found}
    return {key: value for key, value in found.items() if value and key in lacking}


def tell_above(span: Any, note: Note, named: Mapping[str, Any]) -> None:  # noqa: ANN401  # of an SDK
    """Note on the open spans above ``span`` which session a framework has ``named`` on it, up to one that has one."""
    trace = note.trace
    while trace is not None and span.parent is not None:
        parent_id = span.parent.span_id
        span = next((each for each in list(trace.open) if each.get_span_context().span_id == parent_id), None)
        theirs = note_of(span)
        if theirs is None:
            return
        seen = getattr(theirs, "below", None)
        agreed = named if seen is None else _agreed(seen, named)
        theirs.below = agreed
        session_id = dict(theirs.stamps).get(SESSION_ID)
        if agreed == seen or (session_id is not None and not is_of_process(SESSION_ID, session_id)):
            return


def _agreed(seen: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one session that both tell of, and its one user: nothing for two sessions, and ``""`` for two users."""
    if seen.get(SESSION_ID) != named.get(SESSION_ID):
        return {}
    users = {each[USER_ID] for each in (seen, named) if USER_ID in each}
    user = dict.fromkeys((USER_ID,) * bool(users), users.pop() if len(users) == 1 else "")
    return {SESSION_ID: seen.get(SESSION_ID), **user}


def tell_above_at_end(span: Any, note: Note) -> None:  # noqa: ANN401  # of an SDK
    """Note the same of a ``span`` that is ending, if a framework has named its session, at its start or since."""
    attributes = attributes_of(span)
    if _is_named_by_framework(attributes, note):
        tell_above(span, note, {key: attributes[key] for key in (SESSION_ID, USER_ID) if key in attributes})


def _is_named_by_framework(attributes: Mapping[str, Any], note: Note) -> bool:
    """Tell whether the session that is on a span was put there by a framework, or because one carries it."""
    session_id = attributes.get(SESSION_ID)
    if not session_id or is_of_process(SESSION_ID, session_id):
        return False
    stamped = dict(note.stamps).get(SESSION_ID)
    return stamped is None or type(note.state) is FrameworkState or is_of_process(SESSION_ID, note.state.session.id)
