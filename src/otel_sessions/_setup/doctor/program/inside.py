"""What the doctor notes of spans, sessions, threads and errors inside a process: see `watching`."""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakSet

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind

from otel_sessions._context import unstamped
from otel_sessions._context.local_trace import CLOCK, SPAN_KEY
from otel_sessions._context.order import NOTED
from otel_sessions._context.resolution import state_in
from otel_sessions._context.state import CLEARED, ENTRY_KEY, NOTHING
from otel_sessions._session.session import DISPLACED_ID, SESSION_ID, USER_ID

from .known_ids import KnownIds
from .llm_spans import is_of_model
from .provider_facts import Providers
from .sightings import Bare, Sightings, Start
from .watching import FAILED, failed, put_around, shown_path

if TYPE_CHECKING:
    from types import FrameType

    from .entrance import Process


_MOST_OPEN = 10_000
_MOST_FRAMES = 60
_MOST_ERRORS = 50
_LONGEST = 200
"""The longest name that is kept, in characters."""
_GENERATOR = 0x20 | 0x200
"""`inspect.CO_GENERATOR` and `inspect.CO_ASYNC_GENERATOR`."""

_IDS = SESSION_ID, USER_ID, DISPLACED_ID

_ended_here: contextvars.ContextVar[bool] = contextvars.ContextVar("otel-sessions-doctor", default=False)


class _Open(NamedTuple):
    """A span that has not ended, and the processors that are told when it does."""

    processors: object
    start: Start


class Inside:
    """What is noted in this process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.sightings = Sightings(lambda: CLOCK.binds > 0)
        self.providers = Providers()
        self._threads: WeakSet[threading.Thread] = WeakSet()
        self._executors: WeakSet[ThreadPoolExecutor] = WeakSet()
        self.ids = KnownIds()
        self.begin()

    def begin(self) -> None:
        """Begin, as in a new process."""
        self._lock = self._process.new_lock()  # a thread that is not there any more may hold that which was
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self.ids.begin()
        FAILED.clear()
        self._errors: Counter[tuple[str, str]] = Counter()
        self.sightings.begin()
        self.providers.begin()

    def watch(self) -> None:
        """Have all of these tell."""
        put_around(TracerProvider, "__init__", self.providers.made)
        for kind in (SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor):
            put_around(kind, "on_start", self._started)
            put_around(kind, "on_end", self._ended)
        put_around(threading.Thread, "start", self._begun, before=True)
        put_around(ThreadPoolExecutor, "submit", self._submitted, before=True)
        put_around(logging.Logger, "handle", self._logged)
        put_around(unstamped, "opened", self._opened)
        put_around(unstamped, "closed", self._closed)
        NOTED.append(self)

    def seen(self) -> dict[str, object]:
        """Return what was seen of spans."""
        with self._lock:
            return self.sightings.record(self.ids.left_out_of)

    def pipelines(self) -> dict[str, object]:
        """Return the providers, and what else is set up."""
        return self.providers.record(self.ids.left_out_of)

    def errors(self) -> list[list[object]]:
        """Return by logger and kind of problem how often OpenTelemetry has logged an error."""
        return [[*key, count] for key, count in list(self._errors.items())]

    def _started(self, processors: Any, span: Any, parent_context: Context | None = None, *_: object) -> None:  # noqa: ANN401
        told = getattr(span, "_span_processor", processors)
        key = span.get_span_context().span_id
        if told is not processors or key in self._open:
            return  # those that are inside of others, which tell
        provider = self.providers.number_of(processors)
        self._open[key] = _Open(processors, self._start(provider, span, parent_context))
        if len(self._open) > _MOST_OPEN:  # some programs never end theirs
            self._open.popitem(last=False)
            FAILED["spans beyond 10,000 that are open", ""] += 1

    def _start(self, provider: int, span: Any, given: Context | None) -> Start:  # noqa: ANN401
        current = get_current()
        context = current if given is None else given
        state = state_in(context)
        if state is CLEARED or state is NOTHING:
            return Start(provider, is_cleared=True)
        if state is not None and state.session.id is not None:
            self.ids.add(state.session.id, state.session.user_id)
            return Start(provider, has_session=bool(state.stamps), is_cleared=not state.stamps)
        parent = span.parent
        is_root = parent is None or parent.is_remote
        is_alone = parent is None and context.get(SPAN_KEY) is None
        outside = state_in(current) if is_alone and given is not None else None
        return Start(
            provider,
            is_root=is_root,
            is_own_trace=outside is not None and outside.session.id is not None,
            is_of_thread=is_alone and given is None and self._is_of_thread(),
            is_of_daemon=self._is_of_daemon(),
            is_after=_ended_here.get(),
            reads=_generator(sys._getframe()),  # noqa: SLF001
        )

    def _is_of_thread(self) -> bool:
        thread = threading.current_thread()
        if thread in self._threads:
            return True
        return any(thread in getattr(executor, "_threads", ()) for executor in list(self._executors))

    def _is_of_daemon(self) -> bool:
        thread = threading.current_thread()
        return thread.daemon and not any(thread in getattr(each, "_threads", ()) for each in list(self._executors))

    def _ended(self, processors: object, span: Any, *_: object) -> None:  # noqa: ANN401
        context = span.get_span_context()
        found = self._open.get(context.span_id)
        if found is None or found.processors is not processors:
            return
        del self._open[context.span_id]
        attributes = span.attributes or {}
        self.ids.add(*map(attributes.get, _IDS))
        scope = _name(getattr(span.instrumentation_scope, "name", "")) or "(none)"
        service = _name(span.resource.attributes.get("service.name", ""))
        bare = Bare(service, scope, _name(span.name), is_of_model(attributes), span.start_time or 0, found.start)
        with self._lock:
            is_displaced = DISPLACED_ID in attributes
            self.sightings.ended(context.trace_id, bare, attributes.get(SESSION_ID), is_displaced=is_displaced)
            self.providers.ended(found.start.provider, span, is_client=span.kind is SpanKind.CLIENT)
        self._process.noted()

    def _begun(self, thread: threading.Thread) -> None:
        if _is_in_session():
            self._threads.add(thread)

    def _submitted(self, executor: ThreadPoolExecutor, *_: object, **__: object) -> None:
        if _is_in_session():
            self._executors.add(executor)

    def _opened(self, _: Context, state: Any) -> None:  # noqa: ANN401
        self.ids.add(state.session.id, state.session.user_id)
        if state.session.id is not None:
            self.sightings.opened += 1
            if self.sightings.opened == 1:
                self._process.noted()

    def _closed(self, context: Context | None) -> None:
        entry: Any = None if context is None else dict.get(context, ENTRY_KEY)
        if entry is not None and entry.state.session.id is not None:
            _ended_here.set(True)

    def _logged(self, _: object, record: logging.LogRecord) -> None:
        least = (
            logging.WARNING if record.name.startswith("opentelemetry.exporter.") else logging.ERROR
        )  # of what is tried again
        if record.levelno >= least and record.name.startswith("opentelemetry."):
            key = record.name, _kind_of(record)
            if key in self._errors or len(self._errors) < _MOST_ERRORS:
                self._errors[key] += 1
                self._process.noted()


def watch_spans(process: Process) -> None:
    """Note the spans of this process, its providers, and what OpenTelemetry logs as an error."""
    inside = Inside(process)
    process.parts["pipelines"] = inside.pipelines
    process.parts["seen"] = inside.seen
    process.parts["errors"] = inside.errors
    process.parts["failed"] = failed
    process.shown = inside.ids.left_out_of
    process.forgets.append(inside.begin)
    inside.watch()


def _name(text: object) -> str:
    return text[:_LONGEST] if isinstance(text, str) else f"({type(text).__name__})"


def _is_in_session() -> bool:
    state = state_in(get_current())
    return state is not None and state.session.id is not None


def _kind_of(record: logging.LogRecord) -> str:
    """Return what an error is about, without any value of it: names of exceptions, and statuses of HTTP and gRPC."""
    import re  # noqa: PLC0415

    text = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        text = f"{text} {record.exc_info[0].__name__} {record.exc_info[1]}"
    words = (
        r"Requested component '\w+' not found", r"[Cc]onnection refused", r"ConnectionRefusedError", r"timed? ?out", r"UNAVAILABLE", r"UNAUTHENTICATED",
        r"PERMISSION_DENIED", r"DEADLINE_EXCEEDED", r"Name or service not known", r"\bSSL(?:[A-Z][A-Za-z]*Error)?\b", r"\b[45]\d\d\b",
        r"Failed to detach context", r"Failed to auto initialize", r"[Ii]nstrumenting of \S+ failed",
        r"Importing of \S+ failed", r"\b[A-Z][A-Za-z]{2,60}Error\b",
    )  # fmt: skip
    found = next((match.group() for word in words if (match := re.search(word, text))), "")
    return found[:80]


def _generator(frame: FrameType | None) -> str:
    """Return the file and line of the innermost generator of the application that runs here; nothing for none."""
    for _ in range(_MOST_FRAMES):
        if frame is None:
            return ""
        code = frame.f_code
        caller = frame.f_back
        if code.co_flags & _GENERATOR and not _is_of_block(caller) and not _is_installed(code.co_filename):
            return f"{shown_path(code.co_filename)}:{code.co_firstlineno}"
        frame = caller
    return ""


def _is_of_block(caller: FrameType | None) -> bool:
    """Tell whether a generator is run as a context manager."""
    return caller is not None and caller.f_globals.get("__name__") == "contextlib"


def _is_installed(path: str) -> bool:
    return "site-packages" in path or "dist-packages" in path or path.startswith((sys.base_prefix, "<"))
