"""How the pipeline behaves: arguments first, then the environment. The only reader of ``os.environ``."""

from __future__ import annotations

import os
from dataclasses import dataclass

from . import _diagnostics

CONFLICT = "OTEL_SESSION_CONFLICT"
DISABLED = "OTEL_SESSION_DISABLED"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one pipeline.

    Attributes:
        conflict: Who wins where a span starts with another session id than the scope's: ``scope`` or ``span``.
        disabled: Nothing is stamped.
    """

    conflict: str = "scope"
    disabled: bool = False

    @classmethod
    def resolved(cls, *, conflict: str | None = None, disabled: bool | None = None) -> Settings:
        """Return the settings that the arguments give, and the environment where an argument is ``None``."""
        return cls(
            _choice("conflict", conflict, CONFLICT, ("scope", "span")),
            _choice("disabled", _word(disabled), DISABLED, ("false", "true")) == "true",
        )


def _word(flag: bool | None) -> str | None:
    return None if flag is None else str(flag).lower()


def _choice(argument: str, given: object, variable: str, allowed: tuple[str, ...]) -> str:
    """Return which of ``allowed`` is chosen, with a warning for anything else; the first is the default."""
    name, value = (variable, os.environ.get(variable, "")) if given is None else (argument, given)
    word = value.strip().lower() if isinstance(value, str) else None
    if word in allowed:
        return str(word)
    if word != "":
        message = "%s: %r is none of %s, so it is taken as %r"
        _diagnostics.warn_caller(f"{name} {word}", message, name, value, ", ".join(allowed), allowed[0])
    return allowed[0]
