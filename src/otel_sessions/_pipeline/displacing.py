"""Who gives way where a span names two sessions, when it starts and whenever the other one comes; the loser is kept.

One rule for all moments: the session of a scope or a bind wins, unless the setting says that the span does. What came
with a request gives way, and what a framework carries. And the same for each name that a dialect has for the session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions._context.framework_ids import gives_way
from otel_sessions._session import user_ids
from otel_sessions._session.dialects import CONVERSATION_ID, SPAN_KIND
from otel_sessions._session.other_ids import is_another
from otel_sessions._session.session import DISPLACED, DISPLACED_CONVERSATION_ID, DISPLACED_ID, SESSION_ID, USER_ID
from otel_sessions._settings.settings import in_process

from .value_limits import fitted, is_same

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from otel_sessions._context.local_trace import Note
    from otel_sessions._context.state import State

    Value = str | tuple[str, ...]
    Stamps = Iterable[tuple[str, Value]]


@dataclass(frozen=True, slots=True)
class Rule:
    """By which one processor settles it.

    Attributes:
        span_wins: The id that a span names itself wins, and ours is kept.
        aliases: Other names that are stamped for ids, with ours.
        session_names: All names of the session, ours first.
    """

    span_wins: bool
    aliases: Mapping[str, str]
    session_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Note what is asked for each span."""
        names = (alias for alias, key in self.aliases.items() if key == SESSION_ID)
        object.__setattr__(self, "session_names", (SESSION_ID, *names))

    def is_of_user(self, key: str) -> bool:
        """Tell whether ``key`` is a name of the user."""
        return USER_ID in {key, self.aliases.get(key)}


class Change(NamedTuple):
    """What is to be changed on a span that has come to name another session.

    Attributes:
        put: What to put on it.
        gone: What to take off it.
        stamps: What is ours on it then.
        displaced: What of ``put`` is the loser, unless one is kept already.
        is_conflict: It was another session, and not ours in another form.
    """

    put: Mapping[str, Value]
    gone: tuple[str, ...]
    stamps: Stamps
    displaced: Mapping[str, str]
    is_conflict: bool = True


class Settled(NamedTuple):
    """What becomes of a span that has attributes of a session itself.

    Attributes:
        stamps: What to put on it.
        displaced: What of it is the loser, by the keys under which it is kept.
        own: The ids of the span itself that stay, or that gave way.
    """

    stamps: Stamps
    displaced: Mapping[str, str]
    own: Mapping[str, object]


def at_start(
    rule: Rule, about: tuple[State, object], wanted: Stamps, attributes: Mapping[str, object], limit: int | None
) -> Settled:
    """Return what of ``wanted`` to stamp on a span that has ``attributes`` of its own.

    What it has stays, but for an id of another session, where somebody has to give way. A masked one is none yet:
    ours goes over it, and nothing is kept.

    Args:
        rule: That of the processor.
        about: The session that is stamped, and its id in the form that the span can hold, if that is stamped.
        wanted: The names and values to stamp.
        attributes: What the span has itself.
        limit: Its longest value.
    """
    state, ours = about
    disputed = _disputed(rule, state, ours, attributes, limit)
    own = {
        key: attributes[key]
        for key in (SESSION_ID, USER_ID)
        if key in attributes and not is_same(attributes[key], state.attributes.get(key), limit)
    }
    replaced = ({*rule.session_names} - disputed.keys()) | ({USER_ID} - own.keys())
    stamps = [item for item in wanted if item[0] not in attributes or _is_better(item, replaced, attributes)]
    stamps = _with_own_user(rule, own, stamps)
    if not disputed:
        return Settled(stamps, {}, own)
    if gives_way(state):  # nothing of another's session belongs on this span
        return Settled([] if SESSION_ID in disputed else stamps, {}, own)
    displaced = _displaced(rule, ours, disputed, limit, kept=())
    if not rule.span_wins:
        won = [item for item in wanted if item[0] in disputed]
        return Settled([*won, *stamps, *displaced.items()], displaced, own)
    if SESSION_ID in disputed:
        stamps = [item for item in stamps if rule.is_of_user(item[0])]
    return Settled([*stamps, *displaced.items()], displaced, own)


def _is_better(item: tuple[str, Value], replaced: Collection[str], attributes: Mapping[str, object]) -> bool:
    """Tell whether what a span has of the same id goes: as a number, cut by the SDK, masked or empty."""
    return item[0] in replaced and attributes[item[0]] != item[1]


def _with_own_user(rule: Rule, own: Mapping[str, object], stamps: list[tuple[str, Value]]) -> list[tuple[str, Value]]:
    """Return ``stamps`` with the span's own user, if it has one, under the other names of the user, as it may be shown."""
    if USER_ID not in own:
        return stamps
    settings = in_process()
    user_id = user_ids.shown(str(own[USER_ID]), settings.user_privacy, settings.user_hash_key)
    others = [item for item in stamps if rule.aliases.get(item[0]) != USER_ID]
    its: list[tuple[str, Value]] = [(key, user_id) for key, _ in stamps if user_id and rule.aliases.get(key) == USER_ID]
    return [*its, *others]


def later(rule: Rule, note: Note, attributes: Mapping[str, object], limit: int | None) -> Change | None:
    """Return what to change on a span that was stamped and has ``attributes`` now; ``None`` for nothing.

    What was deleted or masked in the meantime stays so.
    """
    stamps = dict(note.stamps)
    ours = stamps.get(SESSION_ID)
    if not isinstance(ours, str):
        return None
    there = {name: attributes[name] for name in rule.session_names if attributes.get(name, ours) != ours}
    if not there:
        return None
    disputed = _disputed(rule, note.state, ours, there, limit)
    raw = note.state.attributes.get(SESSION_ID)
    same: dict[str, Value] = {name: ours for name, value in there.items() if is_same(value, raw, limit)}
    if not disputed:
        return Change(same, (), note.stamps, {}, is_conflict=False) if same else None
    if gives_way(note.state):
        return _yielded(stamps, disputed, attributes, {}, stays=())
    displaced = _displaced(rule, ours, disputed, limit, kept=stamps)
    if rule.span_wins:
        stays = {key for key in stamps if key in DISPLACED or rule.is_of_user(key)}
        return _yielded(stamps, disputed, attributes, displaced, stays)
    won = dict.fromkeys(disputed, ours)
    # What was kept before is gone where all attributes are written anew once more.
    again = {key: stamps[key] for key in DISPLACED if key in stamps and key not in attributes}
    return Change(
        {**same, **won, **again, **displaced}, (), (*displaced.items(), *{**stamps, **won}.items()), displaced
    )


def converted(note: Note, before: Mapping[str, object], attributes: Mapping[str, object]) -> Change | None:
    """Return what to put back on an ended span whose attributes ``before`` somebody has made those of OpenInference.

    Its processor for OpenLLMetry makes new ones of what it knows, and leaves all else out. Who takes an id off a span means that,
    and makes no span of another kind of it: ``None``.
    """
    stamps = dict(note.stamps)
    if SPAN_KIND not in attributes or SPAN_KIND in before or not attributes.keys().isdisjoint(stamps):
        return None
    lost = {key: value for key, value in stamps.items() if before.get(key) == value}
    return Change(lost, (), note.stamps, {}) if SESSION_ID in lost else None


def _yielded(
    stamps: Mapping[str, Value],
    disputed: Mapping[str, object],
    attributes: Mapping[str, object],
    displaced: Mapping[str, str],
    stays: Collection[str],
) -> Change:
    """Return what to change where ours gives way: a span of another session has nothing of ours but what ``stays``."""
    gone = [key for key in stamps if key not in stays] if SESSION_ID in disputed else []
    left = {key: value for key, value in stamps.items() if key not in gone and key not in disputed}
    taken = tuple(key for key in gone if key in attributes and attributes[key] == stamps[key])
    return Change(displaced, taken, (*displaced.items(), *left.items()), displaced)


def _disputed(
    rule: Rule, state: State, ours: object, attributes: Mapping[str, object], limit: int | None
) -> dict[str, object]:
    """Return the names under which ``attributes`` name another session, with that."""
    raw = state.attributes.get(SESSION_ID)
    if not isinstance(ours, str) or not isinstance(raw, str):
        return {}
    return {
        name: value
        for name in rule.session_names
        if (value := attributes.get(name)) != ours
        and is_another(value, {ours, raw}, limit)
        and not is_same(value, raw, limit)
    }


def _displaced(
    rule: Rule, ours: object, disputed: Mapping[str, object], limit: int | None, kept: Iterable[str]
) -> dict[str, str]:
    """Return the loser by the key under which it is kept: the first one, unless there is one ``kept`` already."""
    found: dict[str, str] = {}
    for name, value in disputed.items():
        key = kept_as(name)
        if key not in kept:
            found.setdefault(key, str(ours if rule.span_wins else value))
    if limit is None:
        return found
    return {key: str(value) for key, value in fitted(found.items(), limit)}


def kept_as(name: str) -> str:
    """Return under which key the loser is kept that a span has under ``name``."""
    return DISPLACED_CONVERSATION_ID if name == CONVERSATION_ID else DISPLACED_ID
