"""The one place that touches what is private in the SDK's logs: the processors of a logger provider.

The SDK gives each record to its processors in the order in which they were added, and offers no
other way in than behind the last. There a stamp comes too late: `SimpleLogRecordProcessor` has
exported the record by then, and `BatchLogRecordProcessor` may have; `ConcurrentMultiLogRecordProcessor`
runs all of them at the same time. So ours takes their place, and they stand behind it.

An SDK that keeps them elsewhere one day degrades to the public call, with one warning.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from otel_sessions import _diagnostics
from otel_sessions._context.scrubbing import tell_of_scrubbing
from otel_sessions._forks import ForkSafeLock
from otel_sessions._pipeline.log_processor import PassingProcessor, SessionLogRecordProcessor

from .pipelines import ByPipeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord

_lock = ForkSafeLock()
_appended: ByPipeline[WeakSet[SessionLogRecordProcessor]] = ByPipeline()


class _Front(PassingProcessor):
    """Stands in the place of all processors of a provider.

    It never changes: with one assignment there is another one. So a record that is on its way
    meets the processors of before or those of after, each of them once.
    """

    def __init__(self, processor: SessionLogRecordProcessor, others: Iterable[LogRecordProcessor]) -> None:
        self.processor = processor
        self.others = tuple(others)
        super().__init__((*processor.behind, *self.others))

    def passes(self, log_record: ReadWriteLogRecord) -> bool:
        """Let the processor look at ``log_record``."""
        return self.processor.passes(log_record)

    def __repr__(self) -> str:
        """Show who is first, and how many are behind."""
        return f"<{self.processor!r} before {len(self.others)}>"


def put_first(logger_provider: LoggerProvider, processor: SessionLogRecordProcessor) -> bool:
    """Have ``processor`` run before every other processor of ``logger_provider``; tell whether it does.

    Called again, it takes in what was added in the meantime. What is added after the last call runs
    behind it as well, but gets the records of dropped sessions too, and of a provider with a
    ``ConcurrentMultiLogRecordProcessor`` it runs beside it. Of such a provider the processors behind run one
    after the other.

    A provider that takes no processors (without an SDK, there is one such) is left as it is: ``False``.
    """
    try:
        return _has_put_first(logger_provider, processor)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        found = type(error).__name__
        _diagnostics.warn_caller("log processor", "adding a log processor raised %s: logs have no session", found)
        return False


def _has_put_first(provider: Any, processor: SessionLogRecordProcessor) -> bool:  # noqa: ANN401  # of any SDK
    multi: Any = getattr(provider, "_multi_log_record_processor", None)
    if type(getattr(multi, "_log_record_processors", None)) is not tuple:
        return _has_appended(provider, processor)
    with getattr(multi, "_lock", None) or nullcontext():
        there: tuple[LogRecordProcessor, ...] = multi._log_record_processors  # noqa: SLF001  # see above
        tell_of_scrubbing(there)
        if not (len(there) == 1 and isinstance(there[0], _Front) and there[0].processor is processor):
            others = _without(processor, there)
            multi._log_record_processors = (_Front(processor, others),)  # noqa: SLF001
    return True


def _without(processor: SessionLogRecordProcessor, there: Iterable[LogRecordProcessor]) -> Iterable[LogRecordProcessor]:
    """Return what of ``there`` is to stand behind ``processor``: all but itself."""
    for other in there:
        if isinstance(other, _Front) and other.processor is processor:
            yield from other.others
        elif other is not processor:
            yield other


def _has_appended(provider: Any, processor: SessionLogRecordProcessor) -> bool:  # noqa: ANN401  # of any SDK
    """Add ``processor`` behind the others, once, where there is no better way; it is not first, so ``False``."""
    add = getattr(provider, "add_log_record_processor", None)
    if add is None:
        return False
    with _lock:
        known = _appended.get(provider) or WeakSet()
        if processor in known:
            return False
        add(processor)
        known.add(processor)
        _appended.put(provider, known)
    _diagnostics.warn_caller(
        "not first",
        "the log processors of this %s can't be reached, so ours is behind them and logs may be exported without a "
        "session; pass SessionLogRecordProcessor() to its add_log_record_processor before any other",
        type(provider).__name__,
    )
    return False
