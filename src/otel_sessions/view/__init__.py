"""Receives OTLP and shows it as people read it: by session, trace and span. Needs the extra ``demo``."""

from ._decode import InvalidOTLPError, decode
from ._loopback import LoopbackServer
from ._model import Node, Session, Span, Tokens, Trace, View
from ._receiver import OTLPReceiver
from ._terminal import render

__all__ = [
    "InvalidOTLPError",
    "LoopbackServer",
    "Node",
    "OTLPReceiver",
    "Session",
    "Span",
    "Tokens",
    "Trace",
    "View",
    "decode",
    "render",
]
