"""Memory after very many traces that were bound, and forks in the middle of it."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import set_span_in_context

from harness.memory import rss
from harness.pipelines import tracer_with
from otel_sessions import bind_session
from otel_sessions._pipeline.span_processor import guarded
from otel_sessions.sdk import SessionSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span, Tracer

_SAMPLES = 10
_FLAT = 2.0
_WARM_UP = 2_000  # more than are remembered of one trace
_FORKS = 300
_TRACES_OF_A_FORK = 500  # a short run forks less often, too
_PATIENCE = 10.0


@dataclass(slots=True)
class Part:
    """What one part has found: the memory after the warm-up and after each tenth, in MB, and what was not right."""

    title: str
    count: int
    memory: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def run(count: int) -> list[Part]:
    """Bind ``count`` traces, and a tenth of that in each of the other ways; then fork."""
    tracer = tracer_with(guarded(SessionSpanProcessor()))
    root = tracer.start_span("long-lived root", context=Context())
    parts = [
        _measured("traces of a root and a child, bound and ended", count, lambda n: _bound(tracer, n)),
        _measured("the same, never ended", count // 10, lambda n: _never_ended(tracer, n)),
        _measured("children, never ended, of one root that lives on", count // 10, lambda n: _child(tracer, root, n)),
    ]
    root.end()
    request = tracer.start_span("request", context=Context())
    request.end()
    below = set_span_in_context(request)
    parts += [
        _measured("jobs of one worker whose request has ended, bound", count // 10, lambda n: _job(tracer, below, n)),
        _measured("tasks that spawn the next and end, bound", count // 10, _Chain(tracer).hop),
    ]
    return [*parts, _forks(min(_FORKS, count // _TRACES_OF_A_FORK))]


def _measured(title: str, count: int, work: Callable[[int], None]) -> Part:
    part = Part(title, count)
    each = max(count // _SAMPLES, 1)
    for number in range(max(each // 5, _WARM_UP)):
        work(number)
    part.memory.append(_settled())
    for sample in range(_SAMPLES):
        for number in range(each):
            work(sample * each + number)
        part.memory.append(_settled())
        print(f"{title}: {part.memory[-1]:.1f} MB", file=sys.stderr)
    if max(part.memory) - part.memory[0] > _FLAT:
        part.problems.append(f"memory has grown by {max(part.memory) - part.memory[0]:.1f} MB")
    return part


def _settled() -> float:
    gc.collect()
    return rss()


def _bound(tracer: Tracer, number: int) -> None:
    with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("child") as child:
        bind_session(f"conv-{number}", user_id="ada")
    assert _session_of(root) == _session_of(child) == f"conv-{number}"


def _never_ended(tracer: Tracer, number: int) -> None:
    root = tracer.start_span("root")
    context = set_span_in_context(root)
    child = tracer.start_span("child", context)
    _bind_in(context, f"conv-{number}")
    assert _session_of(root) == _session_of(child) == f"conv-{number}"


def _child(tracer: Tracer, root: Span, number: int) -> None:
    context = set_span_in_context(root)
    if number % 1000 == 0:
        _bind_in(context, f"conv-{number}")
    child = tracer.start_span("child", context)
    assert _session_of(child) == f"conv-{number - number % 1000}"


def _job(tracer: Tracer, context: Context, number: int) -> None:
    job = tracer.start_span("job", context)
    assert "session.id" not in job.attributes  # type: ignore[attr-defined]
    _bind_in(set_span_in_context(job), f"conv-{number}")
    assert _session_of(job) == f"conv-{number}"
    job.end()


class _Chain:
    """Tasks each of which has the Context of the one before, that ends before it or after it."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._span = tracer.start_span("first", context=Context())

    def hop(self, number: int) -> None:
        """Begin the next task, and bind it."""
        before, context = self._span, set_span_in_context(self._span)
        if number % 2:
            before.end()
        self._span = span = self._tracer.start_span("hop", context)
        _bind_in(set_span_in_context(span), f"conv-{number}")
        assert _session_of(span) == f"conv-{number}"
        before.end()


def _bind_in(context: Context, session_id: str) -> None:
    token = attach(context)
    bind_session(session_id)
    detach(token)


def _session_of(span: Span) -> object:
    return span.attributes["session.id"]  # type: ignore[attr-defined]


def _forks(count: int) -> Part:
    """Fork while other threads start and bind spans; the child goes on in the trace, and so does the parent."""
    part = Part("forks of a process whose threads start and bind spans", count)
    tracer, stop = tracer_with(guarded(SessionSpanProcessor())), threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            _bound(tracer, number)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        outcomes = [_forked(tracer) for _ in range(count)]
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        for thread in threads:
            thread.join()
    part.problems += [f"{outcome} in {outcomes.count(outcome)} forks" for outcome in set(outcomes) - {""}]
    return part


def _forked(tracer: Tracer) -> str:
    """Fork inside a bound trace; return what was not right, or nothing."""
    with tracer.start_as_current_span("root") as root:
        bind_session("parent")
        pid = os.fork()
        if pid == 0:
            _child_process(tracer)
        outcome = _waited(pid)
        with tracer.start_as_current_span("later") as later:
            is_right = _session_of(root) == _session_of(later) == "parent"
    return outcome or ("" if is_right else "the parent has another session")


def _child_process(tracer: Tracer) -> None:
    status = 1
    try:
        with tracer.start_as_current_span("inherited") as inherited:
            if _session_of(inherited) == "parent":
                bind_session("child")
                with tracer.start_as_current_span("later") as later:
                    status = 0 if _session_of(inherited) == _session_of(later) == "child" else 1
        _bound(tracer, 0)
    finally:
        os._exit(status)


def _waited(pid: int) -> str:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return "" if status == 0 else "a wrong session in the child"
        time.sleep(0.001)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "a child that hangs"
