"""Whatever names another session on a span, and whenever: the session of the scope is exported, and the other one kept (rule 7)."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from operator import itemgetter

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.trace import set_span_in_context

from otel_sessions import bind_session, clear_session, set_session, step
from otel_sessions._context import attribute_store
from otel_sessions._session.ids import digest
from otel_sessions.sdk import SessionSpanProcessor
from otel_sessions.testing import InMemoryPipeline
from recording import Pipeline

REMOTE = baggage.set_baggage("user.id", "mallory", baggage.set_baggage("session.id", "remote", context.Context()))


class Other(SpanProcessor):
    """A processor of somebody else's, that names a session in one of its hooks."""

    def __init__(self, hook=None, **attributes):
        self.attributes = {key.replace("__", "."): value for key, value in attributes.items()}
        if hook is not None:
            setattr(self, hook, self.act)

    def act(self, span, parent_context=None):  # noqa: ARG002  # the SDK's signature
        if span.end_time is None:
            span.set_attributes(self.attributes)
        else:
            attribute_store.change(span._attributes, self.attributes)


THEIRS = {"session__id": "theirs"}
MOMENTS = ["start", "after", "on_start before", "on_start behind", "_on_ending before"]


def named(moment, processor, **attributes):
    """Return a pipeline whose span names another session at that moment, after that span has ended."""
    others = {key.replace("__", "."): value for key, value in attributes.items()}
    hook, _, where = moment.partition(" ")
    other = Other(hook, **attributes) if where else Other()
    pipeline = Pipeline(*((other, processor) if where == "before" else (processor, other)))
    with set_session("ours", user_id="ada"):
        span = pipeline.tracer.start_span("span", attributes=others if moment == "start" else None)
        if moment == "after":
            span.set_attributes(others)
        span.end()
    return pipeline


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_scope_wins_at_every_moment_and_the_other_is_kept_and_counted_once(moment):
    processor = SessionSpanProcessor()
    assert named(moment, processor, **THEIRS).attributes("span") == {
        "session.id": "ours",
        "user.id": "ada",
        "session.displaced_id": "theirs",
    }
    assert processor.stats().displaced + processor.stats().overwritten == processor.stats().stamped == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_span_wins_at_every_moment_where_it_is_set_to(moment):
    processor = SessionSpanProcessor(conflict="span")
    assert named(moment, processor, **THEIRS).attributes("span") == {
        "session.id": "theirs",
        "user.id": "ada",
        "session.displaced_id": "ours",
    }
    assert processor.stats().displaced + processor.stats().overwritten == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_conversation_of_a_framework_gives_way_with_the_dialect(moment):
    processor = SessionSpanProcessor(dialects="genai")
    assert named(moment, processor, gen_ai__conversation__id="theirs").attributes("span") == {
        "session.id": "ours",
        "user.id": "ada",
        "gen_ai.conversation.id": "ours",
        "session.displaced_conversation_id": "theirs",
    }
    assert (processor.stats().displaced_conversation, processor.stats().displaced) == (1, 0)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_conversation_of_a_framework_stays_where_the_span_wins(moment):
    processor = SessionSpanProcessor(dialects="genai", conflict="span")
    assert named(moment, processor, gen_ai__conversation__id="theirs").attributes("span") == {
        "session.id": "ours",
        "user.id": "ada",
        "gen_ai.conversation.id": "theirs",
        "session.displaced_conversation_id": "ours",
    }


@pytest.mark.parametrize("moment", MOMENTS)
def test_without_the_dialect_a_conversation_is_the_business_of_the_framework(moment):
    pipeline = named(moment, SessionSpanProcessor(), gen_ai__conversation__id="theirs")
    assert pipeline.attributes("span") == {"session.id": "ours", "user.id": "ada", "gen_ai.conversation.id": "theirs"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_name_of_another_dialect_gives_way_too(moment):
    processor = SessionSpanProcessor(dialects="langfuse")
    attributes = named(moment, processor, langfuse__session__id="theirs").attributes("span")
    assert attributes == {
        "session.id": "ours",
        "user.id": "ada",
        "langfuse.session.id": "ours",
        "langfuse.user.id": "ada",
        "session.displaced_id": "theirs",
    }


def test_where_the_span_wins_nothing_else_of_our_session_is_left_but_its_user(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(conflict="span", dialects="langfuse,genai"))
    for when in ("start", "later"):
        own = {"session.id": "theirs", "gen_ai.operation.name": "chat"}
        with set_session("ours", user_id="ada", name="n", metadata={"k": "v"}, tags=["t"]):
            span = pipeline.tracer.start_span(when, attributes=own if when == "start" else None)
            span.set_attributes(own)
            span.end()
        assert pipeline.attributes(when) == {
            **own,
            "user.id": "ada",
            "langfuse.user.id": "ada",
            "session.displaced_id": "ours",
        }


def test_what_code_has_set_over_ours_stays_where_the_span_wins(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(conflict="span"))
    with set_session("ours", name="n"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attributes({"session.id": "theirs", "session.name": "another"})
    assert pipeline.attributes("span") == {
        "session.id": "theirs",
        "session.name": "another",
        "session.displaced_id": "ours",
    }


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param(nullcontext(), {"session.id": "theirs"}, id="none"),
        pytest.param(step("p"), {"session.id": "theirs"}, id="a scope that names none"),
        pytest.param(
            set_session("remote"),
            {"session.id": "remote", "session.displaced_id": "theirs", "user.id": "mallory"},
            id="a scope that names it",
        ),
    ],
)
def test_an_id_on_a_span_beats_one_that_came_with_a_request_unless_a_scope_has_named_it(
    pipeline, late, scope, expected
):
    """And then nothing else of the caller's session is on it."""
    own = {"session.id": "theirs"}
    token = context.attach(REMOTE)
    with scope:
        span = pipeline.tracer.start_span("span", attributes=None if late else own)
        span.set_attributes(own)
        span.end()
    context.detach(token)
    assert pipeline.attributes("span") == expected


@pytest.mark.parametrize(
    "left",
    [
        "",
        " ",
        "[Scrubbed due to 'session']",
        "****",
        "xxxx",
        "XXX-XXX",
        "####",
        "•••",
        "...",
        hashlib.sha256(b"ours").hexdigest(),
        hashlib.sha256(b"ours").hexdigest().upper(),
        hashlib.sha1(b"ours", usedforsecurity=False).hexdigest(),
        hashlib.md5(b"ours", usedforsecurity=False).hexdigest(),
    ],
)
def test_an_id_that_was_masked_later_stays_so(make_pipeline, left):
    processor = SessionSpanProcessor()
    pipeline = make_pipeline(processor)
    with set_session("ours"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", left)
    assert pipeline.attributes("span") == {"session.id": left}
    assert processor.stats().overwritten == 0


def test_an_id_that_was_deleted_later_stays_so(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(dialects="genai"))
    with set_session("ours"):
        span = pipeline.tracer.start_span("span", attributes={"gen_ai.operation.name": "chat"})
    for key in ("session.id", "gen_ai.conversation.id"):
        del span._attributes._dict[key]
    span.end()
    assert pipeline.attributes("span") == {"gen_ai.operation.name": "chat"}


@pytest.mark.parametrize("masked", ["", "[Scrubbed due to 'session']", "***", hashlib.sha256(b"ours").hexdigest()])
def test_a_masked_id_at_the_start_is_no_session_yet(pipeline, masked):
    with set_session("ours"):
        pipeline.tracer.start_span("span", attributes={"session.id": masked}).end()
    assert pipeline.attributes("span") == {"session.id": "ours"}


@pytest.mark.parametrize(
    "another", ["OURS", "xyz", "redacted", hashlib.sha256(b"theirs").hexdigest(), "sha256-00", "0", "x1"]
)
def test_all_else_is_another_id(pipeline, another):
    with set_session("ours"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", another)
    assert pipeline.attributes("span") == {"session.id": "ours", "session.displaced_id": another}


@pytest.mark.parametrize(("value", "kept"), [(7, "7"), (1.5, "1.5"), (True, "True"), (("a", "b"), "('a', 'b')")])
def test_a_value_of_another_type_is_kept_as_text(pipeline, value, kept):
    with set_session("ours"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", value)
    assert pipeline.attributes("span") == {"session.id": "ours", "session.displaced_id": kept}


def test_the_same_id_as_a_number_is_ours_again(make_pipeline):
    processor = SessionSpanProcessor()
    pipeline = make_pipeline(processor)
    with set_session(42), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", 42)
    assert pipeline.attributes("span") == {"session.id": "42"}
    assert processor.stats().overwritten == 0


LONG = "an id that is longer than the limit of values"


@pytest.mark.warned_of("digest")
@pytest.mark.parametrize("limit", [8, 40])
@pytest.mark.parametrize("late", [False, True])
def test_with_a_value_limit_the_same_id_is_the_digest_and_a_hash_of_it_stays(make_pipeline, limit, late):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attribute_length=limit))
    for name, value in (("same", LONG), ("hash", hashlib.sha256(LONG.encode()).hexdigest()), ("other", LONG[::-1])):
        own = {"session.id": value}
        with set_session(LONG):
            span = pipeline.tracer.start_span(name, attributes=None if late else own)
            if late:
                span.set_attributes(own)
            span.end()
    ours = {"session.id": digest(LONG, limit)}
    assert pipeline.attributes("same") == ours
    assert pipeline.attributes("hash") == (
        {"session.id": hashlib.sha256(LONG.encode()).hexdigest()[:limit]} if late else ours
    )
    assert pipeline.attributes("other") == ours | {"session.displaced_id": LONG[::-1][:limit]}


def test_what_logfire_has_scrubbed_is_known_where_it_was_cut(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attribute_length=5))
    with set_session("ours"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", "[Scrubbed due to 'session']")
    assert pipeline.attributes("span") == {"session.id": "[Scru"}


@pytest.mark.parametrize("limit", [2, 3, 4, 128])
def test_a_full_span_keeps_ours_and_what_was_displaced_within_its_limit(make_pipeline, limit):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attributes=limit))
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("span") as span:
        for number in range(200):
            span.set_attribute(f"key-{number}", number)
        span.set_attribute("session.id", "theirs")
    attributes = pipeline.attributes("span")
    assert len(attributes) == limit
    assert itemgetter("session.id", "user.id")(attributes) == ("ours", "ada")
    assert attributes.get("session.displaced_id") == (None if limit == 2 else "theirs")


def test_what_was_displaced_at_the_start_is_not_lost_to_the_limit(pipeline):
    with set_session("ours"):
        span = pipeline.tracer.start_span("span", attributes={"session.id": "theirs"})
    for number in range(200):
        span.set_attribute(f"key-{number}", number)
    span.end()
    assert pipeline.attributes("span").items() >= {"session.id": "ours", "session.displaced_id": "theirs"}.items()
    assert len(pipeline.attributes("span")) == 128


def test_with_names_of_dialects_too_a_span_has_no_more_than_its_limit(make_pipeline):
    limits = SpanLimits(max_span_attributes=2)
    pipeline = make_pipeline(SessionSpanProcessor(dialects="langfuse"), span_limits=limits)
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("span") as span:
        for number in range(10):
            span.set_attribute(f"key-{number}", number)
    assert pipeline.attributes("span") == {"session.id": "ours", "user.id": "ada"}


def test_a_span_of_one_attribute_has_ours_where_it_has_a_session(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attributes=1))
    with set_session("ours"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", "theirs")
    assert pipeline.attributes("span") == {"session.id": "ours"}


def test_without_a_limit_there_is_room_for_what_was_displaced(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attributes=SpanLimits.UNSET))
    with set_session("ours"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", "theirs")
    assert pipeline.attributes("span") == {"session.id": "ours", "session.displaced_id": "theirs"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_session_that_is_bound_wins_over_what_was_set_before_and_after(make_pipeline, moment):
    processor = SessionSpanProcessor(dialects="genai")
    pipeline = make_pipeline(processor)
    own = {"session.id": "theirs", "gen_ai.conversation.id": "c"}
    with set_session("first"), pipeline.tracer.start_as_current_span("span") as span:
        if moment == "before":
            span.set_attributes(own)
        bind_session("bound")
        if moment == "after":
            span.set_attributes(own)
    assert pipeline.attributes("span") == {
        "session.id": "bound",
        "session.displaced_id": "theirs",
        "gen_ai.conversation.id": "bound",
        "session.displaced_conversation_id": "c",
    }
    stats = processor.stats()
    assert (stats.displaced + stats.overwritten, stats.displaced_conversation, stats.stamped) == (1, 1, 1)


def test_what_was_displaced_before_the_bind_is_counted_once(make_pipeline):
    processor = SessionSpanProcessor(dialects="genai")
    pipeline = make_pipeline(processor)
    own = {"session.id": "theirs", "gen_ai.conversation.id": "c"}
    with set_session("first"), pipeline.tracer.start_as_current_span("span", attributes=own):
        bind_session("bound")
    assert pipeline.attributes("span") == {
        "session.id": "bound",
        "session.displaced_id": "theirs",
        "gen_ai.conversation.id": "bound",
        "session.displaced_conversation_id": "c",
    }
    stats = processor.stats()
    assert (stats.displaced, stats.overwritten, stats.displaced_conversation, stats.stamped) == (1, 0, 1, 1)


def test_a_conversation_that_won_stays_where_its_trace_is_bound(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(dialects="genai", conflict="span"))
    with (
        set_session("first"),
        pipeline.tracer.start_as_current_span("span", attributes={"gen_ai.conversation.id": "c"}),
    ):
        bind_session("bound")
    assert pipeline.attributes("span") == {
        "session.id": "bound",
        "gen_ai.conversation.id": "c",
        "session.displaced_conversation_id": "bound",
    }


def test_below_a_span_that_names_another_session_later_a_lost_context_finds_ours(pipeline):
    with set_session("ours"):
        parent = pipeline.tracer.start_span("parent")
        parent.set_attribute("session.id", "theirs")
    pipeline.tracer.start_span("child", context=set_span_in_context(parent, context.Context())).end()
    assert pipeline.attributes("child") == {"session.id": "ours"}


@pytest.mark.warned_of("left out")
def test_a_user_alone_has_no_session_to_defend(pipeline):
    with set_session("", user_id="ada"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", "theirs")
    assert pipeline.attributes("span") == {"session.id": "theirs", "user.id": "ada"}


@pytest.mark.warned_of("left out")
def test_a_user_of_the_span_itself_stays_where_there_is_a_user_alone(pipeline):
    with set_session("", user_id="ada"):
        pipeline.tracer.start_span("span", attributes={"session.id": "theirs", "user.id": "bob"}).end()
    assert pipeline.attributes("span") == {"session.id": "theirs", "user.id": "bob"}


def two(first, second):
    pipeline = Pipeline(first, second)
    return pipeline, (first, second)


@pytest.mark.parametrize("moment", ["start", "after", "both"])
@pytest.mark.parametrize("conflict", ["scope", "span"])
def test_two_processors_are_as_one_and_count_once(moment, conflict):
    pipeline, processors = two(SessionSpanProcessor(conflict=conflict), SessionSpanProcessor(conflict=conflict))
    own = {"session.id": "theirs"}
    with set_session("ours", user_id="ada"):
        span = pipeline.tracer.start_span("span", attributes=None if moment == "after" else own)
        if moment != "start":
            span.set_attributes(own)
        span.end()
    winner, loser = ("ours", "theirs") if conflict == "scope" else ("theirs", "ours")
    assert pipeline.attributes("span") == {"session.id": winner, "user.id": "ada", "session.displaced_id": loser}
    first, second = (processor.stats() for processor in processors)
    assert (first.displaced + first.overwritten, first.stamped) == (1, 1)
    assert second == type(second)()


def test_two_processors_of_different_dialects_stamp_the_names_of_both():
    pipeline, _ = two(SessionSpanProcessor(dialects="langfuse"), SessionSpanProcessor(dialects="genai,traceloop"))
    with set_session("ours", user_id="ada"):
        for name, when in (("start", "start"), ("late", "late")):
            span = pipeline.tracer.start_span(
                name, attributes={"gen_ai.operation.name": "chat"} if when == "start" else {}
            )
            span.set_attribute("gen_ai.operation.name", "chat")
            span.end()
    expected = {
        "gen_ai.operation.name": "chat",
        "session.id": "ours",
        "user.id": "ada",
        "langfuse.session.id": "ours",
        "langfuse.user.id": "ada",
        "traceloop.association.properties.session_id": "ours",
        "traceloop.association.properties.user_id": "ada",
        "gen_ai.conversation.id": "ours",
    }
    assert pipeline.attributes("start") == pipeline.attributes("late") == expected


def test_the_names_of_both_follow_a_late_bind():
    pipeline, _ = two(SessionSpanProcessor(dialects="langfuse"), SessionSpanProcessor(dialects="traceloop"))
    with pipeline.tracer.start_as_current_span("none"), set_session("first"):
        span = pipeline.tracer.start_span("span")
        bind_session("bound")
        span.end()
    names = ("session.id", "langfuse.session.id", "traceloop.association.properties.session_id")
    for name in ("none", "span"):
        assert pipeline.attributes(name) == dict.fromkeys(names, "bound")


def test_a_conversation_that_the_second_has_displaced_is_kept_by_a_late_bind():
    pipeline, (first, second) = two(SessionSpanProcessor(), SessionSpanProcessor(dialects="genai"))
    own = {"gen_ai.conversation.id": "theirs"}
    with set_session("first"), pipeline.tracer.start_as_current_span("span", attributes=own):
        bind_session("bound")
    assert pipeline.attributes("span") == {
        "session.id": "bound",
        "gen_ai.conversation.id": "bound",
        "session.displaced_conversation_id": "theirs",
    }
    assert (first.stats().displaced_conversation, second.stats().displaced_conversation) == (0, 1)


def test_spans_without_a_session_are_counted_by_the_first_alone():
    pipeline, (first, second) = two(SessionSpanProcessor(), SessionSpanProcessor())
    with pipeline.tracer.start_as_current_span("root"):
        pipeline.tracer.start_span("child").end()
        with clear_session():
            pipeline.tracer.start_span("cleared").end()
        bind_session("bound")
    assert [pipeline.attributes(name) for name in ("root", "child", "cleared")] == [{"session.id": "bound"}, {}, {}]
    assert (first.stats().without_session, first.stats().bound_late, first.stats().stamped) == (2, 1, 1)
    assert second.stats() == type(second.stats())()


def test_the_second_displaces_the_names_that_only_it_knows_and_counts_them():
    pipeline, (first, second) = two(SessionSpanProcessor(), SessionSpanProcessor(dialects="genai"))
    own = {"gen_ai.conversation.id": "theirs"}
    with set_session("ours"):
        pipeline.tracer.start_span("start", attributes=own).end()
        late = pipeline.tracer.start_span("late")
        late.set_attributes(own)
        late.end()
    expected = {
        "session.id": "ours",
        "gen_ai.conversation.id": "ours",
        "session.displaced_conversation_id": "theirs",
    }
    assert pipeline.attributes("start") == pipeline.attributes("late") == expected
    assert (first.stats().displaced_conversation, second.stats().displaced_conversation) == (0, 2)


@pytest.mark.warned_of("digest")
def test_a_second_processor_cuts_what_does_not_fit(make_pipeline):
    limits = SpanLimits(max_span_attribute_length=20)
    pipeline = make_pipeline(SessionSpanProcessor(), SessionSpanProcessor(dialects="langfuse"), span_limits=limits)
    with set_session(LONG, user_id="ada"):
        pipeline.tracer.start_span("span").end()
    attributes = pipeline.attributes("span")
    assert attributes["langfuse.session.id"] == attributes["session.id"] == digest(LONG, 20)


def test_a_second_processor_leaves_a_span_alone_that_has_no_session(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(), SessionSpanProcessor(dialects="langfuse"))
    pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {}


def test_the_same_processor_twice_is_one(make_pipeline):
    processor = SessionSpanProcessor(dialects="langfuse")
    pipeline = make_pipeline(processor, processor)
    with set_session("ours"):
        pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {"session.id": "ours", "langfuse.session.id": "ours"}
    assert processor.stats().stamped == 1


def test_a_full_span_is_counted_once_by_two():
    pipeline, (first, second) = two(SessionSpanProcessor(), SessionSpanProcessor(dialects="langfuse"))
    with set_session("ours"), pipeline.tracer.start_as_current_span("span") as span:
        for number in range(200):
            span.set_attribute(f"key-{number}", number)
    assert (first.stats().evicted, second.stats().evicted) == (1, 0)
    assert pipeline.attributes("span").items() >= {"session.id": "ours", "langfuse.session.id": "ours"}.items()


@pytest.mark.warned_of("propagators")
def test_a_pipeline_in_memory_beside_an_own_processor_is_as_one():
    provider, own = TracerProvider(shutdown_on_exit=False), SessionSpanProcessor()
    provider.add_span_processor(own)
    pipeline = InMemoryPipeline(provider)
    with (
        set_session("ours"),
        pipeline.tracer.start_as_current_span("span", attributes={"session.id": "theirs"}) as span,
    ):
        span.set_attribute("session.id", "theirs")
    [span] = pipeline.spans()
    assert dict(span.attributes) == {"session.id": "ours", "session.displaced_id": "theirs"}
    assert (own.stats().displaced, own.stats().overwritten, pipeline.processor.stats().displaced) == (1, 0, 0)
