"""Causes of traces that began while one session was under way: that may be chance, which `chance` judges."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .causes import INTELLIGENT
from .lost import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .lost import Lost
    from .sightings import Sighting


def of_children(lost: Lost) -> Verdict | None:
    """Return that a process of a session has started the process of the trace while the session was under way."""
    process = lost.root.process
    if process.parent_pid is None or not process.host:  # in containers numbers of processes are the same
        return None
    parent = process.host, process.parent_pid
    above = [span for span in _open(lost) if (span.process.host, span.process.pid) == parent]
    return _began_within("context-lost-process", lost, above) if _is_one(above) else None


def of_streams(lost: Lost) -> Verdict | None:
    """Return that a stream was read outside of its block: its call goes on after what it was made in."""
    time, thread = lost.root.facts.start, lost.root.thread
    streams = []
    for trace in lost.beside.under_way(lost):
        spans = {each.facts.span_id: each for each in trace}
        for each in trace:
            above = spans.get(each.facts.parent_span_id)
            if (
                each.session
                and each.is_open_at(time)
                and each.process.key == lost.root.process.key
                and above is not None
                and above.session
                and above.facts.end < min(time, each.facts.end)
                and above.process.key == each.process.key
                and each.thread == thread
                and is_streamed(each)
            ):
                streams.append(each)
    is_alone = _is_one(streams) and _is_one(_open_here(lost))
    return _began_within("context-lost-stream", lost, streams) if is_alone else None


def is_streamed(call: Sighting) -> bool:
    """Tell whether a call of a model has its answer streamed."""
    said = call.attributes
    return any(str(said.get(key)).lower() == "true" for key in _STREAMED) or bool(
        _STREAM_ASKED.search(str(said.get("llm.invocation_parameters")))
    )


_STREAMED = ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming")
_STREAM_ASKED = re.compile(r'"stream": ?true')


def of_frameworks(lost: Lost) -> Verdict | None:
    """Return the cause that a framework's own way of starting spans has."""
    scope = lost.root.facts.scope
    cause = _FRAMEWORKS.get(scope)
    if cause is None or (scope in _OF_STREAMS and not is_streamed(lost.root)):
        return None
    around = _open_here(lost)
    return _began_within(cause, lost, around) if _is_one(around) else None


_FRAMEWORKS = {
    # A call whose stream is read later is the root of a trace, in an empty Context (1.110.2).
    "litellm": "own-trace-of-framework",
    # `Parallel` runs in threads without the Context; all else keeps it (3.4.1).
    "openinference.instrumentation.dspy": "context-lost-thread",
}
"""By scope: what was seen of these where a session was around the call."""
_OF_STREAMS = frozenset(("litellm",))
"""Those that do so with streams alone."""


def of_threads(lost: Lost) -> Verdict | None:
    """Return that it began in another thread than the session that was under way."""
    root, around = lost.root, _open_here(lost)
    threads = {each.thread for each in around}
    if not root.thread or not _is_one(around) or "" in threads:
        return None
    return None if root.thread in threads else _began_within("context-lost-thread", lost, around, root.thread)


def _open(lost: Lost) -> list[Sighting]:
    """Return the spans that name a session and were open when the trace began."""
    time = lost.root.facts.start
    return [span for trace in lost.beside.under_way(lost) for span in trace if span.session and span.is_open_at(time)]


def _open_here(lost: Lost) -> list[Sighting]:
    """Return those of the same process; none where nobody but a framework names their session, on its own spans."""
    process = lost.root.process
    here = [span for span in _open(lost) if span.process.key == process.key] if process.is_known else []
    return here if any(span.facts.scope not in _NAMES_ITSELF for span in here) else []


_NAMES_ITSELF = frozenset(
    f"openinference.instrumentation.{each}" for each in ("langchain", "agno", "google_adk", "claude_agent_sdk")
)
"""Scopes that have a session of their own where the application has set none: there no Context was lost."""


def _began_within(cause: str, lost: Lost, around: Sequence[Sighting], thread: str = "") -> Verdict:
    """Return what was seen of a trace that began while these spans of one session were open."""
    end = max(each.facts.end for each in lost.spans)
    is_likely = any(each.facts.kind in INTELLIGENT for each in lost.spans) and any(
        each.facts.end >= end for each in around
    )
    return Verdict(cause, False, is_likely, around[0].facts.service, thread)  # as they stand there


def _is_one(spans: Iterable[Sighting]) -> bool:
    return len({each.session for each in spans}) == 1
