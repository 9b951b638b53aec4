"""Bytes that an open span holds, and bytes that an open scope holds, counted by tracemalloc."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import ExitStack, nullcontext
from contextvars import copy_context
from typing import TYPE_CHECKING

from harness.pipelines import tracer_with
from harness.workloads import HTTP_CLIENT

from . import tools as known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from ._interleaved import Key
    from .tools import Tool

BARE = "open span without other attributes"
WITH_8 = "open span that has started with 8 attributes"
SCOPE = "open scope"

SPANS = {BARE: None, WITH_8: HTTP_CLIENT}


def run(tools: Iterable[Tool], count: int) -> dict[Key, float]:
    """Return the bytes of one of ``count`` open things, by thing and tool."""
    found: dict[Key, float] = {}
    gc.freeze()  # so that a collection looks at what is counted
    for tool in tools:
        for title, attributes in SPANS.items():
            found[title, tool.name] = _of_span(tool, attributes, count)
        if tool.name not in (known.NO_OP, known.FLOOR):
            found[SCOPE, tool.name] = _of_scope(tool, count)
    gc.unfreeze()
    return found


def _of_span(tool: Tool, attributes: Mapping[str, object] | None, count: int) -> float:
    processor = tool.processor()
    start_span = tracer_with(processor).start_span
    with tool.scope():
        held = _held(lambda: start_span("chat", attributes=attributes), count)  # type: ignore[arg-type]
    processor.shutdown()
    return held


def _of_scope(tool: Tool, count: int) -> float:
    with ExitStack() as stack:
        return _held(lambda: _entered(tool.scope(), stack), count) - _held(
            lambda: _entered(nullcontext(), stack), count
        )


def _entered(scope: AbstractContextManager[object], stack: ExitStack) -> object:
    """Enter ``scope`` in a place of its own, as many requests at a time do, and leave it with ``stack``."""
    place = copy_context()
    place.run(scope.__enter__)
    stack.callback(place.run, scope.__exit__, None, None, None)
    return scope


def _held(make: Callable[[], object], count: int) -> float:
    make()
    kept: list[object] = [None] * count
    gc.collect()
    tracemalloc.start()
    try:
        for index in range(count):
            kept[index] = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()
