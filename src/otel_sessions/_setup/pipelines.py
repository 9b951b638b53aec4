"""Which pipeline a provider feeds, whatever is around it, and what of ours stands there.

Logfire's global providers are wrappers: unhashable, and what they wrap is exchanged with each ``logfire.configure()``. So
what is installed is kept by the pipeline that it was added to, and by its identity.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry._logs import LoggerProvider
from opentelemetry.sdk._logs import LoggerProvider as SDKLoggerProvider
from opentelemetry.sdk.trace import TracerProvider as SDKTracerProvider
from opentelemetry.trace import TracerProvider

from otel_sessions._context.providers import reference_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import SpanProcessor

_T = TypeVar("_T")

_PROCESSORS = ("_active_span_processor", "_multi_log_record_processor")
"""Where the SDK's providers keep what they call; private, and without them a provider stands for itself."""

_MAX_INSIDE = 8
"""Most wrappers that are looked into of those around one another."""


def recording(provider: Any) -> Any:  # noqa: ANN401  # of any make
    """Return the SDK's provider that ``provider`` is or holds; itself, where that can't be told."""
    with suppress(Exception):  # a proxy may raise at each look, as long as nothing is behind it
        return _recording(provider)
    return provider


def _recording(provider: Any) -> Any:  # noqa: ANN401
    found = provider
    for _ in range(_MAX_INSIDE):
        if isinstance(found, (SDKTracerProvider, SDKLoggerProvider)):
            return found
        inside = {id(held): held for held in _held_by(found) if isinstance(held, (TracerProvider, LoggerProvider))}
        if len(inside) != 1:
            break
        (found,) = inside.values()
    return provider


def pipeline_of(provider: object) -> object:
    """Return what stands for the pipeline that ``provider`` feeds, the same for whatever feeds it."""
    found = recording(provider)
    with suppress(Exception):  # as above
        return next((each for name in _PROCESSORS if (each := getattr(found, name, None)) is not None), found)
    return found


def adder_of(provider: Any) -> Callable[[SpanProcessor], None] | None:  # noqa: ANN401  # of any make
    """Return what adds a span processor beside those of ``provider``; ``None`` where it takes none.

    It is the SDK's own where there is one: what Phoenix's ``register()`` returns takes the processor of its exporter away
    when another one is added, and so does Arize's ``TracerProvider``.
    """
    if isinstance(provider, SDKTracerProvider):
        return partial(SDKTracerProvider.add_span_processor, provider)
    return getattr(provider, "add_span_processor", None)


def _held_by(provider: object) -> Iterator[object]:
    """Yield the values of the attributes of ``provider``, without running any code of it."""
    yield from getattr(provider, "__dict__", {}).values()
    for kind in type(provider).__mro__:
        for slot in vars(kind).values():
            if type(slot) is MemberDescriptorType:
                with suppress(AttributeError):  # nothing was put into it
                    yield slot.__get__(provider, type(provider))


class ByPipeline(Generic[_T]):
    """What is kept for a pipeline, as long as that is there; it need be neither hashable nor equal to itself."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Callable[[], object], _T]] = {}

    def get(self, provider: object) -> _T | None:
        """Return what is kept for the pipeline of ``provider``."""
        pipeline = pipeline_of(provider)
        refer, kept = self._kept.get(id(pipeline), (None, None))
        return kept if refer is not None and refer() is pipeline else None

    def put(self, provider: object, kept: _T) -> None:
        """Keep something for the pipeline of ``provider``, in place of what there was."""
        pipeline = pipeline_of(provider)
        self._forget_dead()
        self._kept[id(pipeline)] = reference_to(pipeline), kept

    def values(self) -> list[_T]:
        """Return all that is kept for pipelines that are there."""
        self._forget_dead()
        return [kept for _, kept in self._kept.values()]

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def _forget_dead(self) -> None:
        for key, (refer, _) in list(self._kept.items()):
            if refer() is None:
                self._kept.pop(key, None)
