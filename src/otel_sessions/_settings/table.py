"""Each setting: its names, and how its value is read: arguments first, then the environment.

A value that can't be used is a warning, and never more open than what was asked for: it does not
count, and what guards ids (`Setting.closed`) closes. A value is shown only where nobody would write
an id or a key.

Where nothing is set, nobody needs this: it is loaded with the first value to read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics
from otel_sessions._session import user_ids

from . import reading
from .destinations import NONE, PRIVATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .reading import Complain

LOGS = ("true", "false", "sampled")
PREFIX = "OTEL_SESSION_"
_SHORTEST_KEY = 16
# What is no setting, and begins like one.
_OTHERS = ("OTEL_SESSIONS_DEMO_MODEL",)
# Of OpenTelemetry's own, which has many: no slip of ours begins so.
_FAMILIES = ("OTEL_EXPORTER_", "OTEL_PYTHON_", "OTEL_RESOURCE_", "OTEL_INSTRUMENTATION_", "OTEL_BSP_", "OTEL_BLRP_")
# What others read, and sessions need; and how like a name has to be to be taken for one.
_OF_OPENTELEMETRY = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_PROPAGATORS")
_CLOSE = 0.9
_USERS = frozenset({"user_privacy", "user_hash_key", "user_id"})


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
        return f"{PREFIX}{self.name.removeprefix('session_').upper()}"

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


SETTINGS = (
    Setting("dialects", reading.dialect_names, (), ()),
    Setting("aliases", reading.aliases, (), ()),
    Setting("propagate_to", reading.destinations, PRIVATE, NONE),
    Setting("trust_incoming", reading.flag, True, False),  # a table
    Setting("incoming_headers", reading.headers, (), ()),
    Setting("user_privacy", reading.choice(*user_ids.MODES, is_shown=False), user_ids.PLAIN, user_ids.DROP),
    Setting("user_hash_key", reading.key, None, None, reading.hidden),
    Setting("metadata_on_wire", reading.keys_on_wire, (), ()),
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


def values_of(arguments: Mapping[str, object]) -> dict[str, Any]:
    """Return what the ``arguments`` give, and the environment where one is ``None`` or not there, by the names of `Settings`."""
    values = {setting.name: setting.value(arguments.get(setting.name)) for setting in SETTINGS}
    if values["user_id"] in user_ids.MODES:
        values |= _without_mode(values, arguments)
    if values["user_privacy"] == user_ids.HASH:
        values["user_privacy"] = _privacy_by(values["user_hash_key"])
    return values


def values_of_processor(arguments: Mapping[str, object]) -> dict[str, Any]:
    """Return the same for one processor: who the user is, and how users appear, is of the process and not looked at."""
    return {
        setting.name: setting.value(arguments.get(setting.name)) for setting in SETTINGS if setting.name not in _USERS
    }


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


def _privacy_by(key: str | None) -> str:
    """Return how users appear where they are to be hashed by ``key``: without one not at all."""
    if not key:
        _warn_of_key("hash needs one; without it no user id is shown")
        return user_ids.DROP
    if len(key) < _SHORTEST_KEY:
        _warn_of_key(f"it is shorter than {_SHORTEST_KEY} characters, so that keys, and then users, can be tried out")
    return user_ids.HASH


def _warn_of_key(problem: str) -> None:
    _diagnostics.warn_once(("key", problem), "otel_sessions: OTEL_SESSION_USER_HASH_KEY: %s", problem)


def parsed(**arguments: object) -> dict[str, Any]:
    """Return the values of the ``arguments`` that are not ``None``, by the names of `Settings`."""
    return {
        setting.name: setting.value(arguments[setting.name])
        for setting in SETTINGS
        if arguments.get(setting.name) is not None
    }


def names_process() -> bool:
    """Tell whether the environment says whose all in this process is: a session, or a user."""
    session_id, user_id = _setting("session_id").value(None), _setting("user_id").value(None)
    return session_id is not None or user_id not in {None, *user_ids.MODES}


def slips_in_environment() -> list[str]:
    """Return what to say of the variables that look like settings and are none: slips of the pen."""
    known = {setting.variable for setting in SETTINGS}
    slips = []
    for name in sorted(os.environ):
        if name in known or name in _OTHERS or name[:4].upper() != "OTEL" or name.startswith(_FAMILIES):
            continue
        remedy = _remedy_of(name)
        if remedy or name.startswith((PREFIX, "OTEL_SESSIONS_")):
            slips.append(f"{name}: there is no such setting{remedy}")
    return slips


def _remedy_of(slip: str) -> str:
    """Return which variable ``slip`` was meant for, as it is said; empty where that can't be told."""
    upper = slip.upper()
    variables = {setting.variable.removeprefix(PREFIX): setting.variable for setting in SETTINGS}
    variables |= {setting.name.upper(): setting.variable for setting in SETTINGS}  # as of the argument
    if upper.startswith((PREFIX, "OTEL_SESSIONS_")):
        ending = upper.removeprefix("OTEL_SESSIONS_").removeprefix(PREFIX)
        close = [variables[name] for name in get_close_matches(ending, variables, 1)]
    else:
        whole = (*variables.values(), *_OF_OPENTELEMETRY)
        close = [] if slip in _OF_OPENTELEMETRY else get_close_matches(upper, whole, 1, _CLOSE)
    return f"; did you mean {close[0]}?" if close else ""


def warn_of_slips() -> None:
    """Say once of each variable that looks like a setting that it is none."""
    for slip in slips_in_environment():
        _diagnostics.warn_once(("slip", slip), "otel_sessions: %s", slip)
