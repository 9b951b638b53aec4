"""Says that the session is sent to every host: where it is, in a process whose propagators nothing guards.

With a span processor of ours that is seen when it looks around. Without one nothing of ours is called when a client
sends a request. So the baggage of the first scopes tells who reads it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics
from otel_sessions._session.session import SESSION_ID, USER_ID
from otel_sessions._settings.settings import in_process

from . import baggage

if TYPE_CHECKING:
    from types import FrameType

    from opentelemetry.context import Context
    from opentelemetry.propagators.textmap import TextMapPropagator

REMEDY = (
    "the propagators of this process send the session to every host that is called; when they are set, call "
    "otel_sessions.sdk.instrument(), or set_global_textmap(SessionPropagator(get_global_textmap())), or set "
    "OTEL_PROPAGATORS=tracecontext,session_baggage"
)
_KEY = "unguarded"
_IDS = (SESSION_ID, USER_ID)
_PROPAGATE_API = "opentelemetry.propagate"
_NEAR = 12
"""Most calls between that to the global propagators and the baggage."""
_READS = 16
"""How often it is looked who reads the baggage of one scope."""

# As `inspect.currentframe`, of the caller.
_frame = sys._getframe  # noqa: SLF001


class _Judged:
    """The global propagators that were looked at last, and whether they are guarded; and who looks."""

    __slots__ = ("are_guarded", "is_left_to_processors", "propagators")

    def __init__(self) -> None:
        self.propagators: object = None
        self.are_guarded = True
        self.is_left_to_processors = False


_JUDGED = _Judged()


def is_unguarded() -> bool:
    """Tell whether the global propagators send a session to everybody."""
    propagators = _global_propagators()
    if propagators is not _JUDGED.propagators:
        from .guard import is_guarded  # noqa: PLC0415  # once they are there

        _JUDGED.propagators, _JUDGED.are_guarded = propagators, is_guarded(propagators)
    return not _JUDGED.are_guarded


def _global_propagators() -> TextMapPropagator:
    # The module: it may be what is loading this one, as OTEL_PROPAGATORS says. It loads all that this names.
    from opentelemetry import propagate  # noqa: PLC0415

    return propagate.get_global_textmap()


def take_as_guarded() -> None:
    """Look no more at the global propagators as they are now."""
    _JUDGED.propagators, _JUDGED.are_guarded = _global_propagators(), True


def leave_to_processors() -> None:
    """Watch no baggage: there is a processor of ours, which looks around itself."""
    _JUDGED.is_left_to_processors = True


def forget() -> None:
    """Look at the propagators again (for tests)."""
    _JUDGED.__init__()  # type: ignore[misc]


def warn() -> None:
    """Say it, once."""
    _diagnostics.warn_once(_KEY, f"otel_sessions: {REMEDY}")


def take_as_said() -> None:
    """Say it no more: another message does."""
    _diagnostics.take_as_said(_KEY)


def watch(context: Context) -> None:
    """Have the baggage of ``context``, and of what is made of it, tell when the global propagators send its session."""
    key = None if _JUDGED.is_left_to_processors else baggage.CONTEXT_KEY
    items: Any = None if key is None else context.get(key)
    if key is not None and type(items) is dict and not items.keys().isdisjoint(_IDS) and _may_send():
        watched = _Read(items)
        watched.left = _READS
        dict.__setitem__(context, key, watched)


def _may_send() -> bool:
    """Tell whether the global propagators may send a session to everybody; where nobody has loaded them, they are seen when they read."""
    return _PROPAGATE_API not in sys.modules or is_unguarded()


class _WasRead(dict[str, Any]):
    """Baggage that has told who reads it.

    Attributes:
        left: How often it was to be asked still.
    """

    __slots__ = ("left",)

    left: int

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        """Be a plain one where it is pickled or copied: who reads that may not have this package."""
        return dict, (dict(self),)


class _Read(_WasRead):
    """Baggage that tells who reads it, as long as it is not known."""

    __slots__ = ()

    def items(self) -> Any:  # noqa: ANN401  # as of a dict
        """Return the entries, as all propagators ask for them."""
        _read(self, _frame(1))
        return dict.items(self)  # not `super()`: it may be of another class by now


def _read(items: Any, frame: FrameType) -> None:  # noqa: ANN401  # of another class when that is done
    """Say it, if it is the global propagators that read ``items``, by way of ``frame``."""
    try:
        items.left -= 1
        if not items.left:
            items.__class__ = _WasRead
        elif _is_sent_by(frame):
            items.__class__ = _WasRead
            if is_unguarded() and not in_process().disabled:
                warn()
    except Exception:  # noqa: BLE001  # propagators of any make
        items.__class__ = _WasRead


def _is_sent_by(frame: FrameType | None) -> bool:
    left = _NEAR
    while frame is not None and left:
        if frame.f_code.co_name == "inject" and (
            frame.f_globals.get("__name__") == _PROPAGATE_API or frame.f_locals.get("self") is _global_propagators()
        ):
            return True
        frame, left = frame.f_back, left - 1
    return False
