"""Why a span has no session: each cause by its code, with the remedy. One table, for the doctor and for the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: its code, which stays as it is, what it is in words, and what to write."""

    code: str
    what: str
    remedy: str


_CAUSES = (
    Cause(
        "no-processor",
        "The provider of the span has no processor that puts the session on it.",
        "Call otel_sessions.sdk.instrument() once the provider is there. For one that is not the global one:\n"
        "otel_sessions.sdk.instrument(tracer_provider=provider)",
    ),
    Cause(
        "context-lost-thread",
        "The span was started in a thread that has no Context of the code that asked for it.",
        "python -m pip install opentelemetry-instrumentation-threading\n"
        "and start the program by opentelemetry-instrument, or write at its start:\n"
        "from opentelemetry.instrumentation.threading import ThreadingInstrumentor\n\n"
        "ThreadingInstrumentor().instrument()",
    ),
    Cause(
        "context-lost-process",
        "The span was started in another process, and the session did not go there with the work.",
        "Hand the session on with the work, as docs/how-to/queues.md has it for each queue:\n"
        "queue.enqueue(work, argument, to_carrier())  # where the session is\n"
        "with from_carrier(carrier):  # in the other process, around the work",
    ),
    Cause(
        "context-lost-stream",
        "The span was started while a stream was read outside of the block in which its session is.",
        "Read the stream by scope.wrap(stream), or decorate the generator with set_session(...).\n"
        "In a handler of a server, call bind_session(...) in place of the block.",
    ),
    Cause(
        "after-block",
        "The span was started after the block of a session, as work that is left for later.",
        "Take the work into the block. In a handler of a server, call bind_session(...) in place of the block.",
    ),
    Cause(
        "before-bind",
        "The span began before the session of its trace was set, or lies outside of its block.",
        "Call bind_session(...) earlier, as in a middleware, or have the id come with the request:\n"
        "export OTEL_SESSION_INCOMING_HEADERS=session.id=x-session-id",
    ),
    Cause(
        "own-trace-of-framework",
        "A framework starts a trace of its own for this span, in an empty Context.",
        "Give the framework the id by its own means, see docs/how-to/agent-frameworks.md, such as\n"
        'metadata={"session_id": get_session().id}',
    ),
    Cause(
        "background",
        "The span is of work outside of conversations, as a health check or a timer.",
        "Nothing, if it serves everybody; else set_session(...) around the work.",
    ),
    Cause(
        "unknown",
        "No session was set where the span was started.",
        "with set_session(session_id=...):  # around the work; or inside of it, in a handler:\n"
        "bind_session(session_id=...)",
    ),
)
CAUSES = {cause.code: cause for cause in _CAUSES}
