"""What else is done with queues: nothing written for the session, instrumentations of others, retries, delays, follow-ups, groups, callbacks, batches.

Each is a program of the page with a change, and few jobs.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from queue_server import KAFKA_WORKER, Queue

JOBS = 40
WITH_SESSION = JOBS * 8 // 10

CELERY = ("celery", "-A", "celery_app", "worker", "-P", "threads", "-c", "4")
DRAMATIQ = ("dramatiq", "dramatiq_app", "-p", "1", "-t", "4")
FASTSTREAM = ("faststream", "run", "faststream_app:app")
HUEY = ("huey_consumer", "huey_app.huey", "-w", "4", "-d", "0.01", "-s", "1", "-q")
RQ = ("rq", "worker", "-q", "-w", "rq.SimpleWorker")
TASKIQ = ("taskiq", "worker", "taskiq_app:broker", "--workers", "1")

TELEMETRY = {
    "from otel_sessions": "from faststream.redis.opentelemetry import RedisTelemetryMiddleware\nfrom otel_sessions",
    'os.environ["REDIS_URL"])': 'os.environ["REDIS_URL"], middlewares=[RedisTelemetryMiddleware()])',
}
INSTRUMENTED = {
    "from confluent_kafka import": "from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor\n"
    "ConfluentKafkaInstrumentor().instrument()\nfrom confluent_kafka import"
}


class Case(NamedTuple):
    worker: tuple[str, ...]
    changed: dict[str, str]
    runs: int = 1
    without: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        names = ("celery", "dramatiq", "faststream", "huey", "kafka", "rq", "taskiq")
        return next(f"{name}_app.py" for name in names if name in " ".join(self.worker))


def judged(desk, servers, case):
    queue = Queue(desk, case.program, changed=case.changed, **servers)
    with queue.working(*case.worker):
        return queue.sent_and_judged(JOBS, runs=case.runs, without=case.without), queue.said


BY_THEMSELVES = {
    "Celery": Case(CELERY, {"CeleryInstrumentor().instrument()": ""}),
    "Dramatiq": Case(DRAMATIQ, {", to_carrier())": ", {})"}),
    "FastStream": Case(FASTSTREAM, {", headers=to_carrier()": ""}),
    "FastStream, its middleware": Case(
        FASTSTREAM, TELEMETRY | {", headers=to_carrier()": "", "from_carrier(message.headers), turn": "turn"}
    ),
    "Huey": Case(HUEY, {", to_carrier())": ", {})"}),
    "Kafka": Case(KAFKA_WORKER, {", headers=to_carrier()": ""}),
    "Kafka, its instrumentation": Case(
        KAFKA_WORKER, INSTRUMENTED | {", headers=to_carrier()": "", "from_carrier(record.headers()), turn": "turn"}
    ),
    "rq": Case(RQ, {"meta=to_carrier()": "meta={}"}),
    "taskiq": Case(TASKIQ, {".with_middlewares(OpenTelemetryMiddleware())": ""}),
}


@pytest.mark.parametrize("library", BY_THEMSELVES)
def test_a_job_has_no_session_where_nothing_carries_it(desk, servers, library):
    found, said = judged(desk, servers, BY_THEMSELVES[library])
    assert found["has no session"] == WITH_SESSION, (found, said)
    assert "has another session" not in found


AGAIN = {"input=question)": 'input=question.removesuffix(" again"))'}
ASKS_AGAIN = 'question if question.endswith(" again") else ask(question + " again")'
SYNC_AGAIN = AGAIN | {"outcome(t.input)": ASKS_AGAIN}
ASYNC_AGAIN = AGAIN | {"await outcome_later(t.input)": ASKS_AGAIN.replace("else ", "else await ")}
FLAKY = {"outcome(t.input)": "flaky(t.input)"}
NEVER_FAILS = {"outcome(t.input)": "t.input"}

NO_SPANS = "tracer_provider=NoOpTracerProvider()"
IMPORTS_NO_SPANS = {"import pipeline": "import pipeline\nfrom opentelemetry.trace import NoOpTracerProvider"}

OTHERWISE = {
    # An instrumentation whose tracer is switched off.
    "Celery, its tracer off": Case(
        CELERY, IMPORTS_NO_SPANS | {"Instrumentor().instrument()": f"Instrumentor().instrument({NO_SPANS})"}
    ),
    "Kafka, its tracer off": Case(
        KAFKA_WORKER,
        {
            "import pipeline": "import pipeline\nfrom opentelemetry.trace import NoOpTracerProvider\n"
            "from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor\n"
            f"ConfluentKafkaInstrumentor().instrument({NO_SPANS})",
            ", headers=to_carrier()": "",
        },
    ),
    "taskiq, its tracer off": Case(
        TASKIQ, IMPORTS_NO_SPANS | {"(OpenTelemetryMiddleware()": f"(OpenTelemetryMiddleware({NO_SPANS})"}
    ),
    # Other ways to carry the session.
    "Celery by headers": Case(
        CELERY,
        {
            "CeleryInstrumentor().instrument()": "",
            "import turn": "import from_carrier, to_carrier, turn",
            "answer.delay(question)": "answer.apply_async((question,), headers=to_carrier())",
            "@app.task": "@app.task(bind=True)",
            "def answer(question)": "def answer(self, question)",
            "with turn": "with from_carrier(self.request.headers), turn",
        },
    ),
    "Dramatiq, an async actor": Case(
        DRAMATIQ,
        {
            "dramatiq.set_broker(Red": "from dramatiq.middleware import AsyncIO\ndramatiq.set_broker(broker := Red",
            '"]))': '"]))\nbroker.add_middleware(AsyncIO())',
            "def answer": "async def answer",
            "outcome(t.input)": "await outcome_later(t.input)",
        },
    ),
    "FastStream beside its middleware": Case(FASTSTREAM, TELEMETRY, without=("questions process",)),
    "FastStream beside its middleware, bound": Case(
        FASTSTREAM,
        TELEMETRY
        | {
            "import from_carrier": "import bind_session, from_carrier",
            "    with from_carrier(message.headers), turn": "    session = from_carrier(message.headers).session\n"
            "    if session.id: bind_session(session.id, user_id=session.user_id)\n    with turn",
        },
    ),
    "Kafka, sent by its instrumentation": Case(KAFKA_WORKER, INSTRUMENTED | {", headers=to_carrier()": ""}),
    "Kafka, beside its instrumentation": Case(KAFKA_WORKER, INSTRUMENTED),
    "Kafka, headers in pairs of bytes": Case(
        KAFKA_WORKER, {"headers=to_carrier()": "headers=[(k, v.encode()) for k, v in to_carrier().items()]"}
    ),
    "Kafka, in batches": Case((*KAFKA_WORKER, "20"), {}),
    "taskiq, a task that is no coroutine": Case(
        TASKIQ, {"async def answer": "def answer", "await outcome_later(": "outcome("}
    ),
    "taskiq by labels": Case(
        TASKIQ,
        {
            ".with_middlewares(OpenTelemetryMiddleware())": "",
            "import turn": "import from_carrier, to_carrier, turn\nfrom taskiq import Context, TaskiqDepends",
            "answer.kiq(question)": "answer.kicker().with_labels(**to_carrier()).kiq(question)",
            "answer(question):": "answer(question, context: Context = TaskiqDepends()):",
            "with turn": "with from_carrier(context.message.labels), turn",
        },
    ),
    # A job that sends another one.
    "Celery, a job that sends a job": Case(CELERY, SYNC_AGAIN, 2),
    "Dramatiq, a job that sends a job": Case(DRAMATIQ, SYNC_AGAIN, 2),
    "Huey, a job that sends a job": Case(HUEY, SYNC_AGAIN, 2),
    "rq, a job that sends a job": Case(RQ, SYNC_AGAIN, 2),
    "taskiq, a job that sends a job": Case(TASKIQ, ASYNC_AGAIN, 2),
    # One that fails at first.
    "Celery, retries": Case(
        CELERY, FLAKY | {"@app.task": "@app.task(autoretry_for=(TimeoutError,), default_retry_delay=0)"}, 2
    ),
    "Dramatiq, retries": Case(DRAMATIQ, FLAKY | {"max_retries=0": "max_retries=1, min_backoff=50"}, 2),
    "Huey, retries": Case(HUEY, FLAKY | {"huey.task()": "huey.task(retries=1)"}, 2),
    "rq, retries": Case(
        RQ, FLAKY | {"meta=to_carrier()": "meta=to_carrier(), retry=Retry(max=1)", "import Queue": "import Retry, Queue"}, 2
    ),
    "taskiq, retries": Case(
        TASKIQ,
        {
            "await outcome_later(t.input)": "flaky(t.input)",
            "middlewares(Open": "middlewares(SimpleRetryMiddleware(), Open",
            "from taskiq_redis": "from taskiq import SimpleRetryMiddleware\nfrom taskiq_redis",
            "@broker.task": "@broker.task(retry_on_error=True, max_retries=2)",
        },
        2,
    ),
    # One for later.
    "Celery, later": Case(CELERY, {"answer.delay(question)": "answer.apply_async((question,), countdown=0.5)"}),
    "Dramatiq, later": Case(
        DRAMATIQ, {"send(question, to_carrier())": "send_with_options(args=(question, to_carrier()), delay=500)"}
    ),
    "Huey, later": Case(HUEY, {" answer(question, to_carrier())": " answer.schedule((question, to_carrier()), delay=1)"}),
    "rq, later": Case(
        (*RQ, "--with-scheduler"),
        {
            "queue.enqueue(answer": "queue.enqueue_in(timedelta(seconds=1), answer",
            "import pipeline": "import pipeline\nfrom datetime import timedelta",
        },
    ),
    # Several, one after the other, and what follows on success.
    "Celery, a group": Case(
        CELERY, {"from celery import Celery": "from celery import Celery, group", "answer.delay(question)": "group([answer.s(question)] * 2)()"}, 2
    ),
    "Celery, a chain": Case(
        CELERY, NEVER_FAILS | {"answer.delay(question)": "(answer.si(question) | answer.si(question)).delay()"}, 2
    ),
    "Celery, a chord": Case(
        CELERY,
        NEVER_FAILS
        | {
            "from celery import Celery": "from celery import Celery, chord",
            "answer.delay(question)": "chord([answer.si(question)] * 2)(answer.si(question))",
            'os.environ["REDIS_URL"])': 'os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])',
        },
        3,
    ),
    "Celery, a link": Case(
        CELERY, NEVER_FAILS | {"answer.delay(question)": "answer.apply_async((question,), link=answer.si(question))"}, 2
    ),
    "Huey, a pipeline": Case(
        HUEY,
        NEVER_FAILS
        | {
            "    answer(question, to_carrier())": "    carrier = to_carrier()\n"
            "    huey.enqueue(answer.s(question, carrier).then(answer, question, carrier))"
        },
        2,
    ),
    "rq, a callback": Case(
        RQ,
        NEVER_FAILS
        | {
            "import Queue": "import Callback, Queue",
            "meta=to_carrier()": "meta=to_carrier(), on_success=Callback(done)",
            "def answer": "def done(job, connection, result):\n"
            '    with from_carrier(job.meta), turn("answer", input=job.args[0]):\n        pass\n\n\ndef answer',
        },
        2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERWISE)
def test_each_run_has_the_session_and_the_trace_of_who_has_sent_it(desk, servers, what):
    found, said = judged(desk, servers, OTHERWISE[what])
    assert found == {"right": JOBS}, said


def test_a_job_that_is_sent_with_the_carrier_of_others_is_found(desk, servers):
    """So the judgement is one."""
    kept = {
        "queue = Queue": "KEPT = {}\nqueue = Queue",
        "meta=to_carrier()": "meta=KEPT.update(to_carrier()) or dict(KEPT)",
    }
    found, said = judged(desk, servers, Case(RQ, kept))
    assert found["has another session"] > 0, (found, said)
