"""What is answered where a request can't be kept, over HTTP and over gRPC."""

from __future__ import annotations

import logging
import sqlite3
from typing import NamedTuple

from otel_sessions.view.store.interface import StoreFullError
from otel_sessions.view.wire.reading import InvalidOTLPError

from . import answers
from .intake import BusyError, ClosedError
from .unpacking import MAX_BODY_SIZE, TooLargeError

_log = logging.getLogger(__name__)
_told: set[type[BaseException]] = set()


class Refusal(NamedTuple):
    """An answer that is no success.

    Attributes:
        status: Of HTTP.
        code: Of gRPC.
        retry_seconds: When to send it again; ``None`` is never.
    """

    status: int
    code: int
    message: str
    retry_seconds: int | None = None


TOO_LARGE = Refusal(413, answers.RESOURCE_EXHAUSTED, f"the request is larger than {MAX_BODY_SIZE:,} bytes")
NOT_AUTHENTICATED = Refusal(401, answers.UNAUTHENTICATED, "a token is needed: the header Authorization: Bearer TOKEN")
UNKNOWN_FORM = Refusal(
    415, answers.INVALID_ARGUMENT, "the content type has to be application/x-protobuf or application/json"
)
UNKNOWN_ENCODING = Refusal(415, answers.INVALID_ARGUMENT, "the content encoding has to be gzip, deflate or identity")
FOREIGN_ORIGIN = Refusal(403, answers.PERMISSION_DENIED, "pages of this origin may not send: see the option --cors")
NOT_POST = Refusal(405, answers.UNIMPLEMENTED, "the method has to be POST")
NOWHERE = Refusal(404, answers.NOT_FOUND, "there are /v1/traces, /v1/logs and /v1/metrics")
TOO_SLOW = Refusal(408, answers.DEADLINE_EXCEEDED, "the body did not come", answers.RETRY_SECONDS)


def refusal_of(error: Exception) -> Refusal:
    """Return the answer for what was raised; what is a fault of ours is logged, each kind of it once."""
    if isinstance(error, InvalidOTLPError):
        return Refusal(400, answers.INVALID_ARGUMENT, str(error))
    if isinstance(error, TooLargeError):
        return TOO_LARGE
    if isinstance(error, BusyError | StoreFullError):
        return Refusal(429, answers.RESOURCE_EXHAUSTED, str(error), answers.RETRY_SECONDS)
    if isinstance(error, ClosedError):
        return Refusal(503, answers.UNAVAILABLE, str(error), answers.RETRY_SECONDS)
    if type(error) not in _told:
        _told.add(type(error))
        _log.error("a request could not be stored", exc_info=error)
    if isinstance(error, OSError | sqlite3.Error):
        return Refusal(503, answers.UNAVAILABLE, f"it could not be stored: {error}", answers.RETRY_SECONDS)
    return Refusal(500, answers.INTERNAL, "it could not be stored, by a fault of the receiver")
