"""The environment of the demo's processes: what the user chose, and nothing that would break it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
API_KEY = "OPENAI_API_KEY"
BASE_URL = "OPENAI_BASE_URL"

_LOOPBACK = "127.0.0.1,localhost,::1"
# Where to send to and how to name it is the user's choice; samplers, limits and switches of the SDK would hide spans.
_KEPT_FOR_BACKEND = ("OTEL_EXPORTER_OTLP_", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "OTEL_SESSION_")
_NEVER_KEPT = "OTEL_SESSION_DISABLED"
# Shorter than this is no secret, and replacing it would mangle the text.
_MIN_SECRET = 6


def backend(environment: Mapping[str, str]) -> str | None:
    """Return the URL of the user's own backend, without credentials, ``None`` for none."""
    url = environment.get(TRACES_ENDPOINT) or environment.get(ENDPOINT)
    return shown(url) if url else None


def shown(url: str) -> str:
    """Return ``url`` without what may be a credential: user, password, query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is not a URL"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def for_processes(
    environment: Mapping[str, str], *, stand_in: str | None = None, receiver: str | None = None
) -> dict[str, str]:
    """Return the environment for the processes of the chat.

    Args:
        environment: That of this process.
        stand_in: Base URL of the local stand-in; ``None`` for the real API.
        receiver: Traces URL of the embedded receiver; ``None`` for the user's backend.
    """
    result = {name: value for name, value in environment.items() if _is_kept(name, stand_in, receiver)}
    _add_loopback(result)
    # A file of the working directory must not be imported in place of a package.
    result["PYTHONSAFEPATH"] = "1"
    result["PYTHONUTF8"] = "1"
    if stand_in is not None:
        result |= {BASE_URL: stand_in, API_KEY: "not-needed-by-the-stand-in"}
    if receiver is not None:
        result[TRACES_ENDPOINT] = receiver
    return result


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` without the keys and header values that stand in ``environment``."""
    for secret in _secrets(environment):
        text = text.replace(secret, "***")
    return text


def _is_kept(name: str, stand_in: str | None, receiver: str | None) -> bool:
    if stand_in is not None and name.startswith("OPENAI_"):
        return False
    if stand_in is not None and receiver is not None and name.lower().endswith("_proxy"):
        return False  # nothing leaves this machine, and a proxy of an unsupported kind would stop the client
    if name.startswith("OPENINFERENCE_"):
        return receiver is None
    if name.startswith("OTEL_") and not name.startswith("OTEL_SESSIONS_DEMO_"):
        return receiver is None and name != _NEVER_KEPT and name.startswith(_KEPT_FOR_BACKEND)
    return True


def _add_loopback(environment: dict[str, str]) -> None:
    """Keep proxies away from this machine, whichever spelling of the variable a library reads."""
    given = environment.get("NO_PROXY") or environment.get("no_proxy")
    names = f"{given},{_LOOPBACK}" if given else _LOOPBACK
    environment |= {"NO_PROXY": names, "no_proxy": names}


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if name.endswith(("_KEY", "_HEADERS", "_TOKEN", "_SECRET")):
            yield from (part for part in re.split(r"[,=\n]", value) if len(part) >= _MIN_SECRET)
