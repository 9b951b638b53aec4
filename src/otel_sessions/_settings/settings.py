"""How the plug-in behaves: arguments first, then the environment, which nobody reads but this wing.

Where neither says anything, it is known without reading: `table`, by which all else is read, is loaded where there is
something to read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from otel_sessions import _diagnostics
from otel_sessions._session.session import METADATA_PREFIX, TAGS, WIRE_KEYS
from otel_sessions._session.user_ids import PLAIN

from .destinations import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .destinations import Destinations
    from .reading import Pairs

_PREFIX = "OTEL_SESSION_"
"""How the names of all variables begin."""


_FIELDS = (
    "dialects",
    "aliases",
    "propagate_to",
    "trust_incoming",
    "incoming_headers",
    "user_privacy",
    "user_hash_key",
    "metadata_on_wire",
    "conflict",
    "logs",
    "events",
    "session_id",
    "user_id",
    "provider_ids",
    "flush",
    "disabled",
)


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
        is_plain: All of a session is shown as it is, but for metadata and tags on the wire; asked for each session.
        own_keys: The baggage keys that are ours.
        alias_names: The names of the user's own that stand for keys of ours.
    """

    # No dataclass: to make one takes as long as a tenth of OpenTelemetry's API, and each program has to wait for it.
    __slots__ = (*_FIELDS, "alias_names", "is_plain", "own_keys")

    def __init__(  # noqa: PLR0913  # each with what holds where nobody sets it
        self,
        *,
        dialects: tuple[str, ...] = (),
        aliases: Pairs = (),
        propagate_to: Destinations = PRIVATE,
        trust_incoming: bool = True,
        incoming_headers: Pairs = (),
        user_privacy: str = PLAIN,
        user_hash_key: str | None = None,
        metadata_on_wire: tuple[str, ...] = (),
        conflict: str = "scope",
        logs: str = "true",
        events: bool = False,
        session_id: str | None = None,
        user_id: str | None = None,
        provider_ids: tuple[str, ...] = ("user",),
        flush: int = 0,
        disabled: bool = False,
    ) -> None:
        self.dialects: Final = dialects
        self.aliases: Final = aliases
        self.propagate_to: Final = propagate_to
        self.trust_incoming: Final = trust_incoming
        self.incoming_headers: Final = incoming_headers
        self.user_privacy: Final = user_privacy
        self.user_hash_key: Final = user_hash_key
        self.metadata_on_wire: Final = metadata_on_wire
        self.conflict: Final = conflict
        self.logs: Final = logs
        self.events: Final = events
        self.session_id: Final = session_id
        self.user_id: Final = user_id
        self.provider_ids: Final = provider_ids
        self.flush: Final = flush
        self.disabled: Final = disabled
        self.is_plain: Final = user_privacy == PLAIN and not metadata_on_wire and not disabled
        travelling = (key if key == TAGS else METADATA_PREFIX + key for key in metadata_on_wire)
        # Off: what a caller sent goes on as without us.
        self.own_keys: Final[frozenset[str]] = frozenset(() if disabled else (*WIRE_KEYS, *travelling))
        self.alias_names: Final[frozenset[str]] = frozenset(alias for alias, _ in aliases)

    def __eq__(self, other: object) -> bool:
        """Tell whether all that can be set is the same."""
        return type(other) is Settings and all(getattr(self, name) == getattr(other, name) for name in _FIELDS)

    def __hash__(self) -> int:
        """Go with `__eq__`."""
        return hash(tuple(getattr(self, name) for name in _FIELDS))

    def __repr__(self) -> str:
        """Show what is not the default; a key is never shown."""
        from .table import SETTINGS  # noqa: PLC0415  # see above

        values = ((setting, getattr(self, setting.name)) for setting in SETTINGS)
        shown = (f"{setting.name}={setting.shown(value)!r}" for setting, value in values if value != setting.default)
        return f"{type(self).__name__}({', '.join(shown)})"

    def replaced(self, **values: Any) -> Settings:  # noqa: ANN401  # of each setting its own
        """Return the same with other ``values``."""
        return Settings(**{name: getattr(self, name) for name in _FIELDS} | values)

    @classmethod
    def resolved(cls, **arguments: object) -> Settings:
        """Return what the ``arguments`` give, and the environment where one is ``None`` or not there."""
        from .table import values_of  # noqa: PLC0415  # see above

        return cls(**values_of(arguments))

    @classmethod
    def of_processor(cls, **arguments: object) -> Settings:
        """Return the same for one processor: who the user is, and how users appear, is of the process and not looked at."""
        from .table import values_of_processor  # noqa: PLC0415  # see above

        return cls(**values_of_processor(arguments))


HIDES_INPUTS, HIDES_OUTPUTS = "OPENINFERENCE_HIDE_INPUTS", "OPENINFERENCE_HIDE_OUTPUTS"


def hides_inputs() -> bool:
    """Tell whether inputs are not to be recorded: the setting of OpenInference, for its instrumentations as well."""
    return is_hidden(HIDES_INPUTS)


def hides_outputs() -> bool:
    """Tell the same of outputs."""
    return is_hidden(HIDES_OUTPUTS)


_ENVIRON = os.environ
_BY_KEY: Any = getattr(_ENVIRON, "_data", None)
"""What Python keeps the environment in, ``None`` where it has another place: that a variable is not there is told by
`os.environ` itself with two exceptions, and each turn asks twice, as the variable may be set at any time."""
_KEYS = (
    {name: _ENVIRON.encodekey(name) for name in (HIDES_INPUTS, HIDES_OUTPUTS)}
    if hasattr(_ENVIRON, "encodekey") and type(_BY_KEY) is dict
    else {}
)


def is_hidden(name: str) -> bool:
    """Tell what a variable says; what OpenInference can't read, and takes for no, is a yes here: nothing is shown by mistake."""
    if name in _KEYS and _KEYS[name] not in _BY_KEY and os.environ is _ENVIRON:
        return False
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
        settings = PROCESS.settings = _of_environment()
    return settings


def _of_environment() -> Settings:
    return Settings.resolved() if any(name.startswith(_PREFIX) for name in os.environ) else Settings()


def use_in_process(settings: Settings | None, *, keeps_baggage: bool = False) -> None:
    """Let ``settings`` hold from now on; ``None`` is the environment, read when it is asked for."""
    PROCESS.settings, PROCESS.is_given, PROCESS.keeps_baggage = settings, settings is not None, keeps_baggage


def forget() -> None:
    """Read the environment again when it is asked for, if the settings are from there (for tests)."""
    if not PROCESS.is_given:
        use_in_process(None)
