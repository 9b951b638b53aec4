"""Why spans have no session, as far as their trace alone shows it: the codes that the doctor has, with its remedies.

A trace in which any span names a session has no span without one, so it is always a whole trace that has none. Of most
of these nobody but who wrote the program can tell why: they are ``unknown``, which is better than a wrong remedy.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otel_sessions._setup.doctor.causes import CAUSES
from otel_sessions.view.shapes.facts import Kind

if TYPE_CHECKING:
    from .columns import Columns

UNKNOWN = "unknown"

_PROBE = r"/?(?:\S*/)?(?:health|healthz|healthy|healthcheck|livez?|liveness|alive|readyz?|readiness|startupz?|heartbeat|ping|metrics|prometheus|favicon\.ico)/?"
_PROBES = re.compile(rf"(?:(?:GET|HEAD|OPTIONS) )?{_PROBE}|/?grpc\.health\.v1\.Health/(?:Check|Watch)", re.IGNORECASE)
"""Names of the spans of servers whose callers are machines."""

_PROBE_PATH = re.compile(_PROBE, re.IGNORECASE)

_JVM_HTTP = re.compile(
    r"io\.opentelemetry\.(?:okhttp|java-http-client|spring-web|reactor-netty)|org\.springframework|io\.micrometer"
)
"""Scopes of HTTP clients on the JVM: there the call of a streamed answer begins in a thread that has no Context."""

INTELLIGENT = frozenset((Kind.TURN, Kind.AGENT, Kind.LLM, Kind.TOOL, Kind.RETRIEVER, Kind.CHAIN, Kind.EVALUATION))
"""Kinds of what is about a model: none of it is outside of conversations by itself."""


def cause_of(columns: Columns) -> str:
    """Return the code of the cause for which a trace has no session.

    Args:
        columns: The facts of all its spans, at least one.
    """
    if not INTELLIGENT.isdisjoint(columns.kind):
        return UNKNOWN
    roots = [i for i, parent in enumerate(columns.parent_span_id) if not parent]
    if roots and all(columns.kind[i] == Kind.HTTP_SERVER and _PROBES.fullmatch(columns.name[i]) for i in roots):
        return "background"
    if len(columns.kind) == len(roots) and len(roots) == 1 and _is_streamed_call(columns):
        return "context-lost-stream"
    return UNKNOWN


def is_probe_path(path: str) -> bool:
    """Tell whether a machine asks for ``path``, as that of a health check."""
    return _PROBE_PATH.fullmatch(path) is not None


def _is_streamed_call(columns: Columns) -> bool:
    """Tell whether a span is the call of a model's stream by Spring AI, which begins in a thread without a Context."""
    name, scope = columns.name[0], columns.scope[0]
    return columns.kind[0] == Kind.HTTP_CLIENT and name.upper().endswith("POST") and bool(_JVM_HTTP.match(scope))


def remedy_of(code: str) -> str:
    """Return what to write, in words; of a code that this version does not know, what helps against ``unknown``."""
    return CAUSES.get(code, CAUSES[UNKNOWN]).remedy
