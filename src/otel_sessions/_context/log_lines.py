"""The ids in lines that a program logs itself, to stdout or a file: for `logging`, and for structlog.

What is there already stays. The ids are those that spans show (`State.attributes`): a user that is hidden there is
hidden here.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from otel_sessions import _diagnostics
from otel_sessions._session.session import SESSION_ID, USER_ID
from otel_sessions._settings.settings import in_process

from .entry import get_current
from .resolution import state_in

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

_FIELDS = (("session_id", SESSION_ID), ("user_id", USER_ID))
"""Of a record of `logging`, with the attribute of a span: a format string takes ``%(session.id)s``, a template doesn't."""


class SessionLogFilter(logging.Filter):
    """Puts ``session_id`` and ``user_id`` on each record of `logging`, so that a format string can show them.

    Both are there on every record that has passed it, empty where there is no session or no user. What a record has
    itself, by ``extra=`` or from this filter in another place, stays. It keeps no record back, and never raises.

    Put it on handlers: a filter of a logger does not see the records of loggers below it. A handler that hands records
    to another thread needs it as well, since there the session is another one::

        handler = logging.StreamHandler()
        handler.addFilter(SessionLogFilter())
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s session=%(session_id)s user=%(user_id)s"))
    """

    def __init__(self) -> None:
        super().__init__()

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the ids on ``record``, and let it pass."""
        shown = _shown()
        for field, key in _FIELDS:
            record.__dict__.setdefault(field, shown.get(key, ""))
        return True


def add_session_ids(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401  # as structlog calls it
    """Put ``session.id`` and ``user.id`` into what structlog is about to write: a processor for its chain.

    Where there is no session, or no user, nothing is put. What is there already stays. It never raises::

        structlog.configure(processors=[add_session_ids, structlog.processors.JSONRenderer()])
    """
    with suppress(Exception):  # whatever an application takes for a mapping
        for key, text in _shown().items():
            event_dict.setdefault(key, text)
    return event_dict


def _shown() -> dict[str, str]:
    """Return the ids that a span would have which is started here, by their attributes."""
    try:
        state = None if in_process().disabled else state_in(get_current())
        attributes = {} if state is None else state.attributes
        return {key: str(attributes[key]) for _, key in _FIELDS if key in attributes}
    except Exception as error:  # noqa: BLE001  # it would reach the application's logging call
        found = type(error).__name__
        _diagnostics.warn_once(("log line", found), "otel_sessions: ids for a log line: reading raised %s", found)
        return {}
