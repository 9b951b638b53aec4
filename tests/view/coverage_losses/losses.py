"""Programs that lose a session, each in its own way: one function for each, run in a process of its own.

``python losses.py ENDPOINT KIND...`` runs them, some at a time; the service of each is its kind. Each has several turns
with pauses between them, as a person makes them: what begins within each of three short turns does so by no chance.
"""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import ProcessResourceDetector, Resource, get_aggregated_resources
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Link, SpanKind

from otel_sessions import bind_session, set_session, turn
from otel_sessions.sdk import instrument

TURNS = 3
PAUSE = 0.5
"""Seconds between turns, many times as long as a turn."""
AT_ONCE = 8
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}

LLM = SpanKind.CLIENT


class ThreadNames(SpanProcessor):
    """Puts on each span in which thread it began, as many applications have it put."""

    def on_start(self, span, parent_context=None):  # noqa: ARG002  # as the SDK calls it
        thread = threading.current_thread()
        span.set_attributes({"thread.id": thread.ident, "thread.name": thread.name})


def pipeline(service: str, *processors, has_sessions: bool = True, resource: Resource | None = None, **more):
    """Return a provider that exports to the receiver."""
    # Older SDKs do not say which process it is.
    known = resource or Resource.create({"service.name": service, "service.instance.id": f"process-{os.getpid()}"})
    provider = TracerProvider(resource=known, **more)
    for each in processors:
        provider.add_span_processor(each)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if has_sessions:
        trace.set_tracer_provider(provider)
        instrument(provider)
    return provider


@contextmanager
def app(service: str, *processors, **more):
    """Give the tracer of an application with the plug-in."""
    provider = pipeline(service, *processors, **more)
    yield provider.get_tracer("app")
    provider.shutdown()


def conversations(kind: str):
    """Yield the ids of sessions, with a pause before and after each."""
    for number in range(TURNS):
        time.sleep(PAUSE)
        yield f"{kind}-{number}"
    time.sleep(PAUSE)


def call(tracer, name: str = "chat", seconds: float = 0.01, **more) -> None:
    """Call a model."""
    with tracer.start_as_current_span(name, **{"kind": LLM, "attributes": CHAT, **more}):
        time.sleep(seconds)


def in_threads(kind, *processors) -> None:
    """Call a model in a thread of its own in each turn."""
    with app(kind, *processors) as tracer:
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                work = threading.Thread(target=call, args=(tracer,))
                work.start()
                work.join()


def thread(kind):
    in_threads(kind, ThreadNames())


def thread_without_names(kind):
    in_threads(kind)


def executor(kind):
    with app(kind, ThreadNames()) as tracer, ThreadPoolExecutor(1) as pool:
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                pool.submit(call, tracer).result()


def worker_threads_from_before(kind):
    """Two threads of the application's own, which were there before the session, and take work from a queue."""
    work = queue.Queue()

    def run():
        while (item := work.get()) is not None:
            call(tracer)
            item.set()

    with app(kind, ThreadNames()) as tracer:
        for _ in range(2):
            threading.Thread(target=run, daemon=True).start()
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                done = threading.Event()
                work.put(done)
                done.wait(60)


def timer(kind):
    """Work that goes on by itself, within turns and outside of them, in a thread of its own."""
    is_over = threading.Event()

    def run():
        while not is_over.wait(0.03):
            call(tracer, "refresh", 0.001)

    with app(kind, ThreadNames()) as tracer:
        beside = threading.Thread(target=run)
        beside.start()
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                call(tracer, "chat", 0.05)
        is_over.set()
        beside.join()


def task_from_before(kind):
    """A task that was there before the session, and takes work from a queue."""

    async def run(tracer, work):
        while True:
            done = await work.get()
            with tracer.start_as_current_span("chat", kind=LLM, attributes=CHAT):
                await asyncio.sleep(0.01)
            done.set()

    async def main(tracer):
        work = asyncio.Queue()
        beside = asyncio.create_task(run(tracer, work))
        for number in range(TURNS):
            await asyncio.sleep(PAUSE)
            with set_session(f"{kind}-{number}"), turn("reply"):
                done = asyncio.Event()
                await work.put(done)
                await done.wait()
        beside.cancel()

    with app(kind, ThreadNames()) as tracer:
        asyncio.run(main(tracer))


def generator(kind):
    """A stream that is made in the block and read behind it: its call is open until it is read."""

    def stream(tracer):
        span = tracer.start_span("chat", kind=LLM, attributes={**CHAT, "gen_ai.request.stream": True})

        def chunks():
            for _ in range(2):
                with tracer.start_as_current_span("tool", attributes={"gen_ai.operation.name": "execute_tool"}):
                    time.sleep(0.01)
                yield "word"
            span.end()

        return chunks()

    with app(kind) as tracer:
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                words = stream(tracer)
            time.sleep(0.01)
            for _ in words:
                pass


def beside_a_task(kind):
    """Work after the block, while a task goes on that was begun in it and is in the session."""

    async def main(tracer):
        for number in range(TURNS):
            await asyncio.sleep(PAUSE)
            with set_session(f"{kind}-{number}"), turn("reply"):
                beside = asyncio.create_task(remember(tracer))
                await asyncio.sleep(0)
            call(tracer, "title")
            await beside

    async def remember(tracer):
        with tracer.start_as_current_span("chat", kind=LLM, attributes=CHAT):
            await asyncio.sleep(0.05)

    with app(kind, ThreadNames()) as tracer:
        asyncio.run(main(tracer))


def nightly_summary(kind):
    """What goes over all sessions links to each, and is in none."""
    with app(kind) as tracer:
        parents = []
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"), tracer.start_as_current_span("work") as span:
                parents.append(span.get_span_context())
    _in_another_process(summary, f"{kind}-job", *parents)


def summary(service, *parents):
    with app(service) as tracer, tracer.start_as_current_span("summary", links=[Link(each) for each in parents]):
        call(tracer)


def orphan(kind):
    """The parent is never ended, and has no session."""
    with app(kind, ThreadNames()) as tracer, ThreadPoolExecutor(1) as pool:
        above = trace.set_span_in_context(tracer.start_span("never ended"), Context())
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                pool.submit(call, tracer, context=above).result()


def after_block(kind):
    with app(kind) as tracer:
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                call(tracer)
            call(tracer, "title")


def late_bind(kind):
    """A connection whose session is known with its first message, which begins a trace of its own."""
    with app(kind) as tracer:
        for session_id in conversations(kind):
            with tracer.start_as_current_span("GET /ws", kind=SpanKind.SERVER) as server:
                time.sleep(0.005)
                links = [Link(server.get_span_context())]
                message = tracer.start_span("message", set_session(Context(), session_id).context, links=links)
                message.end()


def late_bind_in_one_trace(kind):
    """What began before the bind is in the session by its trace: nothing of it is lost."""
    with app(kind) as tracer:
        for session_id in conversations(kind):
            with tracer.start_as_current_span("POST /chat", kind=SpanKind.SERVER):
                with tracer.start_as_current_span("authorize"):
                    pass
                bind_session(session_id)
                call(tracer)


def service_without_processor(kind):
    """Two services, the second one without the plug-in; it has work of its own, too."""
    back = pipeline(f"{kind}-back", has_sessions=False)
    tracer_of_back = back.get_tracer("back")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with tracer_of_back.start_as_current_span(
                "GET /find", extract({key.lower(): value for key, value in self.headers.items()}), kind=SpanKind.SERVER
            ):
                self.send_response(204)
                self.end_headers()
            with tracer_of_back.start_as_current_span("index", Context()):
                pass

        def log_message(self, *_):
            pass

    from opentelemetry.instrumentation.urllib import URLLibInstrumentor

    URLLibInstrumentor().instrument()
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with app(kind):
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/find").close()
    server.shutdown()
    back.shutdown()


def second_provider(kind):
    """A library with a provider of its own, which nobody has set up."""
    other = pipeline(kind, has_sessions=False)
    tracer_of_library = other.get_tracer("library")
    with app(kind) as tracer:
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                call(tracer)
                call(tracer_of_library, "embed")
            with set_session(session_id):
                call(tracer_of_library, "warm up")
    other.shutdown()


def framework_of_its_own_traces(kind):
    """What litellm does with a stream that is read later."""
    attributes = {**CHAT, "llm.is_streaming": "True"}
    with app(kind):
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                call(trace.get_tracer("litellm"), "litellm_request", context=Context(), attributes=attributes)


def framework_alone(kind):
    """A framework names a session of its own, the application none: its node begins a trace."""
    provider = pipeline(kind, ThreadNames())
    framework, node = provider.get_tracer("openinference.instrumentation.langchain"), provider.get_tracer("app")
    for session_id in conversations(kind):
        span = framework.start_span("LangGraph", attributes={"session.id": session_id})
        work = threading.Thread(target=call, args=(node,))
        work.start()
        work.join()
        span.end()
    provider.shutdown()


def _in_another_process(work, *arguments) -> None:
    """Run ``work`` in a process that is forked here, outside of any session."""
    process = os.fork()
    if not process:
        work(*arguments)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0


def queue_without_propagation(kind):
    with app(kind) as tracer:
        ids = []
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                ids.append(f"message-{session_id}")
                attributes = {"messaging.system": "own", "messaging.message.id": ids[-1]}
                with tracer.start_as_current_span("send work", kind=SpanKind.PRODUCER, attributes=attributes):
                    pass
    _in_another_process(worker, f"{kind}-worker", *ids)


def worker(service, *ids):
    with app(service) as tracer:
        for each in ids:
            attributes = {"messaging.system": "own", "messaging.message.id": each}
            with tracer.start_as_current_span("process work", kind=SpanKind.CONSUMER, attributes=attributes):
                call(tracer)


def queue_with_links(kind):
    with app(kind) as tracer:
        parents = []
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"), tracer.start_as_current_span("send work") as span:
                context = span.get_span_context()
                parents.append(f"{context.trace_id:032x}-{context.span_id:016x}")
    _in_another_process(linked, f"{kind}-worker", *parents)


def linked(service, *parents):
    with app(service) as tracer:
        for each in parents:
            trace_id, span_id = (int(part, 16) for part in each.split("-"))
            sender = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(1))
            with tracer.start_as_current_span("process batch", links=[Link(sender)]):
                call(tracer)


def _of_process(service: str) -> Resource:
    return get_aggregated_resources([ProcessResourceDetector()]).merge(
        Resource({"service.name": service, "host.name": "here"})
    )


def child_process(kind):
    """A process that is started here waits for work, which comes without the session."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([sys.executable, __file__, CHILD, kind], **pipes) as process,
        app(kind, resource=_of_process(kind)),
    ):
        process.stdout.readline()
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                process.stdin.write("work\n")
                process.stdin.flush()
                process.stdout.readline()
        process.stdin.close()


def child(service):
    with app(service, resource=_of_process(service)) as tracer:
        _say("ready")
        for _ in sys.stdin:
            call(tracer, "convert")
            _say("done")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def sampled_out_parent(kind):
    """The caller's span is dropped, and what it calls is recorded, in another service that gets no baggage."""
    caller = pipeline(kind, sampler=ALWAYS_OFF)
    called = pipeline(f"{kind}-called", has_sessions=False)
    instrument(called)
    for session_id in conversations(kind):
        with set_session(session_id), caller.get_tracer("app").start_as_current_span("caller") as span:
            context = span.get_span_context()
        parent = trace.SpanContext(context.trace_id, context.span_id, is_remote=True, trace_flags=trace.TraceFlags(1))
        remote = trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())
        with called.get_tracer("app").start_as_current_span("GET /find", remote, kind=SpanKind.SERVER):
            pass
    called.shutdown()


def spring_like_stream(kind):
    """What Spring AI does: the call of a streamed answer begins in a thread of the client."""
    with app(kind):
        tracer = trace.get_tracer("io.opentelemetry.reactor-netty-1.0")
        attributes = {"http.request.method": "POST", "url.full": "http://127.0.0.1:9/v1/chat/completions"}
        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"), ThreadPoolExecutor(1) as pool:
                pool.submit(lambda: tracer.start_span("POST", kind=LLM, attributes=attributes).end()).result()


def _asked(kind: str, path: str, agent: str) -> None:
    """Ask a server of FastAPI, under its instrumentation."""
    import httpx
    from fastapi import FastAPI
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    with app(kind) as tracer:
        server = FastAPI()

        @server.get(path)
        def answer():
            return {}

        FastAPIInstrumentor.instrument_app(server)

        async def ask():
            transport = httpx.ASGITransport(server)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                await client.get(path, headers={"user-agent": agent})

        for session_id in conversations(kind):
            with set_session(session_id), turn("reply"):
                call(tracer)
            asyncio.run(ask())


def health_probe(kind):
    _asked(kind, "/healthz", "curl/8")


def kubelet(kind):
    _asked(kind, "/", "kube-probe/1.33")


def metrics_scraper(kind):
    _asked(kind, "/metrics", "Prometheus/3.1.0")


def nothing_set(kind):
    with app(kind) as tracer:
        for _ in conversations(kind):
            call(tracer)


KINDS = {
    each.__name__.replace("_", "-"): each
    for each in (
        thread,
        thread_without_names,
        executor,
        worker_threads_from_before,
        timer,
        task_from_before,
        generator,
        beside_a_task,
        nightly_summary,
        orphan,
        after_block,
        late_bind,
        late_bind_in_one_trace,
        service_without_processor,
        second_provider,
        framework_of_its_own_traces,
        framework_alone,
        queue_without_propagation,
        queue_with_links,
        child_process,
        sampled_out_parent,
        spring_like_stream,
        health_probe,
        kubelet,
        metrics_scraper,
        nothing_set,
    )
}
CHILD = "--child"


def run_all(kinds: list[str]) -> int:
    """Run each in a process that is forked here, where all is imported; return how many have failed."""
    import fastapi  # noqa: F401  # once, for all that are forked
    import httpx  # noqa: F401
    import opentelemetry.instrumentation.fastapi  # noqa: F401

    running, failed = set(), 0
    for kind in [*kinds, *[None] * AT_ONCE]:
        if len(running) >= AT_ONCE or (kind is None and running):
            process, status = os.wait()
            running.discard(process)
            failed += status != 0
        if kind is not None:
            process = os.fork()
            if not process:
                KINDS[kind](kind)
                sys.stdout.flush()
                os._exit(0)
            running.add(process)
    return failed


if __name__ == "__main__":
    if sys.argv[1] == CHILD:
        child(sys.argv[2])
    else:
        sys.exit(run_all(sys.argv[1:]))
