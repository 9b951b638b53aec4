"""Where the next page begins, in a text that nobody else can write: place and question are sealed with the file's key."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from otel_sessions.view.store.interface import InvalidCursorError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_SEAL_SIZE = 12


def cursor_of(connection: sqlite3.Connection, question: object, place: Sequence[Any]) -> str:
    """Return the cursor behind ``place``, the values of the last row of a page, for the same ``question``."""
    body = json.dumps([[each.hex()] if isinstance(each, bytes) else each for each in place]).encode()
    return base64.urlsafe_b64encode(_seal(connection, question, body) + body).rstrip(b"=").decode()


def place_of(connection: sqlite3.Connection, question: object, cursor: str) -> list[Any]:
    """Return what `cursor_of` was given.

    Raises:
        InvalidCursorError: It comes from elsewhere, or belongs to another question.
    """
    try:
        sealed = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        sealed = b""
    seal, body = sealed[:_SEAL_SIZE], sealed[_SEAL_SIZE:]
    if not hmac.compare_digest(seal, _seal(connection, question, body)):
        message = "The cursor is none of this store, or belongs to another filter or order."
        raise InvalidCursorError(message)
    return [bytes.fromhex(each[0]) if isinstance(each, list) else each for each in json.loads(body)]


def _seal(connection: sqlite3.Connection, question: object, body: bytes) -> bytes:
    key: bytes = connection.execute("SELECT value FROM meta WHERE name = 'seal'").fetchone()[0]
    text = repr(question).encode("utf-8", "surrogatepass")
    return blake2b(len(text).to_bytes(8, "big") + text + body, key=key, digest_size=_SEAL_SIZE).digest()
