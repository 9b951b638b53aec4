"""A program without a line about sessions: it works in threads and tasks, and starts children, which do the same.

Its arguments: how it names itself, and how each generation below is started: ``inherit``, or ``carrier``, or ``spawn`` or
``fork`` by multiprocessing. The last part of each name is where a span was started.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from opentelemetry import trace

if os.environ.get("FAMILY_BY_HAND"):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    from otel_sessions.sdk import instrument

    trace.set_tracer_provider(TracerProvider())
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    instrument(session_id="environ")

tracer = trace.get_tracer("family")


def work(name):
    with tracer.start_as_current_span(name):
        logging.getLogger("family").warning(name)
        tracer.start_span(f"{name} inside").end()


async def tasks(name):
    await asyncio.gather(asyncio.create_task(_task(f"{name} task")), asyncio.to_thread(work, f"{name} to_thread"))


async def _task(name):
    work(name)


def everywhere(name):
    work(f"{name} main")
    thread = threading.Thread(target=work, args=(f"{name} thread",))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work, f"{name} pool").result()
    asyncio.run(tasks(name))
    logging.getLogger("family").warning("%s outside", name)


def live(name, *hows):
    everywhere(name)
    if hows:
        how, *further = hows
        with tracer.start_as_current_span(f"{name} starts"):
            start(f"{name}/{how}", how, further)


def in_process(name, further):
    live(name, *further)
    trace.get_tracer_provider().force_flush()


def start(name, how, further):
    if how in multiprocessing.get_all_start_methods():
        process = multiprocessing.get_context(how).Process(target=in_process, args=(name, further))
        process.start()
        process.join()
        return
    command = [*os.environ["FAMILY_COMMAND"].split(), __file__, name, *further]
    if how == "carrier":
        from otel_sessions import to_carrier  # what a caller does that knows of sessions

        subprocess.run(command, check=True, env={**os.environ, **to_carrier(environ=True)})
    else:
        subprocess.run(command, check=True)


if __name__ == "__main__":
    live(*sys.argv[1:])
