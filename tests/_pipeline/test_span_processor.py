"""What is stamped: who wins (rule 7), lost contexts (12), limits (5), nothing at all (11), and that it never raises."""

from __future__ import annotations

import re

import pytest
from openinference.instrumentation import TracerProvider as OpenInferenceProvider
from openinference.instrumentation import using_session, using_user
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import set_span_in_context

from otel_sessions import Session, bind_session, clear_session, get_session, set_session, step, update_session
from otel_sessions._context import attribute_store
from otel_sessions._pipeline.span_processor import guarded
from otel_sessions._session.ids import digest
from otel_sessions.sdk import SessionSpanProcessor

REMOTE = baggage.set_baggage("user.id", "mallory", baggage.set_baggage("session.id", "remote", context.Context()))


def test_the_scope_wins_over_a_start_attribute_and_keeps_what_it_displaces(pipeline):
    with set_session("ours", user_id="ada"):
        pipeline.tracer.start_span("span", attributes={"session.id": "theirs", "x": 1}).end()
    assert pipeline.attributes("span") == {
        "x": 1,
        "session.id": "ours",
        "user.id": "ada",
        "session.displaced_id": "theirs",
    }


def test_the_span_wins_where_it_is_set_to(make_pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_CONFLICT", "span")
    pipeline = make_pipeline()
    with set_session("ours", user_id="ada", name="n"):
        pipeline.tracer.start_span("span", attributes={"session.id": "theirs"}).end()
    assert pipeline.attributes("span") == {
        "session.id": "theirs",
        "user.id": "ada",
        "session.displaced_id": "ours",
    }


def test_the_same_id_as_a_start_attribute_displaces_nothing(pipeline):
    with set_session("ours", user_id="ada"):
        pipeline.tracer.start_span("span", attributes={"session.id": "ours"}).end()
    assert pipeline.attributes("span") == {"session.id": "ours", "user.id": "ada"}


def test_an_empty_start_attribute_is_no_session(pipeline):
    with set_session("ours"):
        pipeline.tracer.start_span("span", attributes={"session.id": ""}).end()
    assert pipeline.attributes("span") == {"session.id": "ours"}


def test_a_start_attribute_beats_remote_baggage_and_nothing_remote_joins_it(pipeline):
    pipeline.tracer.start_span("span", context=REMOTE, attributes={"session.id": "local"}).end()
    assert pipeline.attributes("span") == {"session.id": "local"}


def test_a_user_at_the_start_stays(pipeline):
    with set_session("ours", user_id="ada"):
        pipeline.tracer.start_span("span", attributes={"user.id": "bob"}).end()
    assert pipeline.attributes("span") == {"user.id": "bob", "session.id": "ours"}


def test_a_user_that_code_sets_after_the_start_stays_and_the_session_does_not(pipeline):
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("span") as span:
        span.set_attribute("session.id", "later")
        span.set_attribute("user.id", "later")
    assert pipeline.attributes("span") == {
        "session.id": "ours",
        "user.id": "later",
        "session.displaced_id": "later",
    }


def test_a_user_alone_joins_a_session_that_the_span_starts_with(pipeline):
    with update_session(user_id="ada"):
        pipeline.tracer.start_span("span", attributes={"session.id": "theirs"}).end()
    assert pipeline.attributes("span") == {"session.id": "theirs", "user.id": "ada"}


@pytest.mark.parametrize("ended", [False, True])
def test_a_child_of_a_lost_context_inherits_from_its_parent(pipeline, ended):
    with set_session("a", user_id="ada", name="n", path="/p", previous_id="o", metadata={"k": "v"}, tags=["t"]):
        parent = pipeline.tracer.start_span("parent")
    if ended:
        parent.end()
    lost = set_span_in_context(parent, context.Context())
    pipeline.tracer.start_span("child", context=lost).end()
    parent.end()
    assert pipeline.attributes("child") == dict(parent.attributes)
    assert get_session(lost).id == "a"


def test_a_child_inherits_what_code_has_set_on_its_parent_by_hand(pipeline):
    with pipeline.tracer.start_as_current_span("parent", attributes={"session.id": "hand", "session.tags": ["t", ""]}):
        pipeline.tracer.start_span("child").end()
    assert pipeline.attributes("child") == {"session.id": "hand", "session.tags": ("t",)}


def test_what_does_not_fit_is_inherited_as_its_digest(pipeline):
    long = {"session.id": "é" * 300, "session.name": "n" * 100_000}
    with pipeline.tracer.start_as_current_span("parent", attributes=long):
        pipeline.tracer.start_span("child").end()
    assert pipeline.attributes("child") == {key: digest(value) for key, value in long.items()}


@pytest.mark.parametrize("odd", [{"session.id": 42}, {"session.id": ""}, {"user.id": "ada"}, {"x": 1}, {}])
def test_a_parent_without_a_session_id_gives_nothing(pipeline, odd):
    with pipeline.tracer.start_as_current_span("parent", attributes=odd):
        pipeline.tracer.start_span("child").end()
    assert pipeline.attributes("child") == {}


def test_a_parent_beats_what_other_tools_left_and_gives_way_to_baggage(pipeline):
    parent = pipeline.tracer.start_span("parent", attributes={"session.id": "parent"})
    pipeline.tracer.start_span("child", context=set_span_in_context(parent, REMOTE)).end()
    with using_session("tool"):
        pipeline.tracer.start_span("tool", context=set_span_in_context(parent)).end()
    assert pipeline.attributes("child") == {"session.id": "remote", "user.id": "mallory"}
    assert pipeline.attributes("tool") == {"session.id": "parent"}


def test_a_scope_with_a_user_alone_takes_the_session_from_the_parent(pipeline):
    with (
        update_session(user_id="ada"),
        step("p"),
        pipeline.tracer.start_as_current_span("parent", attributes={"session.id": "hand"}),
    ):
        pipeline.tracer.start_span("child").end()
    assert pipeline.attributes("child") == {"session.id": "hand", "user.id": "ada", "session.path": "/p"}


def test_a_scope_without_an_id_adds_to_the_session_that_it_finds():
    parent = {"session.id": "a", "session.name": "n", "session.previous_id": "o", "session.tags": ["t"]}
    span = TracerProvider(shutdown_on_exit=False).get_tracer("tests").start_span("parent", attributes=parent)
    with update_session(user_id="ada", tags=["u"], metadata={"k": "v"}):
        found = get_session(set_span_in_context(span))
    assert found == Session("a", "ada", "n", None, "o", {"k": "v"}, ("t", "u"))


@pytest.mark.parametrize(("scope", "user"), [(step("p"), None), (update_session(user_id="ada"), "ada")])
def test_a_remote_user_stays_remote_below_a_scope_without_an_id(scope, user):
    with scope:
        remote = baggage.set_baggage("user.id", "mallory", baggage.set_baggage("session.id", "remote"))
        with set_session(remote, "ours") as session:
            assert session.user_id == user


def test_a_user_that_a_span_has_does_not_go_to_another_session(pipeline):
    """It may have come with a request: nobody can tell from the span alone."""
    with (
        pipeline.tracer.start_as_current_span("parent", attributes={"session.id": "a", "user.id": "ada"}),
        set_session("b"),
    ):
        pipeline.tracer.start_span("child").end()
    assert pipeline.attributes("child") == {"session.id": "b"}


def test_an_explicitly_empty_context_gets_nothing(pipeline):
    with set_session("a"), pipeline.tracer.start_as_current_span("parent"):
        pipeline.tracer.start_span("root", context=context.Context()).end()
    assert pipeline.attributes("root") == {}


def test_below_a_cleared_context_nothing_comes_back(pipeline):
    with set_session("a"), pipeline.tracer.start_as_current_span("parent"), clear_session():
        with pipeline.tracer.start_as_current_span("child") as child:
            pipeline.tracer.start_span("grandchild").end()
        pipeline.tracer.start_span("lost", context=set_span_in_context(child, context.Context())).end()
    assert [pipeline.attributes(name) for name in ("child", "grandchild", "lost")] == [{}, {}, {}]


def test_openinference_context_keys_are_honoured_on_every_span(pipeline):
    with using_session("oi"), using_user("ada"):
        pipeline.tracer.start_span("span").end()
    with using_session("x" * 300):
        pipeline.tracer.start_span("long").end()
    with using_user("ada"):
        pipeline.tracer.start_span("user").end()
    assert pipeline.attributes("span") == {"session.id": "oi", "user.id": "ada"}
    assert pipeline.attributes("long")["session.id"].startswith("sha256-")
    assert pipeline.attributes("user") == {"user.id": "ada"}


@pytest.fixture
def openinference():
    """A pipeline whose tracer sets its own session once more, after the start."""
    exporter = InMemorySpanExporter()
    provider = OpenInferenceProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.add_span_processor(guarded(SessionSpanProcessor()))

    def exported(**attributes):
        with provider.get_tracer("oi").start_as_current_span("span") as span:
            for key, value in attributes.items():
                span.set_attribute(key.replace("__", "."), value)
        return dict(exporter.get_finished_spans()[-1].attributes)

    return exported


def test_a_scope_wins_over_an_openinference_session_inside_it(openinference):
    with set_session("ours"), using_session("theirs"), using_user("ada"):
        assert openinference() == {"session.id": "ours", "session.displaced_id": "theirs", "user.id": "ada"}


def test_of_two_that_are_displaced_the_first_is_kept(openinference):
    with set_session("ours"), using_session("theirs"):
        assert openinference(session__id="later") == {"session.id": "ours", "session.displaced_id": "theirs"}


def test_a_scope_wins_over_an_openinference_session_around_it(openinference):
    with using_session("theirs"), using_user("ada"):
        with set_session("ours"):
            assert openinference() == {"session.id": "ours", "user.id": "ada"}
        with clear_session():
            assert openinference() == {}
        assert openinference() == {"session.id": "theirs", "user.id": "ada"}


def test_an_openinference_session_comes_back_when_scopes_are_left_in_the_wrong_order(openinference):
    with using_session("theirs"):
        first, second = set_session(session_id="a"), clear_session()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        assert openinference() == {"session.id": "theirs"}
    assert get_session() is None


def test_a_failure_never_reaches_the_end_of_a_span(openinference, monkeypatch, warnings):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("otel_sessions._pipeline.mending.later", broken)
    with set_session("ours"), using_session("theirs"):
        openinference()
    assert warnings() == ["otel_sessions: ending a span raised ZeroDivisionError"]


def test_a_session_id_that_another_tool_knows_joins_a_scope_without_one(pipeline):
    with update_session(user_id="ada"), using_session("oi"):
        pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {"session.id": "oi", "user.id": "ada"}


def test_of_several_sources_the_one_with_a_session_id_counts(pipeline):
    remote_user = baggage.set_baggage("user.id", "mallory", context.Context())
    langfuse = baggage.set_baggage("langfuse_session_id", "lf", remote_user)
    with_oi = context.set_value("session.id", "oi", langfuse)
    for name, ctx in (("user", remote_user), ("langfuse", langfuse), ("oi", with_oi)):
        pipeline.tracer.start_span(name, context=ctx).end()
    assert [pipeline.attributes(name) for name in ("user", "langfuse", "oi")] == [
        {"user.id": "mallory"},
        {"session.id": "lf"},
        {"session.id": "oi"},
    ]


def test_langfuse_baggage_is_honoured_and_validated(pipeline, warnings):
    ctx = baggage.set_baggage("langfuse_session_id", "lf", context.Context())
    pipeline.tracer.start_span("span", context=baggage.set_baggage("langfuse_user_id", "ada", ctx)).end()
    pipeline.tracer.start_span("long", context=baggage.set_baggage("langfuse_session_id", "x" * 3000, ctx)).end()
    assert pipeline.attributes("span") == {"session.id": "lf", "user.id": "ada"}
    assert pipeline.attributes("long") == {}
    assert len(warnings()) == 1


@pytest.mark.parametrize("limit", [8, 20, 64])
def test_an_id_longer_than_the_value_limit_becomes_a_digest_that_fits(make_pipeline, limit, caplog):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attribute_length=limit))
    for number in range(2):
        with set_session(f"{'x' * 100}{number}", user_id="u", name="n" * 100, tags=["t" * 100]):
            pipeline.tracer.start_span(f"span{number}").end()
    first, second = (pipeline.attributes(f"span{number}") for number in range(2))
    assert first["session.id"] != second["session.id"]
    assert first["session.id"] == digest("x" * 100 + "0", limit)
    assert (first["user.id"], first["session.name"], first["session.tags"]) == ("u", "n" * limit, ("t" * limit,))
    assert [record.name for record in caplog.records] == ["otel_sessions"]


@pytest.mark.warned_of("digest")
def test_the_value_limit_of_the_environment_counts_too(make_pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "32")
    pipeline = make_pipeline()
    with set_session("x" * 36):
        pipeline.tracer.start_span("span").end()
    assert re.fullmatch("sha256-[0-9a-f]{25}", pipeline.attributes("span")["session.id"])


@pytest.mark.warned_of("digest")
def test_a_span_that_has_started_with_the_same_long_id_is_not_displaced(make_pipeline):
    """The SDK has cut it, or another of these processors has made its digest."""
    long_id = "x" * 60
    limits = SpanLimits(max_span_attribute_length=40)
    pipeline = make_pipeline(SessionSpanProcessor(), SessionSpanProcessor(), span_limits=limits)
    with set_session(long_id, user_id=long_id):
        pipeline.tracer.start_span("span", attributes={"session.id": long_id, "user.id": long_id}).end()
        pipeline.tracer.start_span("bare").end()
    assert pipeline.attributes("span") == pipeline.attributes("bare")
    assert pipeline.attributes("bare")["session.id"].startswith("sha256-")


def test_a_number_at_the_start_is_the_same_id(pipeline):
    with set_session(42):
        pipeline.tracer.start_span("span", attributes={"session.id": 42}).end()
    assert pipeline.attributes("span") == {"session.id": "42"}


@pytest.mark.warned_of("digest")
def test_an_id_of_just_the_value_limit_is_kept(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attribute_length=1))
    with set_session("a", user_id="bc"):
        pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {"session.id": "a", "user.id": digest("bc", 1)}


def test_a_value_limit_of_nothing_stamps_nothing(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attribute_length=0))
    with set_session("a"):
        pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {}


class ActsWhenASpanEnds(SpanProcessor):
    def _on_ending(self, span): ...

    def on_end(self, span): ...


def test_an_sdk_that_hides_its_attributes_degrades_with_one_warning(make_pipeline, monkeypatch, warnings):
    of_langfuse = SessionSpanProcessor(dialects="langfuse")
    pipeline = make_pipeline(SessionSpanProcessor(), of_langfuse, ActsWhenASpanEnds())

    def hidden(*_):
        raise AttributeError

    monkeypatch.setattr(attribute_store, "attributes_and_limit", hidden)
    monkeypatch.setattr("otel_sessions._pipeline.span_processor.put", lambda *_: None)
    monkeypatch.setattr("otel_sessions._pipeline.span_processor.store_of", hidden)
    for _ in range(2):
        with set_session("ours"):
            pipeline.tracer.start_span("span", attributes={"session.id": "theirs"}).end()
    assert pipeline.attributes("span") == {
        "session.id": "ours",
        "langfuse.session.id": "ours",
        "session.displaced_id": "theirs",
    }
    with pipeline.tracer.start_as_current_span("bound"):
        bind_session("late")
    assert pipeline.attributes("bound") == {"session.id": "late", "langfuse.session.id": "late"}
    assert len(warnings()) == 1


def test_the_installed_sdk_shows_its_attributes(pipeline):
    span = pipeline.tracer.start_span("span", attributes={"x": 1})
    assert attribute_store.attributes_and_limit(span) == ({"x": 1}, None)


@pytest.mark.warned_of("propagators")
def test_a_processor_added_after_the_exporters_still_stamps_what_is_exported(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(disabled=True))
    pipeline.provider.add_span_processor(SessionSpanProcessor())
    with set_session("a"):
        pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {"session.id": "a"}


def test_it_does_not_keep_the_processors_after_it_from_being_flushed():
    """In SDKs before 1.42, one that answers nothing to ``force_flush`` ends the flush."""
    assert SessionSpanProcessor().force_flush() is True


def test_two_processors_stamp_once(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(), SessionSpanProcessor())
    with set_session("a", user_id="ada"):
        pipeline.tracer.start_span("span").end()
    assert list(pipeline.attributes("span").items()) == [("user.id", "ada"), ("session.id", "a")]


def test_a_concurrent_processor_stamps_where_the_context_is_given(make_pipeline):
    """It calls in a thread of its own, so that only an explicit context, or the parent, can be seen there."""
    pipeline = make_pipeline(active_span_processor=ConcurrentMultiSpanProcessor())
    with set_session("a"):
        pipeline.tracer.start_span("span", context=context.get_current()).end()
    pipeline.provider.shutdown()
    assert pipeline.attributes("span") == {"session.id": "a"}


class RecordOnly(Sampler):
    def should_sample(self, *_, **__):
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self):
        return "RecordOnly"


@pytest.mark.warned_of("propagators")
def test_spans_that_are_recorded_only_are_stamped_and_dropped_ones_left_alone():
    with set_session("a"):
        for sampler, attributes in ((RecordOnly(), {"session.id": "a"}), (ALWAYS_OFF, None)):
            provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
            provider.add_span_processor(SessionSpanProcessor())
            span = provider.get_tracer("tests").start_span("span")
            assert getattr(span, "attributes", None) == attributes


def test_below_a_span_that_was_not_sampled_the_session_is_still_carried():
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    with set_session("a"), provider.get_tracer("tests").start_as_current_span("span"):
        assert get_session().id == "a"
        assert dict(baggage.get_all()) == {"session.id": "a"}


def test_a_failure_never_reaches_start_span(pipeline, monkeypatch, warnings):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("otel_sessions._pipeline.span_processor.put", broken)
    for _ in range(2):
        with set_session("a"), pipeline.tracer.start_as_current_span("span") as span:
            assert isinstance(span, trace.Span)
    assert warnings() == ["otel_sessions: stamping a span raised ZeroDivisionError"]


def test_a_disabled_processor_stamps_nothing(make_pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_DISABLED", "TRUE")
    pipeline = make_pipeline()
    with set_session("a"):
        pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {}


def test_an_argument_beats_the_environment_and_shows_in_the_repr(monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_DISABLED", "true")
    monkeypatch.setenv("OTEL_SESSION_CONFLICT", "span")
    processor = SessionSpanProcessor(conflict="scope", disabled=False)
    assert repr(processor) == "SessionSpanProcessor(Settings())"


@pytest.mark.parametrize("value", ["sometimes", "scope,span", "1"])
def test_an_unknown_setting_warns_and_is_the_default(monkeypatch, warnings, value):
    monkeypatch.setenv("OTEL_SESSION_CONFLICT", value)
    for _ in range(2):
        assert SessionSpanProcessor().settings.conflict == "scope"
    (message,) = warnings()
    expected = f"otel_sessions: OTEL_SESSION_CONFLICT: '{value}' is none of scope, span, so it is taken as 'scope'"
    assert message == expected


def test_an_unknown_argument_names_the_argument(warnings):
    assert SessionSpanProcessor(conflict=5).settings.conflict == "scope"
    (message,) = warnings()
    assert "conflict: 5 is none of scope, span, so it is taken as 'scope' (" in message
    assert "test_span_processor.py" in message


@pytest.mark.warned_of("propagators")
def test_a_processor_that_has_stamped_nothing_yet_binds_late_as_any():
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("tests").start_as_current_span("span"):
        bind_session("conv-42")
    assert dict(exporter.get_finished_spans()[0].attributes) == {"session.id": "conv-42"}


class EndsWhatStarts(SpanProcessor):
    """A filter that lets nobody see the spans of one name."""

    def on_start(self, span, parent_context=None):  # noqa: ARG002  # the SDK's signature
        if span.name == "ended":
            span.end()


def test_a_span_that_ends_while_it_starts_is_left_as_it_is(make_pipeline, caplog):
    ours = SessionSpanProcessor()
    pipeline = make_pipeline(EndsWhatStarts(), ours)
    with set_session("conv-42"):
        ended = pipeline.tracer.start_span("ended")
        pipeline.tracer.start_span("other").end()
    assert dict(ended.attributes) == {}
    assert pipeline.attributes("other") == {"session.id": "conv-42"}
    assert ours.stats().stamped == 1
    assert "ended span" not in caplog.text
