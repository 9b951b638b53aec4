"""Writes the log records that are ours, through the Logs API of OpenTelemetry.

Each is written inside the session that it is about, wherever it comes from, and shows what spans show
(`State.attributes`), also where no log processor of ours is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING

from opentelemetry import context as api_context
from opentelemetry._logs import LogRecord, SeverityNumber

from otel_sessions._settings.settings import in_process

from .entry import context_with
from .providers import PROVIDERS
from .state import CLEARED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.util.types import AnyValue

    from .state import State

# An exporter that starts sessions while it exports would begin anew with each of its own records.
_SUPPRESSED = getattr(api_context, "_SUPPRESS_INSTRUMENTATION_KEY", "")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a record tells, beside the session and the span that it is about.

    Attributes:
        event_name: The name of the event, ``None`` for a plain message.
        body: The message; events have none.
        severity: That of a message that is no complaint, where nothing else is known.
        attributes: What else it tells; its own go before those of the session.
    """

    event_name: str | None = None
    body: AnyValue = None
    severity: SeverityNumber = SeverityNumber.INFO
    attributes: Mapping[str, AnyValue] = field(default_factory=dict)


def write(draft: Draft, state: State | None, base: Context) -> None:
    """Write a record of this moment; nothing where the plug-in is switched off, or an exporter is at work.

    Args:
        draft: What it tells.
        state: The session that it is about, ``None`` for none.
        base: Where it comes from: its span becomes that of the record.
    """
    if is_quiet(base):
        return
    about = CLEARED if state is None else state
    record = LogRecord(
        timestamp=time_ns(),
        context=context_with(about, base),  # never empty: an empty one would be taken for none
        severity_number=draft.severity,
        severity_text=None if draft.event_name else draft.severity.name,
        body=draft.body,
        # What a full record has no room for are the first.
        attributes={**draft.attributes, **{key: value for key, value in about.stamps if key not in draft.attributes}},
        event_name=draft.event_name,
    )
    # As a record and not by keywords: loggers of older APIs take it too.
    PROVIDERS.logger().emit(record)


def is_quiet(context: Context) -> bool:
    """Tell whether nothing of ours is written from ``context``: switched off, or by an exporter at work."""
    return in_process().disabled or bool(context.get(_SUPPRESSED))
