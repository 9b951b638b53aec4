"""What is right: a provider, instrument(), sessions; and what each argument adds to it, most of which is wrong."""

import contextlib
import contextvars
import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import context, trace
from opentelemetry.instrumentation import httpx as clients
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import clear_session, set_session, turn
from otel_sessions.demo import StandIn
from otel_sessions.sdk import SessionSpanProcessor, instrument

mode = sys.argv[1]
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
trace.set_tracer_provider(provider)
instrument()
OpenAIInstrumentor().instrument()
clients.HTTPXClientInstrumentor().instrument()
if mode != "httpx2" and hasattr(clients, "HTTPX2ClientInstrumentor"):  # older ones know no httpx2, nor does openai 2
    clients.HTTPX2ClientInstrumentor().instrument()
if mode == "right":
    ThreadingInstrumentor().instrument()
tracer = trace.get_tracer("app")


def words():
    for word in ("It", "rains"):
        with tracer.start_as_current_span("word"):
            yield word


@contextlib.contextmanager
def opened():
    with tracer.start_as_current_span("opened"):
        yield


with StandIn(seconds_per_word=0) as api, OpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:

    def ask(_=None):
        question = [{"role": "user", "content": "Does it rain?"}]
        return client.chat.completions.create(model="m", messages=question).choices[0].message.content

    def answer():
        with tracer.start_as_current_span("request"):
            with set_session("conv-42"):
                pass
            ask()

    with set_session("conv-42", user_id="ada"), turn("reply", input="Does it rain?") as reply, opened():
        reply.output = ask()
    if mode in {"threads", "right"}:
        with ThreadPoolExecutor() as pool, set_session("conv-42", user_id="ada"):
            list(pool.map(ask, range(3)))
    if mode == "stream":
        with set_session("conv-42", user_id="ada"):
            stream = words()
        list(stream)
    if mode == "second":
        second = TracerProvider()
        second.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
        with set_session("conv-42"):
            second.get_tracer("library").start_span("in the library").end()
    if mode == "own trace":
        with set_session("conv-42"):
            tracer.start_span("step of a framework", context=context.Context()).end()
    if mode == "no session":
        ask()
    if mode == "background":
        tracer.start_span("clean up").end()
        with clear_session():
            tracer.start_span("sweep").end()
    if mode == "thread of a library":
        with set_session("conv-42"):
            thread = threading.Thread(target=lambda: tracer.start_span("renew a key").end(), daemon=True)
            thread.start()
        thread.join()
    if mode == "later":
        contextvars.Context().run(answer)  # as a server does
    if mode == "processes":
        with multiprocessing.get_context("fork").Pool(1) as workers, set_session("conv-42"):
            workers.map(ask, [None])
    if mode == "two processors":
        provider.add_span_processor(SessionSpanProcessor())
    if mode == "thrown away":
        set_session("conv-43")
