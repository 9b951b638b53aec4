"""What an agent framework was called with, where it shows its session on no span, in no Context and by no function.

Nothing is wrapped: of a span that starts it is looked at who has called, out to the framework's own function, and at
the names in there that the table gives. Another version of it, which has others, tells nothing. This is the one place
that looks into what is private to a framework.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from otel_sessions._session.framework_ids import CALLS, ids_of
from otel_sessions._session.session import SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from otel_sessions._session.framework_ids import Carrier

_DEEPEST = 100
"""How far out is looked, in frames: a fiftieth of a millisecond."""

_frame = sys._getframe  # noqa: SLF001  # as `inspect.currentframe`, of the caller


def ids_of_calls() -> dict[str, str]:
    """Return the ids, by our names, that frameworks were called with that are at work here."""
    rows = [row for row in CALLS if all(module in sys.modules for module in row.modules)]
    frame: FrameType | None = _frame(1) if rows else None
    found: dict[str, str] = {}
    for _ in range(_DEEPEST):
        if frame is None:
            break
        row = _row_of(frame, rows)
        if row is not None:
            found = {**_ids_in(frame, row), **found}
            if SESSION_ID in found and (USER_ID in found or not row.user_of_call):
                break
        frame = frame.f_back
    return found


def _row_of(frame: FrameType, rows: list[Carrier]) -> Carrier | None:
    name = str(frame.f_globals.get("__name__"))
    return next((row for row in rows if any(f"{name}.".startswith(f"{module}.") for module in row.modules)), None)


def _ids_in(frame: FrameType, row: Carrier) -> dict[str, str]:
    names = (*frame.f_code.co_varnames, *frame.f_code.co_cellvars)
    if not any(way[0] in names for way in (*row.session_of_call, *row.user_of_call)):
        return {}  # to look at its values would have it keep a copy of them, before Python 3.13
    local = frame.f_locals
    return ids_of([_found(local, way) for way in row.session_of_call], [_found(local, way) for way in row.user_of_call])


def _found(local: Mapping[str, Any], way: Sequence[str]) -> object:
    """Return what the ``way`` leads to from what is ``local``, by keys and attributes; ``None`` where it leads nowhere."""
    name, *others = way
    value = local.get(name)
    try:
        for key in others:
            value = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
    except Exception:  # noqa: BLE001  # code of the framework's
        return None
    return value
