"""A job that one user runs, without a line of set-up: it works, chats, and answers what a caller has sent."""

from __future__ import annotations

import logging
import threading

from opentelemetry import trace

from otel_sessions import clear_session, from_carrier, set_session

tracer = trace.get_tracer("app")


def work(name):
    with tracer.start_as_current_span(name):
        logging.getLogger("app").warning(name)


def main():
    work("job")
    thread = threading.Thread(target=work, args=("thread",))
    thread.start()
    thread.join()
    with set_session(session_id="conv-42"):
        work("chat")
    with set_session(session_id="conv-43", user_id="bob"):
        work("chat of bob")
    with from_carrier({"baggage": "session.id=callers"}):
        work("answer")
    with clear_session():
        work("cleared")


if __name__ == "__main__":
    main()
