"""How the id of a user appears outside of this process: on spans, on log records and on the wire. Pure."""

from __future__ import annotations

import re

PLAIN, HASH, DROP = "plain", "hash", "drop"
MODES = (PLAIN, HASH, DROP)

_PREFIX = "hmac-sha256-"
_HASHED = _PREFIX + "[0-9a-f]{64}"


def shown(user_id: str, mode: str, key: str | None) -> str | None:
    """Return ``user_id`` as it may be shown, ``None`` where it may not.

    Args:
        user_id: As the application or a caller gave it.
        mode: ``plain``, ``hash`` or ``drop``.
        key: The key of ``hash``; without one there is nothing to show.
    """
    if mode == PLAIN:
        return user_id
    return hashed(user_id, key) if mode == HASH and key else None


def hashed(user_id: str, key: str) -> str:
    """Return ``hmac-sha256-`` and 64 hex digits: the HMAC (RFC 2104) of ``user_id`` with SHA-256.

    Without the key nobody can try out ids, which an unkeyed hash invites to: there are few users.
    What has that form already stays: another service of the same key has made it.
    """
    import hashlib  # noqa: PLC0415  # OpenSSL's library, for those alone who ask for hashes
    import hmac  # noqa: PLC0415  # as above

    if re.fullmatch(_HASHED, user_id):
        return user_id
    return (
        _PREFIX
        + hmac.new(
            key.encode("utf-8", "surrogatepass"), user_id.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()
    )
