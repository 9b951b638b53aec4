"""No way out of the loopback: any other host is refused, and remembered; and what frameworks send by themselves is off."""

from __future__ import annotations

import socket

QUIET = {
    "AGNO_TELEMETRY": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "false",
    "HAYSTACK_TELEMETRY_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",
    "OPENAI_API_KEY": "none",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "TRACELOOP_TELEMETRY": "false",
}
"""The environment in which frameworks send nothing to their makers by themselves."""

_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104  # nothing is bound


def refuse_all_else(patch=setattr, tried: list[str] | None = None) -> list[str]:
    """Refuse to look up and to connect to any other host.

    Args:
        patch: Sets the attribute of an object, as `setattr` and that of a ``MonkeyPatch`` do.
        tried: Where to put the hosts that were tried.

    Returns:
        That list.
    """
    tried = [] if tried is None else tried
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def check(host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
        if not name.startswith(_LOOPBACK):
            tried.append(name)
            raise socket.gaierror(socket.EAI_NONAME, name)

    def looked_up(host, *args, **kwargs):
        check(host)
        return look_up(host, *args, **kwargs)

    def connected(self, address):
        if isinstance(address, tuple):
            check(address[0])
        return connect(self, address)

    patch(socket, "getaddrinfo", looked_up)
    patch(socket.socket, "connect", connected)
    return tried
