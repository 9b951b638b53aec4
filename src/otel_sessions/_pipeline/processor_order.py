"""The one place that touches the order of a provider's span processors, which is private in the SDK.

A processor of somebody else's may give a span another session when it has ended: OpenInference's for pydantic-ai
writes all attributes anew in ``on_end``. That comes after anything that ours can do by the API, and the next processor
hands the span to an exporter. So right behind each such processor stands one of ours that puts it right.

The SDK holds its processors in a tuple, and adds one by ``+=``. A tuple of ours arranges itself when one is added, at no
cost for a span: only a pipeline with such a processor has anything more to call.

An SDK that keeps them otherwise one day is left as it is, with one warning. Nothing is done about a
``ConcurrentMultiSpanProcessor``, whose processors have no order.
"""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING, Any
from weakref import ref

from opentelemetry.sdk.trace import SpanProcessor, SynchronousMultiSpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from otel_sessions import _diagnostics
from otel_sessions._context.local_trace import note_of
from otel_sessions._context.stampers import insides_of

from .mending import Mending

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_ENDING = 64
"""Most spans that are remembered as ending in one thread: one may end while another does, in an exporter."""

_OTHERWISE = (
    "otel_sessions: this version of opentelemetry-sdk keeps its span processors otherwise than those known; an id that "
    "another span processor writes in its on_end stays on the span"
)

_RAISED = (
    "otel_sessions: looking at the span processors raised %s; an id that one writes in its on_end stays on the span"
)


def arrange(span: object, mending: Mending) -> None:
    """See that ``mending`` comes behind each processor that may rewrite ``span``, and those that are added later, too."""
    try:
        _arrange(getattr(span, "_span_processor"), mending)  # noqa: B009  # private: see above
    except (AttributeError, TypeError):
        _diagnostics.warn_once("processor order", _OTHERWISE)


def beside(span: object) -> tuple[object, ...]:
    """Return the processors that ``span`` is handed to; nothing where that can't be told."""
    return tuple(getattr(getattr(span, "_span_processor", None), "_span_processors", ()))


def _arrange(processor: Any, mending: Mending) -> None:  # noqa: ANN401  # a processor of any make
    """Arrange the processors in ``processor``, if it calls several one after the other."""
    if not isinstance(processor, SynchronousMultiSpanProcessor):
        return
    with processor._lock:  # noqa: SLF001  # see above
        known = processor._span_processors  # noqa: SLF001
        if type(known) not in {tuple, _Order}:
            raise TypeError
        menders = known.menders if isinstance(known, _Order) else ()
        if mending not in menders:
            processor._span_processors = _ordered(known, (*menders, mending))  # noqa: SLF001


class _Order(tuple[SpanProcessor, ...]):  # noqa: SLOT001  # a tuple of any length can have none
    """The processors of a provider, with one of ours behind each that may rewrite a span.

    Attributes:
        menders: What those of ours do.
    """

    menders: tuple[Mending, ...]

    def __add__(self, added: tuple[Any, ...]) -> tuple[Any, ...]:
        """Add processors, as the SDK does in ``add_span_processor``, to which nothing must be raised."""
        try:
            return _ordered((*self, *added), self.menders)
        except Exception as error:  # noqa: BLE001  # of a processor of any make
            _diagnostics.warn_once("processor order", _RAISED, type(error).__name__)
            return (*self, *added)


def _ordered(processors: Iterable[SpanProcessor], menders: tuple[Mending, ...]) -> _Order:
    """Return ``processors``, each that may rewrite a span with one of ours behind it that has ``menders``."""
    order: list[SpanProcessor] = []
    is_handed = False
    for processor in processors:
        if isinstance(processor, _Behind):  # as it was arranged before
            continue
        order.append(processor)
        for inner in insides_of(processor):
            for mending in menders:
                _arrange(inner, mending)
        if _holds_ours(processor):  # it may not tell those that it holds that a span is ending, as Logfire's does not
            order.append(_Behind(processor, (), is_handed=False))
        if _exports(processor):
            is_handed = True
        elif _changes(processor, "on_end") or _changes(processor, "_on_ending"):
            order.append(_Behind(processor, menders, is_handed=is_handed))
    arranged = _Order(order)
    arranged.menders = menders
    return arranged


def _exports(processor: object) -> bool:
    """Tell whether ``processor`` hands spans to an exporter: one of the SDK's, a subclass, or what holds such."""
    insides = insides_of(processor)
    several = [each for each in insides if isinstance(each, SynchronousMultiSpanProcessor)]
    return any(isinstance(each, (SimpleSpanProcessor, BatchSpanProcessor)) for each in insides) or any(
        _exports(each)
        for multi in several
        for each in multi._span_processors  # noqa: SLF001
    )


def _holds_ours(processor: object) -> bool:
    """Tell whether in what ``processor`` holds one of ours stands behind another."""
    several = [each for each in insides_of(processor) if isinstance(each, SynchronousMultiSpanProcessor)]
    return any(isinstance(each, _Behind) for multi in several for each in multi._span_processors)  # noqa: SLF001


def _changes(processor: object, hook: str) -> bool:
    """Tell whether ``processor``, which is none of ours and holds none, does anything in the ``hook``."""
    if any(isinstance(getattr(each, "_mending", None), Mending) for each in insides_of(processor)):
        return False
    plain = getattr(SpanProcessor, hook)
    return hook in getattr(processor, "__dict__", ()) or getattr(type(processor), hook, plain) is not plain


class _Behind(SpanProcessor):
    """Stands behind a processor that may rewrite a span, and puts right what that does.

    Args:
        before: That processor.
        menders: What to do; with none, to remember which span is ending, for others.
        is_handed: An exporter stands before it.
    """

    def __init__(self, before: object, menders: tuple[Mending, ...], *, is_handed: bool) -> None:
        self._by, self._menders, self._is_handed = type(before).__name__, menders, is_handed
        self._is_early = _changes(before, "_on_ending")
        for mending in menders:
            mending.is_last = False

    def _on_ending(self, span: Any) -> None:  # noqa: ANN401
        try:
            note = note_of(span)
            if note is not None and note.stamps:
                _ENDING.remember(span)
                for mending in self._menders if self._is_early else ():
                    mending.settle(note)
        except Exception as error:  # noqa: BLE001  # it would reach the application's span.end
            _warn_of(error)

    def on_end(self, span: Any) -> None:  # noqa: ANN401
        """Put right what the processor before has done."""
        try:
            note = note_of(_ENDING.found(span))
            if note is not None:
                for mending in self._menders:
                    mending.settle_ended(span, note, by=self._by, is_handed=self._is_handed)
        except Exception as error:  # noqa: BLE001  # it would reach the application's span.end
            _warn_of(error)

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002  # the SDK's signature
        """Answer that there is nothing to flush; older SDKs flush no processor after one that says nothing."""
        return True


def _warn_of(error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once(("on_end", found), "otel_sessions: mending a span that has ended raised %s", found)


class _Ending(local):
    """The spans that are ending in this thread: what processors get when one has ended is another object, without a note."""

    def __init__(self) -> None:
        self._spans: list[ref[Any]] = []

    def remember(self, span: object) -> None:
        """Remember that ``span`` is ending."""
        if not self._spans or self._spans[-1]() is not span:
            del self._spans[:-_MAX_ENDING]
            self._spans.append(ref(span))

    def found(self, ended: Any) -> object:  # noqa: ANN401
        """Return the span of which ``ended`` is what processors get; ``None`` where it is not known."""
        context = ended.get_span_context()
        for known in reversed(self._spans):
            span = known()
            if span is not None and span.get_span_context() == context:
                return span
        return None


_ENDING = _Ending()
