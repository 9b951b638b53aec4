"""The ids in lines that a program logs itself, by `logging` and by structlog."""

from __future__ import annotations

import asyncio
import contextvars
import io
import json
import logging
import logging.config
import logging.handlers
import queue
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import pytest
import structlog
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import set_span_in_context

from otel_sessions import SessionLogFilter, add_session_ids, bind_session, clear_session, set_session
from otel_sessions._settings.settings import Settings, use_in_process
from threads import in_a_thread

FORMAT = "%(message)s [%(session_id)s|%(user_id)s]"


def configured() -> io.StringIO:
    """Configure a logger as applications do, and return what it writes to."""
    out = io.StringIO()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"session": {"()": "otel_sessions.SessionLogFilter"}},
            "formatters": {"line": {"format": FORMAT}},
            "handlers": {
                "out": {"class": "logging.StreamHandler", "stream": out, "filters": ["session"], "formatter": "line"}
            },
            "loggers": {"shop": {"handlers": ["out"], "level": "INFO", "propagate": False}},
        }
    )
    return out


@pytest.fixture(autouse=True)
def _no_handler_stays():
    yield
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    structlog.reset_defaults()


logger = logging.getLogger("shop")


def test_a_line_has_the_ids_of_the_session_that_it_is_written_in():
    out = configured()
    with set_session("conv-42", user_id="ada"):
        logger.info("asked")
        logging.getLogger("shop.cart").info("below")
    assert out.getvalue() == "asked [conv-42|ada]\nbelow [conv-42|ada]\n"


def test_outside_of_a_session_both_are_empty_and_the_line_is_written():
    out = configured()
    logger.info("before")
    with set_session("conv-42"):
        logger.info("no user")
        with clear_session():
            logger.info("cleared")
    logger.info("after")
    assert out.getvalue() == "before [|]\nno user [conv-42|]\ncleared [|]\nafter [|]\n"


def test_each_task_writes_its_own():
    out = configured()

    async def turn(session_id: str, arrived: asyncio.Event, waits_for: asyncio.Event) -> None:
        with set_session(session_id):
            arrived.set()
            await waits_for.wait()
            logger.info("of %s", session_id)

    async def both() -> None:
        one, other = asyncio.Event(), asyncio.Event()
        await asyncio.gather(turn("one", one, other), turn("other", other, one))

    asyncio.run(both())
    assert sorted(out.getvalue().splitlines()) == ["of one [one|]", "of other [other|]"]


def test_a_thread_without_the_context_is_in_no_session():
    out = configured()
    with set_session("conv-42"):
        in_a_thread(lambda: contextvars.Context().run(logger.info, "elsewhere"))  # a thread may inherit the context
        with ThreadPoolExecutor(1) as pool:
            pool.submit(set_session("of-pool").__call__(lambda: logger.info("decorated"))).result()
    assert out.getvalue() == "elsewhere [|]\ndecorated [of-pool|]\n"


def test_what_goes_through_a_queue_has_the_ids_of_where_it_was_written():
    records: queue.Queue = queue.Queue()
    out = io.StringIO()
    last = logging.StreamHandler(out)
    last.setFormatter(logging.Formatter(FORMAT))
    first = logging.handlers.QueueHandler(records)
    for handler in (first, last):
        handler.addFilter(SessionLogFilter())
    logger.addHandler(first)
    listener = logging.handlers.QueueListener(records, last)
    listener.start()
    with set_session("conv-42", user_id="ada"):
        logger.warning("asked")
    listener.stop()
    assert out.getvalue() == "asked [conv-42|ada]\n"


def test_what_a_record_has_itself_stays():
    out = configured()
    with set_session("conv-42", user_id="ada"):
        logger.info("given", extra={"session_id": "given"})
    assert out.getvalue() == "given [given|ada]\n"


def test_a_bound_session_and_that_of_the_parent_span_are_found(pipeline):
    out = configured()
    with pipeline.tracer.start_as_current_span("request") as span:
        bind_session("bound", user_id="ada")
        logger.info("in the handler")
        token = attach(set_span_in_context(span, Context()))
        logger.info("in a Context made by hand")
        detach(token)
    assert out.getvalue() == "in the handler [bound|ada]\nin a Context made by hand [bound|ada]\n"


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"user_privacy": "drop"}, "asked [conv-42|]\n"),
        ({"user_privacy": "hash", "user_hash_key": "sixteen characters"}, "asked [conv-42|hmac"),
        ({"disabled": True}, "asked [|]\n"),
    ],
    ids=["drop", "hash", "disabled"],
)
def test_lines_show_what_spans_show(settings, line):
    out = configured()
    use_in_process(Settings.resolved(**settings))
    with set_session("conv-42", user_id="ada"):
        logger.info("asked")
    assert out.getvalue().startswith(line.split("hmac")[0])
    assert "ada" not in out.getvalue()


@pytest.mark.warned_of("a digest of it is used")
def test_no_id_writes_a_line_of_its_own():
    out = configured()
    with set_session("conv\nCRITICAL all is lost"):
        logger.info("asked")
    assert out.getvalue().startswith("asked [sha256-")
    assert out.getvalue().count("\n") == 1


def test_where_looking_for_a_session_fails_the_line_is_written_without(warnings, monkeypatch):
    def broken(_context):
        raise LookupError

    monkeypatch.setattr("otel_sessions._context.log_lines.state_in", broken)
    out = configured()
    logger.info("asked")
    logger.info("again")
    assert out.getvalue() == "asked [|]\nagain [|]\n"
    assert [text for text in warnings() if "log line" in text] == [
        "otel_sessions: ids for a log line: reading raised LookupError"
    ]


def test_structlog_writes_the_ids_where_there_are_some():
    out = io.StringIO()
    structlog.configure(
        processors=[add_session_ids, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(out),
    )
    log = structlog.get_logger()
    log.info("before")
    with set_session("conv-42"):
        log.info("no user")
    with set_session("conv-42", user_id="ada"):
        log.info("given", **{"session.id": "given"})
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"event": "before"},
        {"event": "no user", "session.id": "conv-42"},
        {"event": "given", "session.id": "given", "user.id": "ada"},
    ]


def test_an_event_that_cannot_be_changed_is_handed_on():
    event = MappingProxyType({"event": "asked"})
    with set_session("conv-42"):
        assert add_session_ids(None, "info", event) is event
