"""A session through real services of three processes and a queue, set up by environment variables alone.

A browser calls a FastAPI service, which calls a Flask service and leaves work for a Celery worker; all three
call a third party. Another FastAPI service of the same code stands at the edge, where callers are not trusted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_plus

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from otel_sessions.view.loopback import LoopbackServer
from wire import logs_in, spans_in
from without_code import all_but

SECONDS = 240
PROGRAMS = Path(__file__).parents[1] / "programs"
SCRIPTS = sysconfig.get_path("scripts")
RATIO = 0.3
NOBODY = (None, None)

# Of all services: the frameworks are one's own, and take long to import.
INSTRUMENTED = ("otel_sessions", "logging", "threading", "httpx", "requests", "urllib", "urllib3")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a queue of files needs pywin32 there")


# What the browsers ask


class Ask(NamedTuple):
    """A request, and whom it is from: the session and the user that everybody is to see."""

    number: int
    kind: str
    ids: tuple[str | None, str | None]
    headers: list[tuple[str | bytes, str | bytes]]
    body: dict[str, str]

    @property
    def service(self) -> str:
        return "edge" if "edge" in self.kind else "gateway"


def known_sessions():
    """Sessions that the baggage header tells of, each three times, written in the ways that are allowed."""
    for which in range(60):
        session, user = f"room/{which}+blue" if which % 5 == 0 else f"conv-{which}", f"ada {which}"
        at_once = f"session.id={session},user.id={quote(user)}"
        ways = [
            [("baggage", at_once)],
            [("baggage", f"theme=dark,session.id={quote(session, '')}"), ("baggage", f"user.id={quote(user)}")],
            [("baggage", f"session.id = {session} ; ttl=60 ,\tuser.id = {quote(user)};p;q=1")],
            [("Baggage", f"big={'x' * 5000},ill formed,=,nul=%00,session.id={session}"), ("BAGGAGE", at_once)],
        ]
        del ways[which % 4]
        for headers in ways:
            yield (session, user), headers


def sessions_of_headers():
    """Sessions that another header tells of, each twice."""
    for which in range(40):
        session, user = f"header-{which // 2}", f"bob-{which // 2}"
        yield (session, user), [("x-session-id", session), ("X-User-Id", user)]


def bad_headers():
    """What is no session: with bad ids, and with so much before them that they are not looked at."""
    yield NOBODY, [("baggage", "session.id=unfit%00id,user.id=unfit%0Auser")]
    yield NOBODY, [("baggage", f"session.id={'unfit' * 100},user.id={'unfit' * 1000}")]
    yield NOBODY, [("baggage", b"session.id=unfit\xff\xfeid,user.id=unfit\x80")]
    yield NOBODY, [("baggage", "session.id=unfit%ED%A0%80,user.id=unfit%C3%A9")]
    yield NOBODY, [("baggage", "session.id=,user.id=%20")]
    yield NOBODY, [("baggage", "session.id"), ("baggage", "user.id;unfit"), ("baggage", "")]
    yield NOBODY, [("x-session-id", "unfit" * 100), ("x-user-id", b"unfit\xff")]
    yield NOBODY, [("baggage", f"session.id=unfit%00id{',theme=dark' * 300}")]
    yield (None, "hopper"), [("baggage", f"session.id={'unfit' * 100},user.id=hopper")]
    yield ("conv-0", None), [("baggage", "session.id=conv-0,user.id=%00unfit")]


def a_stranger(which):
    """Return headers that try everything: also to decide on sampling, by a randomness."""
    session = f"stranger-{which}"
    headers = [("baggage", f"session.id={session},user.id=mallory-{which}")]
    headers += [("x-session-id", session), ("x-user-id", f"mallory-{which}")]
    if which % 4 == 0:
        headers += [
            ("traceparent", f"00-{which + 1:032x}-{which + 1:016x}-0{which // 4 % 2}"),
            ("tracestate", f"ot=rv:{randomness_of(session)},vendor=1"),
        ]
    return headers


def all_asks():
    asks = []

    def add(kind, ids, headers, body=None):
        number = len(asks)
        asks.append(Ask(number, kind, ids, headers, {"number": number, **(body or {})}))

    for ids, headers in known_sessions():
        add("known", ids, headers)
    for ids, headers in sessions_of_headers():
        add("in a header", ids, headers)
    for which in range(60):
        ids = (f"late-{which}", f"eve-{which}")
        add("bound", ids, [("baggage", "theme=dark")], dict(zip(("conversation", "user"), ids, strict=True)))
    for ids, headers in bad_headers():
        add("bad", ids, headers)
    for which in range(40):
        ids = (f"own-{which}", f"joe-{which}")
        add("bound at the edge", ids, a_stranger(which), dict(zip(("conversation", "user"), ids, strict=True)))
    for which in range(40, 60):
        add("at the edge", NOBODY, a_stranger(which))
    return asks


def randomness_of(session):
    return hashlib.sha256(session.encode()).hexdigest()[:14]


def is_kept(session):
    """Tell whether a session is sampled: computed as a Collector does, apart from the code that is tested."""
    threshold = round((1 - RATIO) * 16**4) * 16**10
    return int(randomness_of(session), 16) >= threshold


# What there is to see of it


class Item(NamedTuple):
    """A span or a log record, as it was exported; of a record, the name is that of the logger, and the parent its span."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    number: int | None
    ids: tuple[str | None, str | None]

    def __str__(self) -> str:
        return f"{self.service}: {self.name} ({self.number}) {self.ids} in {self.trace_id[-6:]}"


class Collector(LoopbackServer):
    """Takes spans and logs."""

    def __init__(self) -> None:
        self.traces: list[bytes] = []
        self.records: list[bytes] = []
        super().__init__(Starlette(routes=[Route("/v1/{signal}", self._take, methods=["POST"])]))

    async def _take(self, request):
        bodies = self.traces if request.path_params["signal"] == "traces" else self.records
        bodies.append(await request.body())
        return Response(media_type="application/x-protobuf")

    def spans(self) -> list[Item]:
        return [
            Item(
                span.service, span.name, span.trace_id, span.span_id, span.parent_id,
                span.attributes.get("number"), ids_in(span.attributes),
            )
            for span in spans_in(self.traces)
        ]  # fmt: skip

    def logs(self) -> list[Item]:
        return [
            Item(
                log.service, log.logger, log.trace_id, "", log.span_id,
                int(log.body) if log.logger == "service" else None, ids_in(log.attributes),
            )
            for log in logs_in(self.records)
        ]  # fmt: skip


def ids_in(attributes):
    return attributes.get("session.id"), attributes.get("user.id")


class ThirdParty(LoopbackServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[tuple[str, str]]]] = []
        super().__init__(Starlette(routes=[Route("/{who}/{number}", self._call, methods=["GET", "POST"])]))

    async def _call(self, request):
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        self.seen.append((request.url.path, raw))
        return Response("called")


class Service:
    """A process that is started as a user starts it: by ``opentelemetry-instrument``, with variables."""

    def __init__(self, name, command, folder, **variables) -> None:
        self.name = name
        self._said = folder / f"{name}.txt"
        # Not measured: it takes twice as long.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "COVERAGE_"))}
        environ = {**inherited, **variables, "OTEL_SERVICE_NAME": name}
        with self._said.open("wb") as file:
            self._process = subprocess.Popen(
                [str(Path(SCRIPTS) / "opentelemetry-instrument"), *command],
                env=environ, cwd=PROGRAMS, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def url(self) -> str:
        """Return where it listens, once it says so: the operating system chooses the port."""
        return wait_for(self, lambda: re.search(r"[Rr]unning on (http://127\.0\.0\.1:\d+)", self.said()))[1]

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it in the orderly way, so that it exports what it has."""
        if self.is_alive():
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_for(service, condition):
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        if not service.is_alive() or time.monotonic() > deadline:
            pytest.fail(f"{service.name} is not there in time, or not any more:\n{service.said()[-5000:]}")
        time.sleep(0.02)
    return found


class Run(NamedTuple):
    """All that came of the requests.

    ``answers`` tells by number what the Flask service saw of a session, and ``worked`` what the worker saw.
    """

    asks: list[Ask]
    answers: dict[int, tuple[str | None, str | None]]
    worked: dict[int, tuple[str | None, str | None]]
    spans: list[Item]
    logs: list[Item]
    third_party: list[tuple[str, list[tuple[str, str]]]]
    exported: bytes
    said: str

    def __repr__(self) -> str:
        """Return little: it is shown with every test that fails."""
        return f"<{len(self.asks)} requests, {len(self.spans)} spans, {len(self.logs)} logs>"

    def of(self, *kinds) -> list[Ask]:
        return [ask for ask in self.asks if ask.kind in kinds]

    def by_number(self, items) -> dict[int, list[Item]]:
        """Return the spans or logs of each request, which are those of its trace: each service has noted the number."""
        number_of = {span.trace_id: span.number for span in self.spans if span.number is not None}
        found = defaultdict(list)
        for item in items:
            found[number_of.get(item.trace_id, -1)].append(item)
        return found

    def kept(self) -> set[int]:
        return {span.number for span in self.spans if span.number is not None}

    def seen_otherwise(self, *kinds) -> list[tuple[object, ...]]:
        """Return the requests of ``kinds`` in which a service behind saw others than it is to see."""
        return [
            (ask, self.answers.get(ask.number), self.worked.get(ask.number))
            for ask in self.of(*kinds)
            if not ask.ids == self.answers.get(ask.number) == self.worked.get(ask.number)
        ]


def ask_all(asks, services):
    """Send the requests, eight at a time, and return what is answered to each.

    The first goes alone: it makes the queue, which can't be made by two at once.
    """
    urls = {name: service.url() for name, service in services.items()}
    with httpx.Client(timeout=SECONDS, trust_env=False, limits=httpx.Limits(max_connections=8)) as browser:

        def answer_to(ask):
            response = browser.post(f"{urls[ask.service]}/chat", headers=ask.headers, json=ask.body)
            assert response.status_code == 200, f"{ask}: {services[ask.service].said()[-5000:]}"
            return ask.number, tuple(response.json())

        first, *others = asks
        with ThreadPoolExecutor(8) as pool:
            return dict([answer_to(first), *pool.map(answer_to, others)])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("services")
    for name in ("messages", "control", "done"):
        (folder / name).mkdir()
    asks = all_asks()
    with ExitStack() as stack:
        collector, third_party = stack.enter_context(Collector()), stack.enter_context(ThirdParty())
        common = {
            "PATH": os.pathsep.join((SCRIPTS, os.environ.get("PATH", ""))),
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "*",
            "OTEL_TRACES_SAMPLER": "parentbased_session_ratio",
            "OTEL_TRACES_SAMPLER_ARG": str(RATIO),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
            "OTEL_SESSION_LOGS": "sampled",
            "SERVICE_QUEUE": str(folder),
            "SERVICE_THIRD_PARTY": third_party.url.replace("127.0.0.1", "api.third-party.example"),
        }

        def start(name, *command, frameworks=(), **variables):
            instrumented = all_but(*INSTRUMENTED, *frameworks)
            service = Service(name, command, folder, **common, **instrumented, **variables)
            stack.callback(service.stop)
            return service

        def start_fastapi(name, **variables):
            command = ("uvicorn", "service_gateway:app", "--port", "0", "--timeout-keep-alive", "75")
            return start(
                name, *command, frameworks=("fastapi",), SERVICE_RETRIEVAL=names["retrieval"], **variables,
                OTEL_SESSION_INCOMING_HEADERS="session.id=x-session-id,user.id=X-User-Id",
            )  # fmt: skip

        command = ("flask", "--app", "service_retrieval", "run", "--port", "0")
        retrieval = start("retrieval", *command, frameworks=("flask",))
        names = {"retrieval": retrieval.url().replace("127.0.0.1", "retrieval")}
        gateway = start_fastapi("gateway")
        edge = start_fastapi("edge", OTEL_SESSION_TRUST_INCOMING="false")
        answers = ask_all(asks, {"gateway": gateway, "edge": edge})
        # Only now: a message of a queue of files is there for its worker before it is written.
        worker = start("worker", "celery", "-A", "service_worker:queue", "worker", "--pool", "solo")
        seen = folder / "seen"
        wait_for(worker, lambda: seen.exists() and len(seen.read_text().splitlines()) >= len(asks))
        services = (gateway, edge, retrieval, worker)
        said = "".join(map(Service.said, services))
        for service in services:
            service.stop()
        lines = map(json.loads, seen.read_text().splitlines())
        return Run(
            asks, answers, {number: tuple(ids) for number, *ids in lines}, collector.spans(), collector.logs(),
            third_party.seen, b"".join(collector.traces + collector.records), said,
        )  # fmt: skip


KNOWN, BOUND = ("known", "in a header"), ("bound", "bound at the edge")


def spans_of(service):
    """Return the spans that one request makes, how many of each; ``service`` answers it."""
    return Counter({
        (service, "POST /chat"): 1,
        (service, "POST /chat http receive"): 1,
        (service, "POST /chat http send"): 2,
        (service, "answer"): 1,
        (service, "POST"): 2,
        (service, "GET"): 2,
        ("retrieval", "POST /look-up"): 1,
        ("retrieval", "look up"): 1,
        ("retrieval", "GET"): 1,
        ("retrieval", "GET /moved/<int:number>"): 1,
        ("worker", "work"): 1,
        ("worker", "GET"): 1,
    })  # fmt: skip


def others_than(ids, items):
    """Return the spans and logs that tell of others than ``ids``."""
    return [str(item) for item in items if item.ids != ids]


def test_every_span_and_log_of_a_kept_session_has_its_ids_in_all_services(run):
    spans, logs = run.by_number(run.spans), run.by_number(run.logs)
    kept = [ask for ask in run.of(*KNOWN) if is_kept(ask.ids[0])]
    wrong = [line for ask in kept for line in others_than(ask.ids, spans[ask.number] + logs[ask.number])]
    assert wrong == []
    assert {item.service for ask in kept for item in spans[ask.number]} == {"gateway", "retrieval", "worker"}


def test_sessions_are_kept_or_dropped_whole_as_the_hash_of_their_ids_says(run):
    expected = {ask.number for ask in run.of(*KNOWN) if is_kept(ask.ids[0])}
    known = {ask.number for ask in run.of(*KNOWN)}
    for items in (run.spans, run.logs):
        for service in ("gateway", "retrieval", "worker"):
            found = known & {item.number for item in items if item.service == service}
            assert (service, sorted(expected - found), sorted(found - expected)) == (service, [], [])
    dropped = {ask.ids[0] for ask in run.of(*KNOWN) if not is_kept(ask.ids[0])}
    assert others_than(NOBODY, (item for item in run.spans + run.logs if item.ids[0] in dropped)) == []


def test_the_share_of_the_sessions_that_are_kept_is_about_that_which_is_asked_for(run):
    sessions = {ask.ids[0] for ask in run.of(*KNOWN)}
    kept = sessions & {span.ids[0] for span in run.spans}
    assert 0.2 < len(kept) / len(sessions) < 0.4


def test_every_trace_is_whole_or_not_there_at_all(run):
    spans, service_of = run.by_number(run.spans), {ask.number: ask.service for ask in run.asks}
    for number, found in spans.items():
        ids = {span.span_id for span in found}
        names = Counter((span.service, span.name) for span in found)
        assert names == spans_of(service_of[number]), f"{number}: {names - spans_of(service_of[number])}"
        assert [span.name for span in found if span.parent_id not in ids] == ["POST /chat"]


def test_each_service_of_a_trace_that_is_kept_logs_in_it_and_of_others_no_log_is_there(run):
    services = {ask.number: [ask.service, "retrieval", "worker"] for ask in run.asks}
    ours = [log for log in run.logs if log.name == "service"]
    logs = {number: [log.service for log in found] for number, found in run.by_number(ours).items()}
    assert {number: sorted(found) for number, found in logs.items()} == {
        number: sorted(services[number]) for number in run.kept()
    }
    assert others_than(NOBODY, (log for log in run.logs if not log.trace_id)) == []


def test_sessions_reach_all_services_whether_they_are_kept_or_not(run):
    assert run.seen_otherwise(*KNOWN) == []


def test_a_session_that_is_bound_in_a_handler_reaches_the_services_that_are_called_after_it(run):
    numbers = {ask.number for ask in run.of("bound")}
    assert 0 < len(numbers & run.kept()) < len(numbers)
    assert run.seen_otherwise("bound") == []


def test_the_trace_of_a_bound_session_has_its_ids_but_on_what_had_ended_before(run):
    spans, logs = run.by_number(run.spans), run.by_number(run.logs)
    for ask in run.of(*BOUND):
        before = [span for span in spans[ask.number] if span.name.endswith("http receive")]
        after = [span for span in spans[ask.number] if span not in before]
        assert others_than(NOBODY, before) == []
        assert others_than(ask.ids, after + logs[ask.number]) == []


def test_ids_of_a_stranger_are_refused_at_the_edge_and_those_that_it_binds_go_on(run):
    assert run.seen_otherwise("bound at the edge", "at the edge") == []
    assert {word for word in (b"stranger", b"mallory") if word in run.exported} == set()


def test_what_is_no_id_is_left_out_and_breaks_nothing(run):
    spans = run.by_number(run.spans)
    assert run.seen_otherwise("bad") == []
    assert [line for ask in run.of("bad") for line in others_than(ask.ids, spans[ask.number])] == []
    assert b"unfit" not in run.exported


def secrets_of(run):
    """Return a pattern of all that must not be told: ids, what they can be known by, and what others sent for ids."""
    ids = {text for ask in run.asks for text in ask.ids if text is not None}
    known = {ask.ids[0] for ask in run.asks if ask.ids[0] is not None}
    randomness = {randomness_of(text) for text in (*known, *(f"stranger-{which}" for which in range(60)))}
    return re.compile("|".join(map(re.escape, ids | randomness | {"stranger", "mallory", "unfit"})))


def readings(header):
    """Return what may be read in a header."""
    once = unquote(header)
    return {header, once, unquote_plus(header), unquote(once)}


def test_the_third_party_sees_no_id_of_anybody(run):
    secrets = secrets_of(run)
    told = [
        (path, name, value)
        for path, headers in run.third_party
        for name, value in headers
        if any(secrets.search(text) for text in readings(f"{name}: {value}"))
    ]
    assert told == []


def test_the_third_party_sees_each_call_with_its_trace_and_the_baggage_of_others(run):
    expected = [
        f"/{who}/{ask.number}" for ask in run.asks for who in ("gateway", "moved", "retrieval", "worker")
    ]  # fmt: skip
    assert Counter(path for path, _ in run.third_party) == Counter(expected)
    assert [path for path, headers in run.third_party if "traceparent" not in dict(headers)] == []
    bound = {str(ask.number) for ask in run.of("bound")}
    sent = {dict(headers).get("baggage") for path, headers in run.third_party if path.rpartition("/")[2] in bound}
    assert sent == {"theme=dark"}


def test_nothing_that_is_said_has_an_id_in_it_or_is_of_more_than_what_was_unfit(run):
    secrets = secrets_of(run)
    ours = [line for line in run.said.splitlines() if "otel_sessions" in line]
    assert [line for line in ours if secrets.search(line)] == []
    assert [line for line in ours if "left out" not in line and "is dropped" not in line] == []
    assert run.said.partition("Traceback")[2][:5000] == ""
