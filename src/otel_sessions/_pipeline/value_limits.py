"""What of a session fits where values have a longest length (OTel spec, "Attribute Limits")."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from otel_sessions import _diagnostics
from otel_sessions._session import ids
from otel_sessions._session.session import ID_KEYS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    Value = str | tuple[str, ...]
    Stamps = Iterable[tuple[str, Value]]


def is_same(own: object, wanted: object, limit: int | None) -> bool:
    """Tell whether a span has started with the id that is ``wanted``: as it is, as a number, or cut by the SDK."""
    if own is None or not isinstance(wanted, str):
        return False
    text = ids.text_of(own)
    return text is not None and text in {
        wanted,
        wanted[:limit],
        _fitted_value(wanted, limit or len(wanted), is_id=True),
    }


def fitted(stamps: Stamps, limit: int, id_keys: Collection[str] = ID_KEYS) -> Stamps:
    """Return ``stamps`` with no value longer than ``limit`` characters: those of ``id_keys`` as digests, texts cut."""
    if limit < 1:
        return ()
    return [(key, _fitted_value(value, limit, is_id=key in id_keys)) for key, value in stamps]


def _fitted_value(value: Value, limit: int, *, is_id: bool) -> Value:
    if isinstance(value, tuple):
        return tuple(text[:limit] for text in value)
    if len(value) <= limit:
        return value
    return _fitted_id(value, limit) if is_id else value[:limit]


@lru_cache(maxsize=256)
def _fitted_id(value: str, limit: int) -> str:
    """Return the digest of an id: cut by the SDK, ids with the same beginning would become one."""
    _diagnostics.warn_once(
        ("value limit", limit),
        "otel_sessions: an id is longer than the attribute value limit of %d, so its digest is on the spans; "
        "equal ids still group",
        limit,
    )
    return ids.digest(value, limit)


def forget() -> None:
    """Forget which ids were too long (for tests): what is known warns of nothing."""
    _fitted_id.cache_clear()
