"""A program that forks, again and again, while four of its threads start spans and bind traces; it prints how it went.

It exports nothing: the locks of an exporter are not ours.
"""

from __future__ import annotations

import os
import select
import sys
import threading

from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import bind_session, get_session, set_session
from otel_sessions.sdk import SessionSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor())
tracer = provider.get_tracer("forks")


def everything():
    """Do all that takes a lock, and return the ids that came of it."""
    with tracer.start_as_current_span("turn") as turn, tracer.start_as_current_span("step"):
        bind_session("ours")
        scope = set_session()
        with set_session("a", user_id=[]):  # it warns, and is meant to; otel-sessions: ignore[wrong-type-id]
            pass
        return turn.attributes["session.id"], scope.session.id == scope.session.id, get_session().id


EXPECTED = ("ours", True, "ours")


def in_fork(seconds):
    """Return how a fork has ended: it says so by a byte, or not at all."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, b"+" if everything() == EXPECTED else b"-")
        os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], seconds)
    said = os.read(reader, 1) if ready else b"hangs"
    os.close(reader)
    if not ready:
        os.kill(pid, 9)
    os.waitpid(pid, 0)
    return said


def main(forks=40):
    stop, started = threading.Event(), threading.Barrier(5)

    def busy():
        started.wait()
        while not stop.is_set():
            everything()

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    sys.setswitchinterval(1e-6)
    ends = {in_fork(30) for _ in range(forks)}
    sys.setswitchinterval(0.005)
    stop.set()
    for thread in threads:
        thread.join()
    sys.stdout.write(f"{ends} {everything() == EXPECTED}\n")


if __name__ == "__main__":
    main()
