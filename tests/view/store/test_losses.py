"""Why spans are in no session, by what is stored beside them: each rule, and what keeps it from a wrong answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from store_cases import attributes, span, span_id, trace_id

from otel_sessions.view.sessions.sightings import process_of, sightings_of
from otel_sessions.view.store import losses
from otel_sessions.view.wire.batch import RawSpan, Source
from otel_sessions.view.wire.reading import read_traces

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
LLM = {"gen_ai__operation__name": "chat"}
STREAM = {**LLM, "gen_ai__request__stream": True}
MAIN = {"thread__name": "MainThread", "thread__id": 1}
POOL = {"thread__name": "ThreadPoolExecutor-0_0", "thread__id": 2}
OWN = {"thread__name": "worker", "thread__id": 2}


def of(made: Span, kind: int = 1, *links: tuple[str, str]) -> Span:
    """Return a span of a kind, with links to spans by trace and name."""
    made.kind = kind
    for trace, name in links:
        made.links.add(trace_id=trace_id(trace), span_id=span_id(f"{trace}/{name}"))
    return made


def send(store, *spans: Span, service: str = "shop", scope: str = "app", instance: str = "1", **resource) -> None:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    known = {"service.name": service, "telemetry.sdk.language": "python"}
    known |= {"service.instance.id": instance} if instance else {}
    known |= {key.replace("__", "."): each for key, each in resource.items()}
    group.resource.attributes.extend(attributes(known))
    scoped = group.scope_spans.add()
    scoped.scope.name = scope
    scoped.spans.extend(spans)
    store.write(read_traces(made.SerializeToString()))


def turns(store, count: int = 3, *, lasts: float = 1, **more) -> None:
    """Send turns of sessions, ten seconds from one to the next."""
    for number in range(count):
        send(store, span(f"t{number}", "turn", at=10 * number, lasts=lasts, session__id=f"s{number}", **MAIN), **more)


def causes(store) -> dict[str, int]:
    """Return of each cause how many spans have it."""
    found: dict[str, int] = {}
    for each in store.coverage().groups:
        found[each.cause] = found.get(each.cause, 0) + each.spans
    return found


def lose(store, count: int = 3, *, at: float = 0.2, lasts: float = 0.1, thread=POOL, **more) -> None:
    """Send a call of a model in each turn."""
    for number in range(count):
        send(store, span(f"l{number}", "chat", at=10 * number + at, lasts=lasts, **LLM, **thread), **more)


@pytest.mark.parametrize("count", [1, 3])
def test_work_of_a_pool_in_a_turn_has_lost_its_context(store, count):
    turns(store, count)
    lose(store, count)
    assert causes(store) == {"context-lost-thread": count}


@pytest.mark.parametrize(
    ("names", "cause"),
    [
        pytest.param(["Thread-4 (work)", "Thread-5 (work)", "Thread-9 (work)"], "context-lost-thread", id="new ones"),
        pytest.param(["of ada", "of grace", "of edsger"], "context-lost-thread", id="named by what they do"),
        pytest.param(["Thread-1 (run)", "Thread-2 (run)"], "unknown", id="too few"),
        pytest.param(["Thread-3 (run)", "Thread-1 (run)", "Thread-2 (run)"], "unknown", id="not in order"),
        pytest.param([f"Thread-{number % 5}" for number in range(12)], "unknown", id="some that take turns"),
    ],
)
def test_so_has_work_of_a_new_thread_each_time(store, names, cause):
    turns(store, len(names))
    for number, name in enumerate(names):
        send(store, span(f"l{number}", "chat", at=10 * number + 0.2, lasts=0.1, thread__name=name, thread__id=9, **LLM))
    assert causes(store) == {cause: len(names)}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"thread": OWN}, id="a thread that is there all the time"),
        pytest.param({"thread": MAIN}, id="the same thread"),
        pytest.param({"thread": {}}, id="no thread is named"),
        pytest.param({"at": 5}, id="outside of the turns"),
        pytest.param({"instance": "2"}, id="another process"),
        pytest.param({"service": "other"}, id="another service"),
        pytest.param({"telemetry__sdk__language": "java"}, id="another language"),
    ],
)
def test_what_may_be_something_else_is_unknown(store, more):
    turns(store)
    lose(store, **more)
    assert causes(store) == {"unknown": 3}


@pytest.mark.parametrize("at", [-5, 15, 50], ids=["before", "between", "behind"])
def test_what_began_once_outside_of_a_turn_is_unknown(store, at):
    """Not all are read, but when they began is known of all."""
    turns(store)
    lose(store)
    send(store, span("l3", "chat", at=at, **LLM, **POOL))
    assert causes(store) == {"unknown": 4}


def test_what_is_of_no_known_process_is_unknown(store):
    turns(store, instance="")
    lose(store, instance="")
    assert causes(store) == {"unknown": 3}


def test_two_sessions_at_once_leave_open_whose_it_was(store):
    turns(store)
    send(store, span("other", "turn", at=0, lasts=30, session__id="other", **MAIN))
    lose(store)
    assert causes(store) == {"unknown": 3}


def test_many_sessions_at_once_are_not_looked_at(store):
    turns(store, 1)
    for number in range(5):
        send(store, span(f"o{number}", "turn", session__id=f"o{number}", **MAIN), service=f"o{number}")
    lose(store, 1)
    assert causes(store) == {"context-lost-thread": 1}
    for number in range(5):
        send(store, span(f"p{number}", "turn", session__id="s0", **MAIN))
    assert causes(store) == {"unknown": 1}


def test_what_is_of_no_model_is_judged_by_chance(store):
    turns(store, 3, lasts=9)
    for number in range(3):
        send(store, span(f"l{number}", "query", at=10 * number + 0.2, lasts=0.1, **POOL))
    assert causes(store) == {"unknown": 3}


@pytest.mark.parametrize(("lasts", "cause"), [(0.1, "context-lost-thread"), (9, "unknown")])
def test_what_nobody_waits_for_is_judged_by_chance(store, lasts, cause):
    """Turns take a twentieth of the time, or nearly all of it: then all began within one by chance."""
    turns(store, 3, lasts=lasts)
    send(store, span("again", "part", at=0.05, lasts=lasts, session__id="s0", **MAIN))
    lose(store, 3, at=0.05, lasts=9.5)
    assert causes(store) == {cause: 3}


def test_a_parent_that_never_came_is_no_lost_context(store):
    turns(store, 1)
    send(store, span("l", "chat", "never came", at=0.2, lasts=0.1, **LLM, **POOL))
    assert causes(store) == {"unknown": 1}


def test_where_only_a_framework_names_the_session_no_context_was_lost(store):
    turns(store, scope="openinference.instrumentation.langchain")
    lose(store)
    assert causes(store) == {"unknown": 3}


@pytest.mark.parametrize(
    ("scope", "more", "cause"),
    [
        ("litellm", {"llm__is_streaming": "True"}, "own-trace-of-framework"),
        ("litellm", {"llm__invocation_parameters": '{"stream": true}'}, "own-trace-of-framework"),
        ("litellm", {}, "unknown"),
        ("openinference.instrumentation.dspy", {}, "context-lost-thread"),
        ("openinference.instrumentation.openai", {}, "unknown"),
    ],
)
def test_frameworks_that_begin_traces_are_known(store, scope, more, cause):
    turns(store, 1)
    send(store, span("l", "chat", at=0.2, lasts=0.1, **LLM, **more), scope=scope)
    assert causes(store) == {cause: 1}


def test_a_framework_outside_of_a_turn_is_unknown(store):
    turns(store, 1)
    send(store, span("l", "chat", at=5, **STREAM), scope="litellm")
    assert causes(store) == {"unknown": 1}


@pytest.mark.parametrize(
    ("stream", "tool", "cause"),
    [
        pytest.param(STREAM, {}, "context-lost-stream", id="a stream"),
        pytest.param(LLM, {}, "unknown", id="no stream"),
        pytest.param(STREAM, POOL, "unknown", id="another thread"),
    ],
)
def test_what_begins_as_a_stream_is_read_behind_its_block(store, stream, tool, cause):
    block = span("t", "turn", lasts=1, session__id="s")
    send(store, block, span("t", "stream", "turn", at=0.5, lasts=3, session__id="s", **stream))
    send(store, span("l", "tool", at=2, lasts=0.1, gen_ai__operation__name="execute_tool", **tool))
    assert causes(store) == {cause: 1}


def test_two_streams_at_once_leave_open_whose_it_was(store):
    for session in "ab":
        block = span(session, "turn", lasts=1, session__id=session)
        send(store, block, span(session, "stream", "turn", at=0.5, lasts=3, session__id=session, **STREAM))
    send(store, span("l", "tool", at=2, lasts=0.1, **LLM))
    assert causes(store) == {"unknown": 1}


@pytest.mark.parametrize(
    ("above", "below", "cause"),
    [
        ({"host__name": "h"}, {"host__name": "h"}, "context-lost-process"),
        ({}, {}, "unknown"),
        ({"host__name": "h"}, {"host__name": "other"}, "unknown"),
        ({"host__name": "h"}, {"host__name": "h", "process__parent_pid": 9}, "unknown"),
    ],
    ids=["child", "no host", "other host", "other parent"],
)
def test_a_process_that_a_session_has_started(store, above, below, cause):
    turns(store, 1, process__pid=7, **above)
    child = {"process__pid": 8, "process__parent_pid": 7, **below}
    send(store, span("l", "convert", at=0.2, lasts=0.1, **LLM), instance="", **child)
    assert causes(store) == {cause: 1}


def sent(store, **more) -> None:
    send(store, span("t", "turn", session__id="s"), of(span("t", "send", "turn", session__id="s", **more), PRODUCER))


@pytest.mark.parametrize(
    ("sender", "receiver", "cause"),
    [
        pytest.param({"messaging__message__id": "m"}, {"messaging__message__id": "m"}, "context-lost-process", id="id"),
        pytest.param({"messaging__message__id": "m"}, {"messaging__message__id": "n"}, "unknown", id="other id"),
        pytest.param({"messaging__destination__name": "q"}, {"messaging__destination__name": "q"}, "context-lost-process", id="queue"),
        pytest.param({"messaging__destination__name": "q"}, {"messaging__destination__name": "p"}, "unknown", id="other queue"),
        pytest.param({}, {}, "unknown", id="nothing said"),
    ],
)  # fmt: skip
def test_a_message_that_was_sent_in_a_session(store, sender, receiver, cause):
    sent(store, **sender)
    send(store, of(span("l", "process", at=5, **receiver), CONSUMER), service="worker", instance="2")
    assert causes(store) == {cause: 1}


def test_a_message_within_one_process_is_none_of_another(store):
    sent(store, messaging__message__id="m")
    send(store, of(span("l", "process", at=5, messaging__message__id="m"), CONSUMER))
    assert causes(store) == {"unknown": 1}


def test_a_queue_to_which_others_send_without_a_session(store):
    sent(store, messaging__destination__name="q")
    send(store, of(span("cron", "send", at=2, messaging__destination__name="q"), PRODUCER), service="cron")
    work = span("l", "process", at=5, messaging__destination__name="q")
    send(store, of(work, CONSUMER), service="worker", instance="2")
    assert causes(store) == {"unknown": 2}


def test_work_that_links_to_a_session_elsewhere(store):
    turns(store, 1)
    send(store, of(span("l", "process", at=5), 1, ("t0", "turn")), service="worker", instance="2")
    assert causes(store) == {"context-lost-process": 1}


@pytest.mark.parametrize(
    ("links", "instance"),
    [
        pytest.param([("t0", "turn"), ("t1", "turn")], "2", id="to several sessions"),
        pytest.param([("t0", "turn")], "1", id="to its own process"),
        pytest.param([("t0", "other")], "2", id="to a span that is not there"),
        pytest.param([("nothing", "turn")], "2", id="to a trace that is not there"),
        pytest.param([("l", "process")], "2", id="to itself"),
    ],
)
def test_links_that_tell_nothing(store, links, instance):
    turns(store, 2)
    send(store, of(span("l", "process", at=5), 1, *links), service="shop", instance=instance)
    assert causes(store) == {"unknown": 1}


def called(store, *, address: dict, kind: int = CLIENT, entry: dict | None = None) -> None:
    """Send a call of one service to another, in a session, and work of that other one."""
    send(store, span("t", "turn", session__id="s"), of(span("t", "call", "turn", session__id="s", **address), kind))
    send(store, of(span("t", "find", "call", **entry or {}), SERVER), service="back", instance="2")
    send(store, span("l", "index", at=5), service="back", instance="2")


NEAR = [
    {"server__address": "localhost"},
    {"net__peer__name": "127.0.0.1"},
    {"url__full": "http://localhost:80/find"},
    {"http__url": "http://ada:secret@[::1]:80/find"},
]


@pytest.mark.parametrize("address", NEAR)
def test_a_service_that_is_called_in_sessions_and_puts_none_on_its_spans(store, address):
    called(store, address=address)
    assert causes(store) == {"no-processor": 1}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"address": {"server__address": "api.example.com"}}, id="far away"),
        pytest.param({"address": {}}, id="nobody says where"),
        pytest.param({"address": NEAR[0], "kind": PRODUCER}, id="by a message"),
        pytest.param({"address": NEAR[0], "entry": {"session__id": "s"}}, id="it has a session"),
    ],
)
def test_a_service_that_may_have_got_no_session(store, more):
    called(store, **more)
    assert causes(store) == {"unknown": 1}


def below(store, *, before: dict, kind: int = 1, **more) -> None:
    """Send a turn with a call that ends before a span of another scope below it, and such a span alone."""
    above = span("t", "turn", lasts=3, session__id="s")
    send(store, above, span("t", "call", "turn", lasts=0.5, **before))
    send(store, of(span("t", "embed", "turn", at=1, lasts=0.5, **more), kind), scope="library")
    send(store, span("l", "warm up", at=5), scope="library")


def test_a_provider_that_puts_no_session_on_its_spans(store):
    below(store, before={"session__id": "s"})
    assert causes(store) == {"no-processor": 1}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"before": {}}, id="the session may have been set late"),
        pytest.param({"before": {"session__id": "s"}, "kind": SERVER}, id="it may be of another process"),
        pytest.param({"before": {"session__id": "s"}, "session__id": "s"}, id="it has a session"),
    ],
)
def test_a_provider_that_may_be_good(store, more):
    below(store, **more)
    assert causes(store) == {"unknown": 1}


@pytest.mark.parametrize(
    ("linked", "instance", "kind", "cause"),
    [
        ("GET /ws", "1", SERVER, "before-bind"),
        ("other", "1", SERVER, "unknown"),
        ("GET /ws", "2", SERVER, "unknown"),
        ("GET /ws", "1", 1, "unknown"),
    ],
    ids=["late", "linked to another", "another process", "no server"],
)
def test_a_session_that_was_set_late_for_a_trace_of_its_own(store, linked, instance, kind, cause):
    send(store, of(span("l", "GET /ws", lasts=5), kind))
    send(store, of(span("t", "message", at=1, session__id="s"), 1, ("l", linked)), instance=instance)
    assert causes(store) == {cause: 1}


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"url__path": "/healthz"}, "background"),
        ({"http__target": "/metrics?format=text"}, "background"),
        ({"user_agent__original": "kube-probe/1.33"}, "background"),
        ({"http__user_agent": "Prometheus/3.1.0"}, "background"),
        ({"url__path": "/orders"}, "unknown"),
    ],
)
def test_what_machines_ask_for(store, said, cause):
    send(store, of(span("l", "GET", **said), SERVER), telemetry__sdk__language="go")
    assert causes(store) == {cause: 1}


def test_what_asks_a_model_is_no_probe(store):
    send(store, of(span("l", "GET", url__path="/healthz"), SERVER), span("l", "chat", "GET", **LLM))
    assert causes(store) == {"unknown": 2}


def test_spans_of_one_source_have_each_its_cause(store):
    turns(store)
    lose(store)
    send(store, span("other", "work", at=100), span("other", "part", "work", at=100))
    groups = store.coverage().groups
    assert [(each.cause, each.spans, each.llm_spans) for each in groups] == [
        ("context-lost-thread", 3, 3),
        ("unknown", 2, 0),
    ]


def test_what_was_not_looked_at_has_the_cause_of_the_rest_of_its_source(store, monkeypatch):
    turns(store)
    lose(store)
    monkeypatch.setattr(losses, "_LOST", f"{losses._LOST[:-3]}1")
    assert causes(store) == {"context-lost-thread": 3}


def test_what_was_not_looked_at_stays_unknown_where_the_rest_has_several(store, monkeypatch):
    turns(store)
    lose(store)
    send(store, span("other", "work", at=1))
    send(store, span("again", "work", at=0.001))
    monkeypatch.setattr(losses, "_LOST", f"{losses._LOST[:-3]}4")
    assert causes(store) == {"unknown": 5}


def test_only_so_much_is_read(store, monkeypatch):
    turns(store)
    lose(store)
    monkeypatch.setattr(losses, "_MOST_READ", 2)
    assert causes(store) == {"unknown": 3}
    monkeypatch.setattr(losses, "_MOST_SPANS", 0)
    send(store, span("last", "turn", at=30, session__id="last"))
    assert causes(store) == {"unknown": 3}


def test_causes_are_found_again_when_something_came(store):
    lose(store, 1)
    assert causes(store) == causes(store) == {"unknown": 1}
    turns(store, 1)
    assert causes(store) == {"context-lost-thread": 1}


def test_the_order_in_which_it_comes_does_not_matter(store):
    lose(store)
    turns(store)
    assert causes(store) == {"context-lost-thread": 3}


def test_what_is_no_span_and_no_resource_says_nothing():
    broken = RawSpan(bytes(16), bytes(8), b"", 1, 2, 0, b"\xff")
    [found] = sightings_of([(broken, Source(b"\xff", b""))])
    assert (found.attributes, found.links, found.thread, found.session) == ({}, frozenset(), "", "")
    assert found.process == process_of(b"\xff")
    assert not found.process.is_known


def test_what_its_trace_shows_stays_as_it_is(store):
    send(store, of(span("probe", "GET /healthz", http__request__method="GET"), SERVER))
    assert causes(store) == {"background": 1}
    turns(store)
    lose(store)
    assert causes(store) == {"background": 1, "context-lost-thread": 3}
