"""The body of a request without its compression, and never more of it than may be. Pure."""

from __future__ import annotations

import zlib

from otel_sessions.view.wire.reading import InvalidOTLPError

# As the exporters of OTLP have it: what is larger is not sent, and is no telemetry.
MAX_BODY_SIZE = 64 * 2**20

ENCODINGS = frozenset({"gzip", "deflate", "identity"})

# Compressed data may be joined. More than a few pieces are sent by nobody, and each costs a copy of the rest.
_MAX_PIECES = 16

_GZIP = 31
_ZLIB = 15
_RAW = -15


class TooLargeError(Exception):
    """A body is over the limit, before or after it is unpacked."""


def unpacked(body: bytes, encoding: str, limit: int = MAX_BODY_SIZE) -> bytes:
    """Return ``body`` without its compression.

    Args:
        body: As it came.
        encoding: One of `ENCODINGS`; ``deflate`` is zlib's format or the raw one, since clients send both.
        limit: Bytes of what is returned, at most.

    Raises:
        TooLargeError: It is more, of which no more than the limit has been unpacked.
        InvalidOTLPError: It is not compressed so.
    """
    if encoding == "identity":
        return body
    try:
        return _inflated(body, _GZIP if encoding == "gzip" else _window_of_deflate(body), limit)
    except zlib.error as error:
        message = f"the body is not {encoding}: {error}"
        raise InvalidOTLPError(message) from error


def _inflated(body: bytes, window: int, limit: int) -> bytes:
    content = b""
    for _ in range(_MAX_PIECES):
        stream = zlib.decompressobj(window)
        content += stream.decompress(body, limit + 1 - len(content))
        if len(content) > limit:
            raise TooLargeError
        if not stream.eof:
            message = "the compressed body has no end"
            raise InvalidOTLPError(message)
        body = stream.unused_data
        if not body:
            return content
    message = f"the compressed body has more than {_MAX_PIECES} pieces"
    raise InvalidOTLPError(message)


def _window_of_deflate(body: bytes) -> int:
    """Tell zlib's format by its header (RFC 1950, 2.2): method 8, and both bytes a multiple of 31."""
    is_zlib = body[:1] != b"" and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0  # noqa: PLR2004
    return _ZLIB if is_zlib else _RAW
