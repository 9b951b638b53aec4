"""What the root of several turns shows: the words of one of them, or none; never an exchange that did not happen."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import attach
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.trace import set_span_in_context

from otel_sessions import Turn, bind_session, clear_session, set_session, turn
from otel_sessions._context.providers import PROVIDERS

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")


@pytest.fixture(autouse=True)
def _turns_go_to_the_pipeline(pipeline):
    PROVIDERS.use(pipeline.provider, None)


def said(pipeline, name="root"):
    attributes = pipeline.attributes(name)
    return attributes.get("input.value"), attributes.get("output.value")


def _said_by(span):
    return span.attributes.get("input.value"), span.attributes.get("output.value")


def exchange(question=None, answer=None):
    with turn(input=question) as t:
        t.output = answer


# --- one turn after the other, as over a WebSocket


@pytest.mark.parametrize(
    ("exchanges", "shown"),
    [
        pytest.param([("q1", "a1")], ("q1", "a1"), id="one"),
        pytest.param([("q1", "a1"), ("q2", "a2"), ("q3", "a3")], ("q3", "a3"), id="the last that was answered"),
        pytest.param([("q1", "a1"), ("q2", None)], ("q1", "a1"), id="the last was not answered"),
        pytest.param([("q1", None), ("q2", "a2")], ("q2", "a2"), id="the first was not answered"),
        pytest.param([("q1", None), ("q2", None)], ("q1", None), id="neither was answered"),
        pytest.param([(None, "welcome"), ("q2", "a2")], ("q2", "a2"), id="a greeting before"),
        pytest.param([("q1", "a1"), (None, "goodbye")], ("q1", "a1"), id="a farewell after"),
        pytest.param([(None, "one"), (None, "two")], (None, "two"), id="nobody has asked"),
    ],
)
def test_of_several_turns_the_root_shows_one_with_both_its_words(pipeline, exchanges, shown):
    with pipeline.tracer.start_as_current_span("root"):
        for question, answer in exchanges:
            exchange(question, answer)
    assert said(pipeline) == shown


def test_a_word_of_another_kind_takes_the_place_with_its_kind(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        exchange({"q": 1}, "a1")
        exchange("q2", {"a": 2})
    attributes = pipeline.attributes("root")
    assert attributes == {
        "input.value": "q2",
        "input.mime_type": "text/plain",
        "output.value": '{"a": 2}',
        "output.mime_type": "application/json",
    }


def test_an_answer_that_is_put_right_is_put_right_on_the_root(pipeline):
    with pipeline.tracer.start_as_current_span("root"), turn(input="q") as t:
        t.output = "a"
        t.output, t.input = "b", "r"
    assert said(pipeline) == ("r", "b")


def test_a_turn_that_fails_leaves_the_exchange_before_it(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        exchange("q1", "a1")
        with pytest.raises(KeyError), turn(input="q2"):
            raise KeyError
    assert said(pipeline) == ("q1", "a1")


def test_values_that_are_cut_are_known_as_ours(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attribute_length=10))
    PROVIDERS.use(pipeline.provider, None)
    with pipeline.tracer.start_as_current_span("root"):
        for number in (1, 2):
            exchange(f"{number} is a long question", f"{number} is a long answer")
    assert said(pipeline) == ("2 is a lon", "2 is a lon")


# --- several at once


def test_of_turns_at_once_the_root_shows_the_one_that_was_answered_last(pipeline):
    async def ask(number, is_first, is_other):
        with turn(f"turn {number}", input=f"q{number}") as t:
            is_first.set()
            await is_other.wait()
            t.output = f"a{number} in part"
            await asyncio.sleep(0)
            t.output = f"a{number}"

    async def connection():
        one, two = asyncio.Event(), asyncio.Event()
        with pipeline.tracer.start_as_current_span("root"):
            await asyncio.gather(ask(1, one, two), ask(2, two, one))

    asyncio.run(connection())
    assert said(pipeline) in {("q1", "a1"), ("q2", "a2")}


def test_threads_that_answer_at_once_mix_no_words(pipeline):
    def answer(number):
        attach(set_span_in_context(root))
        for _ in range(50):
            with turn(input=f"q{number}") as t:
                t.output = f"a{number}"
                found = root.attributes.copy()  # in one step: dict() asks for one value after the other
                seen.add((found.get("input.value"), found.get("output.value")))

    seen = set()
    with pipeline.tracer.start_as_current_span("root") as root:
        threads = [threading.Thread(target=answer, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen <= {(f"q{number}", answered) for number in range(4) for answered in (None, f"a{number}")}


def test_a_stream_that_is_read_when_the_next_turn_was_answered_shows_its_own_question(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        with turn(input="q1") as t:
            words = t.wrap(iter(["a", "1"]))
        exchange("q2", "a2")
        shown = [_said_by(trace.get_current_span()) for _ in words]
    assert (said(pipeline), shown) == (("q1", "a1"), [("q2", "a2")] * 2)


def test_a_turn_that_is_answered_when_its_root_is_over_leaves_that_alone(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        exchange("q1", "a1")
        late = turn(input="q2").__enter__()
    late.output = "a2"
    late.__exit__(None, None, None)
    assert (said(pipeline), said(pipeline, "turn")) == (("q1", "a1"), ("q2", "a2"))


# --- a turn inside of a turn


@pytest.mark.parametrize("is_root", [True, False], ids=["the outer turn is the root", "below a root"])
@pytest.mark.parametrize(
    ("outer_words", "shown"),
    [
        pytest.param(("q", "a"), ("q", "a"), id="both"),
        pytest.param(("q", None), ("q", None), id="an input"),
        pytest.param((None, "a"), (None, "a"), id="an output"),
        pytest.param((None, None), ("part of q", "part of a"), id="nothing"),
    ],
)
def test_what_a_turn_says_itself_takes_the_place_of_what_its_parts_say(pipeline, is_root, outer_words, shown):
    question, answer = outer_words
    around = contextlib.nullcontext() if is_root else pipeline.tracer.start_as_current_span("root")
    with around, turn("outer", input=question) as outer:
        exchange("part of q", "part of a")
        outer.output = answer
    assert said(pipeline, "outer" if is_root else "root") == shown


def test_parts_at_once_mix_no_words_on_an_outer_turn_that_says_nothing(pipeline):
    with turn("outer"), turn("one", input="q1") as one:
        with turn("two", input="q2") as two:
            two.output = "a2"
        one.output = "a1"
    assert said(pipeline, "outer") == ("q1", "a1")


def test_a_part_leaves_what_the_turn_around_it_has_answered(pipeline):
    with turn("outer") as outer:
        outer.output = "a"
        exchange("part of q", "part of a")
    assert said(pipeline, "outer") == (None, "a")


# --- what others have put there


@pytest.mark.parametrize("value", ["its own", ("of", "several"), 1])
@pytest.mark.parametrize("key", ["input.value", "output.value"])
def test_beside_what_somebody_else_has_put_on_the_root_no_turn_shows_words(pipeline, key, value):
    with pipeline.tracer.start_as_current_span("root", attributes={key: value}):
        exchange("q1", "a1")
    assert pipeline.attributes("root") == {key: value}


def test_what_somebody_else_has_put_over_the_words_of_a_turn_ends_what_turns_show(pipeline):
    with pipeline.tracer.start_as_current_span("root") as root:
        exchange("q1", "a1")
        root.set_attribute("input.value", "[redacted]")
        exchange("q2", "a2")
    assert said(pipeline) == ("[redacted]", "a1")


def test_the_same_words_of_somebody_else_are_no_reason_to_say_nothing(pipeline):
    with pipeline.tracer.start_as_current_span("root", attributes={"input.value": "q"}):
        exchange("q", "a")
    assert said(pipeline) == ("q", "a")


def test_what_a_turn_inside_has_shown_and_somebody_has_changed_stays(pipeline):
    with turn("outer") as outer:
        exchange("part of q", "part of a")
        outer.span.set_attribute("input.value", "of the application")
        outer.output = "a"
    assert said(pipeline, "outer") == ("of the application", "a")


# --- many sessions below one root


def test_the_root_of_a_session_shows_no_words_of_another(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("conv-1")
        for other in (set_session(session_id="conv-2"), clear_session()):
            with other:
                exchange("q2", "a2")
        assert _said_by(trace.get_current_span()) == (None, None)
        exchange("q1", "a1")
    assert said(pipeline) == ("q1", "a1")


def test_a_root_that_is_bound_to_another_session_shows_what_was_said_in_that(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("conv-1")
        exchange("q1", "a1")
        bind_session("conv-2")
        exchange("q2")
    assert (pipeline.attributes("root")["session.id"], said(pipeline)) == ("conv-2", ("q2", None))


def test_words_that_turn_out_to_be_of_another_session_are_taken_back(pipeline):
    with (
        pipeline.tracer.start_as_current_span("root") as root,
        set_session(session_id="conv-2"),
        turn(input="q2") as t,
    ):
        assert _said_by(root) == ("q2", None)
        root.set_attribute("session.id", "conv-1")
        t.output = "a2"
    assert said(pipeline) == (None, None)


def test_a_root_without_a_session_shows_the_last_exchange_of_any(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        for number in (1, 2):
            with set_session(session_id=f"conv-{number}"):
                exchange(f"q{number}", f"a{number}")
    assert said(pipeline) == ("q2", "a2")


# --- by chance, and where the SDK is another


_STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "begin inside", "ask", "answer", "end"]), st.integers(0, 3)), max_size=25
)


@pytest.mark.warned_of
@given(_STEPS)
def test_whatever_is_said_in_whatever_order_the_root_shows_words_of_one_turn(steps):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    root = tracer.start_span("root")
    turns: list[tuple[Turn, set[str | None], set[str | None]]] = []
    for number, (step, which) in enumerate(steps):
        t, asked, answered = turns[which % len(turns)] if turns else (None, set(), set())
        if step.startswith("begin") or t is None:
            around = root if step == "begin" or t is None else t.span
            turns.append((_begun_below(around, tracer), {None}, {None}))
        elif step == "ask":
            t.input = f"q{number}"
            asked.add(t.input)
        elif step == "answer":
            t.output = f"a{number}"
            answered.add(t.output)
        else:
            t.__exit__(None, None, None)
        for each in (root, *(t.span for t, _, _ in turns if t.span.is_recording())):
            question, answer = _said_by(each)
            assert any(question in asked and answer in answered for _, asked, answered in turns)
    for t, _, _ in turns[::-1]:
        t.__exit__(None, None, None)


def _begun_below(around, tracer):
    """Return a turn that was begun as a child of a span, in a task of its own."""
    return contextvars.Context().run(lambda: attach(set_span_in_context(around)) and turn(tracer=tracer).__enter__())


def test_an_sdk_that_hides_its_attributes_shows_an_empty_text_for_what_was_not_said(pipeline, monkeypatch):
    def hidden(*_):
        raise AttributeError

    monkeypatch.setattr("otel_sessions._conversation.shown.discard", hidden)
    with turn("outer") as outer:
        exchange("part of q", "part of a")
        outer.output = "a"
    assert said(pipeline, "outer") == ("", "a")
