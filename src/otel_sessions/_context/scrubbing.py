"""Whether a processor beside ours puts something else in place of our ids before it exports them, and to say so.

Logfire's does, by default, with whatever has "session" in its name, on a copy of the span that nobody else sees. Then all
conversations of all users are one. It may be meant (then a callback of the user's has said so), so nothing is done about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics
from otel_sessions._session.session import SESSION_ID, USER_ID

from .stampers import insides_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRUBBER = "scrubber"
"""Under what name Logfire's processors, of spans and of logs, have what scrubs."""

_SCRUBBED = (
    "otel_sessions: the scrubbing of %s replaces %s before the export, so that all of it looks like one; pass a callback "
    "that keeps it, logfire.configure(scrubbing=logfire.ScrubbingOptions(callback=keep)), with def keep(match): return "
    'match.value if match.path[-1] in {"session.id", "user.id"} else None (docs/how-to/other-tools.md)'
)


def tell_of_scrubbing(processors: Iterable[object]) -> None:
    """Warn, once, where one of ``processors`` scrubs an id. Never raises."""
    try:
        for processor in processors:
            for each in insides_of(processor):
                keys = scrubbed_keys(each)
                if keys:
                    by = type(vars(each)[_SCRUBBER]).__module__.partition(".")[0]
                    _diagnostics.warn_once("scrubbed", _SCRUBBED, by, " and ".join(keys))
    except Exception:  # noqa: BLE001, S110  # a scrubber of another make, or a callback of the user's
        pass


def scrubbed_keys(processor: object) -> list[str]:
    """Return which ids a ``processor`` does not leave as they are. May raise what its scrubber does."""
    scrubber: Any = getattr(processor, "__dict__", {}).get(_SCRUBBER)
    if scrubber is None:
        return []
    text = "otel"  # without anything in it that one would look for
    return [
        key for key in (SESSION_ID, USER_ID) if scrubber.scrub_value(("attributes",), {key: text})[0] != {key: text}
    ]
