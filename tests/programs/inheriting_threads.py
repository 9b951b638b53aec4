"""A program whose threads inherit the context of who starts them (``-X thread_inherit_context=1``, Python 3.14).

It prints which session is found there, a line for each case. Its argument: ``instrumented``, or anything else.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from otel_sessions import clear_session, get_session, set_session

if sys.argv[1] == "instrumented":
    ThreadingInstrumentor().instrument()


def found():
    session = get_session()
    return None if session is None else session.id


def in_thread():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(found()))
    thread.start()
    thread.join()
    return seen[0]


def in_pool(start_it_in):
    """Return what four jobs of one thread have found, which starts with the first."""
    with ThreadPoolExecutor(max_workers=1) as pool:

        def job():
            return pool.submit(found).result()

        with start_it_in:
            seen = [job()]
        with set_session("next"):
            seen.append(job())
        with clear_session():
            seen.append(job())
        return [*seen, job()]


def left_in_thread():
    """Return what a thread has found that outlives the block in which it was started."""
    left, seen = threading.Event(), []

    def work():
        left.wait()
        seen.append(found())

    with set_session("ours"):
        thread = threading.Thread(target=work)
        thread.start()
    left.set()
    thread.join()
    return seen[0]


with set_session("ours"):
    print("thread", in_thread())  # noqa: T201  # a program
print("thread that outlives", left_in_thread())  # noqa: T201
print("next thread", in_thread())  # noqa: T201
print("pool", *in_pool(set_session("ours")))  # noqa: T201
print("pool for everybody", *in_pool(clear_session()))  # noqa: T201
