"""How the plug-in behaves: arguments first, then the environment. The only reader of ``os.environ``.

A value that can't be used is a warning, and never more open than what was asked for: it does not
count, and what guards ids (`_Setting.closed`) closes. A value is shown only where nobody would write
an id or a key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics
from otel_sessions._session import user_ids
from otel_sessions._session.session import METADATA_PREFIX, TAGS, WIRE_KEYS

from . import reading
from .hosts import NONE, PRIVATE, Destinations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .reading import Complain, Pairs

LOGS = ("true", "false", "sampled")
_SHORTEST_KEY = 16
_PREFIX = "OTEL_SESSION_"
# What is no setting, and begins like one.
_OTHERS = ("OTEL_SESSIONS_DEMO_MODEL",)
_USERS = frozenset({"user_privacy", "user_hash_key", "user_id"})


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What is set, all of it; each field is an argument of ``instrument()`` and an environment variable.

    Attributes:
        dialects: Names of backends whose attribute names are stamped too.
        aliases: Other attribute names to stamp, each with the key of ours whose value it gets.
        propagate_to: Which hosts get the session on outgoing calls.
        trust_incoming: Take the session of incoming requests, carriers and headers.
        incoming_headers: Keys of ours, each with the name of a request header to take it from, in lower case; of several
            for one key the first that a request has counts.
        user_privacy: How a user id appears outside: ``plain``, ``hash`` or ``drop``.
        user_hash_key: The key of ``hash``.
        metadata_on_wire: Keys of metadata that travel, ``session.tags`` for the tags.
        conflict: Who wins where a span starts with another session id than the scope's: ``scope`` or ``span``.
        logs: Stamp log records: ``true``, ``false``, or ``sampled`` to drop those of dropped sessions too.
        events: Write ``session.start`` and ``session.end`` as log records.
        session_id: The session of all in this process that has no other: an id, ``auto`` for a new one, or ``environ``
            for the one that it was started in.
        user_id: The user of all in this process that has no other, and is not a caller's.
        provider_ids: Which of ``user`` and ``session`` a span without one takes from the call of the model; with
            ``framework`` it takes both from what an agent framework carries.
        flush: How long the end of a turn waits for its telemetry to be exported, in milliseconds; 0 is not at all.
        disabled: All of it is off.
    """

    dialects: tuple[str, ...] = ()
    aliases: Pairs = ()
    propagate_to: Destinations = PRIVATE
    trust_incoming: bool = True
    incoming_headers: Pairs = ()
    user_privacy: str = user_ids.PLAIN
    user_hash_key: str | None = None
    metadata_on_wire: tuple[str, ...] = ()
    conflict: str = "scope"
    logs: str = "true"
    events: bool = False
    session_id: str | None = None
    user_id: str | None = None
    provider_ids: tuple[str, ...] = ("user",)
    flush: int = 0
    disabled: bool = False
    is_plain: bool = field(init=False, compare=False)
    """All of a session is shown as it is, but for metadata and tags on the wire; asked for each session."""
    own_keys: frozenset[str] = field(init=False, compare=False)
    """The baggage keys that are ours."""
    alias_names: frozenset[str] = field(init=False, compare=False)
    """The names of the user's own that stand for keys of ours."""

    def __post_init__(self) -> None:
        """Fill in what follows from the others."""
        plain = self.user_privacy == user_ids.PLAIN and not self.metadata_on_wire and not self.disabled
        object.__setattr__(self, "is_plain", plain)
        travelling = (key if key == TAGS else METADATA_PREFIX + key for key in self.metadata_on_wire)
        own_keys = () if self.disabled else (*WIRE_KEYS, *travelling)  # off: what a caller sent goes on as without us
        object.__setattr__(self, "own_keys", frozenset(own_keys))
        object.__setattr__(self, "alias_names", frozenset(alias for alias, _ in self.aliases))

    def __repr__(self) -> str:
        """Show what is not the default; a key is never shown."""
        values = ((setting, getattr(self, setting.name)) for setting in SETTINGS)
        shown = (f"{setting.name}={setting.shown(value)!r}" for setting, value in values if value != setting.default)
        return f"{type(self).__name__}({', '.join(shown)})"

    @classmethod
    def resolved(cls, **arguments: object) -> Settings:
        """Return what the ``arguments`` give, and the environment where one is ``None`` or not there."""
        values = {setting.name: setting.value(arguments.get(setting.name)) for setting in SETTINGS}
        if values["user_id"] in user_ids.MODES:
            values |= _without_mode(values, arguments)
        return cls._whole(values)

    @classmethod
    def of_processor(cls, **arguments: object) -> Settings:
        """Return the same for one processor: who the user is, and how users appear, is of the process and not looked at."""
        own = (setting for setting in SETTINGS if setting.name not in _USERS)
        return cls(**{setting.name: setting.value(arguments.get(setting.name)) for setting in own})

    @classmethod
    def _whole(cls, values: dict[str, Any]) -> Settings:
        settings = cls(**values)
        if settings.user_privacy != user_ids.HASH:
            return settings
        if not settings.user_hash_key:
            _warn_of_key("hash needs one; without it no user id is shown")
            return replace(settings, user_privacy=user_ids.DROP)
        if len(settings.user_hash_key) < _SHORTEST_KEY:
            _warn_of_key(
                f"it is shorter than {_SHORTEST_KEY} characters, so that keys, and then users, can be tried out"
            )
        return settings


def _without_mode(values: Mapping[str, Any], arguments: Mapping[str, object]) -> dict[str, Any]:
    """Return what holds of users where the user is a mode: ``OTEL_SESSION_USER_ID`` was the name of that once.

    The same mode by its name of now says that it is meant, as in a fleet of two versions. Else no user is shown.
    """
    mode, privacy, user = values["user_id"], *(_setting(name) for name in ("user_privacy", "user_id"))
    is_said = privacy.given(arguments.get(privacy.name)) is not None
    if is_said and values[privacy.name] == mode:
        return {user.name: None}
    user.complain(
        arguments.get(user.name),
        f"{mode!r} is a mode and not a user; how users appear is set by {privacy.variable}, or {privacy.name}=, and "
        f"that does not say {mode!r}, so it is taken as {user_ids.DROP!r}: no user is shown",
    )
    return {user.name: None, privacy.name: user_ids.DROP}


def _warn_of_key(problem: str) -> None:
    _diagnostics.warn_once(("key", problem), "otel_sessions: OTEL_SESSION_USER_HASH_KEY: %s", problem)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its names, and how its value is read.

    Attributes:
        name: The field of `Settings`, and the argument.
        read: Returns the value from a text, or from what else the argument may be. What of it can't be used
            it passes to the function that it is given, as a text that says what would do.
        default: The value where there is none.
        closed: The value where there is one that can't be used at all.
        show: Returns the value as people may read it, where that is not as it would be set; never a key, nor an id.
    """

    name: str
    read: Callable[[object, Complain], Any]
    default: Any
    closed: Any
    show: Callable[[Any], str] | None = None

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"{_PREFIX}{self.name.removeprefix('session_').upper()}"

    def value(self, argument: object) -> Any:  # noqa: ANN401  # of each setting its own
        """Return the value: of the ``argument`` where there is one, else of the environment."""
        given, complain = self.given(argument), partial(self.complain, argument)
        if given is None:
            return self.default
        try:
            return self.read(given, complain)
        except reading.UnusableError as error:
            complain(f"{error}, so it is taken as {self.shown(self.closed)!r}")
        except Exception as error:  # noqa: BLE001  # the argument's own code may raise anything
            complain(f"reading it raised {type(error).__name__}, so it is taken as {self.shown(self.closed)!r}")
        return self.closed

    def given(self, argument: object) -> object:
        """Return what there is to read: the ``argument`` where there is one, else the variable; ``None`` for nothing."""
        given = os.environ.get(self.variable) if argument is None else argument
        return None if isinstance(given, str) and not given.strip() else given

    def complain(self, argument: object, problem: str) -> None:
        """Say what is wrong, of the ``argument`` where there is one, else of the variable."""
        if argument is None:  # no line of code has set it
            _diagnostics.warn_once((self.variable, problem), "otel_sessions: %s: %s", self.variable, problem)
        else:
            _diagnostics.warn_caller(f"{self.name} {problem}", "%s: %s", self.name, problem)

    def source(self) -> str:
        """Return where the value comes from where there is no argument: ``environment`` or ``default``."""
        return "environment" if os.environ.get(self.variable, "").strip() else "default"

    def shown(self, value: object) -> str:
        """Return ``value`` for people to read, in the form in which it would be set, but for a key and an id."""
        if self.show is not None:
            return self.show(value)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, tuple):
            return ",".join("=".join(item) if isinstance(item, tuple) else item for item in value)
        return str(value)


def parsed(**arguments: object) -> dict[str, Any]:
    """Return the values of the ``arguments`` that are not ``None``, by the names of `Settings`."""
    return {
        setting.name: setting.value(arguments[setting.name])
        for setting in SETTINGS
        if arguments.get(setting.name) is not None
    }


SETTINGS = (
    Setting("dialects", reading.dialect_names, (), ()),
    Setting("aliases", reading.aliases, (), ()),
    Setting("propagate_to", reading.destinations, PRIVATE, NONE),
    Setting("trust_incoming", reading.flag, True, False),  # a table
    Setting("incoming_headers", reading.headers, (), ()),
    Setting("user_privacy", reading.choice(*user_ids.MODES, is_shown=False), user_ids.PLAIN, user_ids.DROP),
    Setting("user_hash_key", reading.key, None, None, reading.hidden),
    Setting("metadata_on_wire", reading.names, (), ()),
    Setting("conflict", reading.choice("scope", "span"), "scope", "scope"),
    Setting("logs", reading.choice(*LOGS), "true", "true"),
    Setting("events", reading.flag, False, False),
    Setting("session_id", reading.session_id, None, None, reading.shown_session_id),
    Setting("user_id", reading.user_id, None, None, reading.hidden),
    Setting("provider_ids", reading.words_of_call, ("user",), (), reading.shown_words),
    Setting("flush", reading.milliseconds, 0, 0),
    Setting("disabled", reading.flag, False, False),
)


def _setting(name: str) -> Setting:
    return next(setting for setting in SETTINGS if setting.name == name)


def names_process() -> bool:
    """Tell whether the environment says whose all in this process is: a session, or a user."""
    session_id, user_id = _setting("session_id").value(None), _setting("user_id").value(None)
    return session_id is not None or user_id not in {None, *user_ids.MODES}


def hides_inputs() -> bool:
    """Tell whether inputs are not to be recorded: the setting of OpenInference, for its instrumentations as well."""
    return _is_hidden("OPENINFERENCE_HIDE_INPUTS")


def hides_outputs() -> bool:
    """Tell the same of outputs."""
    return _is_hidden("OPENINFERENCE_HIDE_OUTPUTS")


def _is_hidden(name: str) -> bool:
    """Tell what a variable says; what OpenInference can't read, and takes for no, is a yes here: nothing is shown by mistake."""
    value = os.environ.get(name, "").strip().lower()
    if value in {"", "false"}:
        return False
    if value != "true":
        _diagnostics.warn_once((name, "flag"), "otel_sessions: %s: none of true, false, so it is taken as true", name)
    return True


def in_environment(*names: str) -> dict[str, str]:
    """Return which of these variables are set, and to what."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def environment() -> Mapping[str, str]:
    """Return all variables, as they are now."""
    return os.environ


def is_sdk_disabled() -> bool:
    """Tell whether the SDK of OpenTelemetry is switched off, by its own setting."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def slips_in_environment() -> list[str]:
    """Return what to say of the variables that look like settings and are none: slips of the pen."""
    variables = [setting.variable for setting in SETTINGS]
    slips = [name for name in os.environ if name.startswith((_PREFIX, "OTEL_SESSIONS_"))]
    return [
        f"{name}: there is no such setting{_remedy_of(name)}"
        for name in sorted(slips)
        if name not in variables and name not in _OTHERS
    ]


def _remedy_of(slip: str) -> str:
    variables = {setting.variable.removeprefix(_PREFIX): setting.variable for setting in SETTINGS}
    variables |= {setting.name.upper(): setting.variable for setting in SETTINGS}  # as of the argument
    close = get_close_matches(slip.removeprefix("OTEL_SESSIONS_").removeprefix(_PREFIX), variables, 1)
    return f"; did you mean {variables[close[0]]}?" if close else ""


def warn_of_slips() -> None:
    """Say once of each variable that looks like a setting that it is none."""
    for slip in slips_in_environment():
        _diagnostics.warn_once(("slip", slip), "otel_sessions: %s", slip)


def sampler_argument() -> str | None:
    """Return the argument of the sampler, for what is not handed it: a sampler of a configuration file."""
    return os.environ.get("OTEL_TRACES_SAMPLER_ARG")


class _Process:
    """The settings of this process, which hold for what is carried: there is one Context.

    Attributes:
        settings: Those that hold; ``None`` until they are asked for: see `in_process`.
        is_given: They are of ``instrument()``, and not of the environment.
        keeps_baggage: No session is put in baggage: nothing guards it any more.
    """

    __slots__ = ("is_given", "keeps_baggage", "settings")

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.is_given = self.keeps_baggage = False


PROCESS = _Process()


def in_process() -> Settings:
    """Return the settings that hold for what this process carries: of ``instrument()``, else of the environment."""
    settings = PROCESS.settings
    if settings is None:
        settings = PROCESS.settings = Settings.resolved()
    return settings


def use_in_process(settings: Settings | None, *, keeps_baggage: bool = False) -> None:
    """Let ``settings`` hold from now on; ``None`` is the environment, read when it is asked for."""
    PROCESS.settings, PROCESS.is_given, PROCESS.keeps_baggage = settings, settings is not None, keeps_baggage


def forget() -> None:
    """Read the environment again when it is asked for, if the settings are from there (for tests)."""
    if not PROCESS.is_given:
        use_in_process(None)
