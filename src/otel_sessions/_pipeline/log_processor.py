"""Stamps every log record with the session of its own context, and can keep those of dropped sessions back."""

from __future__ import annotations

import threading
from abc import abstractmethod
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.trace import TraceFlags

from otel_sessions import _diagnostics
from otel_sessions._context.entry import get_current
from otel_sessions._context.origin import ORIGIN, is_below
from otel_sessions._context.resolution import state_in
from otel_sessions._session.session import SESSION_ID, USER_ID
from otel_sessions._settings.settings import Settings

from .value_limits import fitted, is_same

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.trace import SpanContext

    from otel_sessions._context.state import State

    Stamps = Collection[tuple[str, str | tuple[str, ...]]]

_MAX_DEPTH = 3
"""How deep a record may be caused by the work on another: what we warn of may come back here, as a record."""


class _Here(threading.local):
    """What this thread is at: how many records deep."""

    depth = 0


_here = _Here()


class PassingProcessor(LogRecordProcessor):
    """Looks at each record first, and hands it to the processors behind it, or not.

    The SDK gives a record to all processors in turn, whatever the first has said of it; to keep a
    record from the others, they have to be behind one. What they raise is theirs, and goes where it
    would have gone without this one.
    """

    def __init__(self, behind: Iterable[LogRecordProcessor] = ()) -> None:
        self._behind = tuple(behind)

    @property
    def behind(self) -> tuple[LogRecordProcessor, ...]:
        """The processors that get what this one lets pass."""
        return self._behind

    @abstractmethod
    def passes(self, log_record: ReadWriteLogRecord) -> bool:
        """Do what there is to do to ``log_record``, and tell whether the processors behind get it. Never raises."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Look at ``log_record``, and hand it on."""
        if self.passes(log_record):
            for processor in self._behind:
                processor.on_emit(log_record)

    def enabled(self, **question: Any) -> bool:  # noqa: ANN401  # the SDK's arguments, handed on
        """Tell whether a processor behind would take a record; newer SDKs ask. Alone, this one writes none."""
        return any(getattr(processor, "enabled", _always)(**question) for processor in self._behind)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush what is behind, in ``timeout_millis`` together. Here there is nothing to flush."""
        deadline = monotonic_ns() + timeout_millis * 1_000_000
        is_flushed = True
        for processor in self._behind:
            left = (deadline - monotonic_ns()) // 1_000_000
            if left <= 0 or processor.force_flush(left) is False:
                is_flushed = False
        return is_flushed

    def shutdown(self) -> None:
        """Shut down what is behind. Here there is nothing to shut down."""
        for processor in self._behind:
            processor.shutdown()


def _always(**_question: object) -> bool:
    return True


class SessionLogRecordProcessor(PassingProcessor):
    """Puts ``session.id``, ``user.id`` and what else the session holds on every log record.

    It takes the session from the record's own context, and never replaces an attribute that the
    record has itself. It has to come before the processor of the exporter: one that exports at once
    has sent the record by then, and one that batches may have. So add it first::

        provider = LoggerProvider()
        provider.add_log_record_processor(SessionLogRecordProcessor())
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))

    It needs nothing at a fork or at a shutdown, and never raises.

    A record has room for so many attributes (``OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT``). Its own stay;
    where there is not room for all of ours as well, the ids come first.

    Args:
        behind: Processors to hand the records to, after they are stamped. Needed for ``"sampled"`` alone.
        logs: ``"true"`` (the default) stamps, ``"false"`` does nothing. ``"sampled"`` stamps, and hands
            only records of kept sessions to the processors ``behind``. Inside a trace that is what the
            trace's sampled flag says, as ``trace_based`` in the OpenTelemetry specification, "Logs SDK"
            (LoggerConfig); outside of any trace ``keeps`` is asked. The environment variable is
            ``OTEL_SESSION_LOGS``.
        disabled: Do nothing. The environment variable is ``OTEL_SESSION_DISABLED``.
        keeps: Tells of a session id whether the session is kept; ``None`` (the default) keeps all.
    """

    def __init__(
        self,
        *behind: LogRecordProcessor,
        logs: bool | Literal["true", "false", "sampled"] | None = None,
        disabled: bool | None = None,
        keeps: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(behind)
        self.keeps = keeps
        self.apply(Settings.of_processor(logs=logs, disabled=disabled))

    def __repr__(self) -> str:
        """Show the settings."""
        return f"{type(self).__name__}({self.settings})"

    def apply(self, settings: Settings) -> None:
        """Work by other ``settings`` from now on: a processor can't be taken out of its provider."""
        self.settings = settings
        self._is_on = not settings.disabled and settings.logs != "false"
        self._drops = self._is_on and settings.logs == "sampled"

    def passes(self, log_record: ReadWriteLogRecord) -> bool:
        """Stamp ``log_record``, and tell whether it is of a session that is kept."""
        if not self._is_on or _here.depth >= _MAX_DEPTH:
            return True
        _here.depth += 1
        try:
            return self._stamped(log_record.log_record)
        except Exception as error:  # noqa: BLE001  # it would reach the application's logging call
            found = type(error).__name__
            _diagnostics.warn_once(("on_emit", found), "otel_sessions: stamping a log record raised %s", found)
            return True
        finally:
            _here.depth -= 1

    def _stamped(self, record: Any) -> bool:  # noqa: ANN401  # an API LogRecord, in which processors may set anything
        """Put the session of its context on ``record``, and tell whether it is kept."""
        context = get_current() if record.context is None else record.context
        if ORIGIN.span is not None and not record.trace_id and is_below(context):
            _put_below(record, ORIGIN.span.get_span_context())
        state = state_in(context)
        own_id = record.attributes.get(SESSION_ID) if self._drops and record.attributes else None
        if state is not None and state.stamps:
            _stamp(record, state)
        return not self._drops or self._is_kept(record, own_id, state)

    def _is_kept(self, record: LogRecord, own_id: object, state: State | None) -> bool:
        """Tell whether ``record`` is of a session that is kept: what its trace says, else what `keeps` says."""
        if record.trace_id and record.span_id:
            return bool((record.trace_flags or 0) & TraceFlags.SAMPLED)
        session_id = own_id if isinstance(own_id, str) else None if state is None else state.session.id
        return session_id is None or self.keeps is None or self.keeps(session_id)


def _put_below(record: Any, caller: SpanContext) -> None:  # noqa: ANN401  # as above
    """Put ``record``, which is of no span here, where a span would be that started in its place."""
    record.trace_id, record.span_id, record.trace_flags = caller.trace_id, caller.span_id, caller.trace_flags


def _stamp(record: Any, state: State) -> None:  # noqa: ANN401  # as above
    """Put ``state`` on ``record``, below what the record has itself, and in the room that it has left."""
    if record.attributes is None:
        record.attributes = {}
    attributes = record.attributes
    # Of the SDK it is an `opentelemetry.attributes.BoundedAttributes`, which logs a warning for each one that it drops.
    limit, most = getattr(attributes, "max_value_len", None), getattr(attributes, "maxlen", None)
    stamps = _lacking(attributes, state, limit)
    room = len(stamps) if most is None else max(most - len(attributes), 0)
    if room < len(stamps):
        _warn_full(most)
        stamps = tuple(stamps)[len(stamps) - room :]  # the ids are last
    for key, value in stamps:
        attributes[key] = value


def _lacking(attributes: Mapping[str, object], state: State, limit: int | None) -> Stamps:
    """Return what of ``state`` a record with these ``attributes`` lacks.

    Where it names another session, that is the user alone, as in a scope with another id; and not
    one that came from a remote caller.
    """
    stamps = state.stamps if limit is None else tuple(fitted(state.stamps, limit))
    own = set(attributes)
    if own.isdisjoint(state.attributes):
        return stamps
    session_id = state.attributes.get(SESSION_ID)
    if session_id is not None and SESSION_ID in own and not is_same(attributes[SESSION_ID], session_id, limit):
        own |= state.attributes.keys() if state.user_is_remote else state.attributes.keys() - {USER_ID}
    return tuple(item for item in stamps if item[0] not in own)


def _warn_full(most: object) -> None:
    _diagnostics.warn_once(
        "full record",
        "otel_sessions: a log record has as many attributes as its limit of %d allows, so not all of its session is "
        "on it; OTEL_ATTRIBUTE_COUNT_LIMIT raises the limit",
        most,
    )
