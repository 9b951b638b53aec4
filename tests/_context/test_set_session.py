"""What a session is, what is inherited, and what spans carry (design rules 1 to 4)."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import uuid

import pytest
from opentelemetry import baggage, context, trace

from otel_sessions import Session, clear_session, get_session, set_session, step, update_session
from otel_sessions._session.ids import digest


def test_every_span_below_carries_both_ids(pipeline):
    with (
        set_session(None, "conv-42", user_id="ada"),
        pipeline.tracer.start_as_current_span("outer"),
        pipeline.tracer.start_as_current_span("inner"),
    ):
        pass
    ids = {"session.id": "conv-42", "user.id": "ada"}
    assert {name: dict(span.attributes) for name, span in pipeline.spans().items()} == {"outer": ids, "inner": ids}


def test_nothing_is_carried_before_or_after_the_block(pipeline):
    scope = set_session(None, "conv-42", user_id="ada")
    pipeline.tracer.start_span("before").end()
    with scope:
        pass
    pipeline.tracer.start_span("after").end()
    assert (pipeline.attributes("before"), pipeline.attributes("after")) == ({}, {})


@pytest.mark.parametrize(
    ("given", "carried"),
    [
        pytest.param("conv-42", "conv-42", id="str"),
        pytest.param("  conv 42\n", "conv 42", id="stripped"),
        pytest.param(42, "42", id="int"),
        pytest.param(uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007", id="uuid"),
    ],
)
@pytest.mark.parametrize("place", ["first", "second", "keyword"])
def test_an_id_may_be_a_str_an_int_or_a_uuid_in_either_place(given, carried, place):
    scope = {
        "first": lambda: set_session(given),
        "second": lambda: set_session(None, given),
        "keyword": lambda: set_session(session_id=given),
    }[place]()
    with scope as session:
        assert session.id == carried
        assert get_session() == session


def test_a_session_without_id_gets_a_random_uuid_fresh_at_each_entry():
    scope = set_session(user_id="ada")
    with scope as first:
        pass
    with scope as second:
        pass
    assert [uuid.UUID(session.id).version for session in (first, second)] == [4, 4]
    assert first.id != second.id
    assert second.user_id == "ada"


def test_reading_the_session_of_a_scope_pins_its_generated_id():
    scope = set_session()
    pinned = scope.session.id
    with scope as session:
        assert session.id == pinned
    assert get_session(scope.context).id == pinned


def test_the_given_context_becomes_current_inside():
    ctx = context.set_value("mine", "value")
    with set_session(ctx, "conv-42"):
        assert context.get_value("mine") == "value"
    assert context.get_value("mine") is None


def test_an_empty_context_is_taken_as_given_and_not_as_none(pipeline):
    """``Context()`` is falsy, and a deliberate start from nothing: no parent span, no outer user."""
    with (
        set_session("outer", user_id="ada"),
        pipeline.tracer.start_as_current_span("parent"),
        set_session(context.Context(), "inner"),
    ):
        pipeline.tracer.start_span("root").end()
    assert pipeline.spans()["root"].parent is None
    assert pipeline.attributes("root") == {"session.id": "inner"}


def test_the_current_context_is_looked_up_at_each_entry():
    scope = set_session(session_id="conv-42")
    token = context.attach(context.set_value("mine", "value"))
    with scope:
        assert context.get_value("mine") == "value"
    context.detach(token)


def test_a_span_started_with_the_context_of_a_scope_carries_its_session(pipeline):
    scope = set_session(session_id="conv-42", user_id="ada")
    pipeline.tracer.start_span("explicit", context=scope.context).end()
    assert pipeline.attributes("explicit") == {"session.id": "conv-42", "user.id": "ada"}
    assert get_session() is None


def test_the_context_of_a_scope_is_as_good_as_being_inside(pipeline):
    ctx = context.set_value("session.id", "openinference")
    scope = set_session(ctx, "a", user_id="ada", name="n", metadata={"k": "v"}, tags=["t"])
    assert get_session(scope.context) == scope.session == Session("a", "ada", "n", metadata={"k": "v"}, tags=("t",))
    assert dict(baggage.get_all(scope.context)) == {"session.id": "a", "user.id": "ada", "session.name": "n"}
    assert [context.get_value(key, scope.context) for key in ("session.id", "user.id")] == ["a", "ada"]
    with set_session(scope.context, "b") as other:
        assert other == Session("b", "ada")
    pipeline.tracer.start_span("span", context=scope.context, attributes={"session.id": "theirs"}).end()
    assert pipeline.attributes("span")["session.displaced_id"] == "theirs"


def test_all_fields_reach_the_span_the_two_ids_last_to_be_dropped_last(pipeline):
    with set_session(
        None,
        "conv-42",
        user_id="ada",
        name="Course Creation",
        path="outline",
        previous_id="conv-41",
        metadata={"tier": "gold", "seats": 3},
        tags=["beta", "eu", "beta"],
    ):
        pipeline.tracer.start_span("span").end()
    assert list(pipeline.attributes("span").items()) == [
        ("session.tags", ("beta", "eu")),
        ("session.metadata.seats", "3"),
        ("session.metadata.tier", "gold"),
        ("session.previous_id", "conv-41"),
        ("session.path", "/outline"),
        ("session.name", "Course Creation"),
        ("user.id", "ada"),
        ("session.id", "conv-42"),
    ]


def test_metadata_and_tags_that_add_up_stay_bounded_and_never_cost_a_span_its_ids(pipeline, warnings):
    with set_session("a", user_id="ada"):
        scope = update_session(metadata={f"{n}": "v" for n in range(60)}, tags=map(str, range(60)))
        more = update_session(metadata={f"more {n}": "v" for n in range(60)}, tags=[f"more {n}" for n in range(60)])
        with scope, more as session:
            pipeline.tracer.start_span("span").end()
    assert (len(session.metadata), len(session.tags)) == (64, 64)
    assert pipeline.attributes("span").items() >= {"session.id": "a", "user.id": "ada"}.items()
    assert len(warnings()) == 2


def test_ids_name_and_path_travel_in_baggage_first_and_metadata_and_tags_do_not():
    ctx = baggage.set_baggage("theirs", "1")
    with set_session(
        ctx, "conv-42", user_id="ada", name="n", path="/p", previous_id="o", metadata={"a": "b"}, tags=["t"]
    ):
        assert list(baggage.get_all().items()) == [
            ("session.id", "conv-42"),
            ("user.id", "ada"),
            ("session.name", "n"),
            ("session.path", "/p"),
            ("session.previous_id", "o"),
            ("theirs", "1"),
        ]


def test_entries_that_other_code_adds_inside_stay_behind_the_ids_of_a_nested_session():
    with set_session("outer"):
        token = context.attach(baggage.set_baggage("theirs", "1"))
        with set_session("inner", user_id="ada"):
            assert list(baggage.get_all().items()) == [("session.id", "inner"), ("user.id", "ada"), ("theirs", "1")]
        context.detach(token)


def test_the_same_id_inherits_what_is_not_given():
    with (
        set_session("a", user_id="ada", name="n", path="/p", previous_id="o", metadata={"k": "v"}, tags=["t"]),
        set_session("a", name="other", metadata={"x": "y"}) as session,
    ):
        assert session == Session("a", "ada", "other", "/p", "o", {"x": "y"}, ("t",))


def test_another_id_inherits_the_user_and_nothing_else():
    with (
        set_session("a", user_id="ada", name="n", path="/p", previous_id="o", metadata={"k": "v"}, tags=["t"]),
        set_session("b") as session,
    ):
        assert session == Session("b", "ada")


def test_another_id_with_another_user():
    with set_session("a", user_id="ada"), set_session("b", user_id="bob") as session:
        assert session == Session("b", "bob")


def test_a_user_of_a_remote_caller_goes_with_its_own_session_only():
    remote = baggage.set_baggage("user.id", "mallory", baggage.set_baggage("session.id", "theirs"))
    with set_session(remote, "ours") as session:
        assert session == Session("ours")
        assert "user.id" not in baggage.get_all()
    with set_session(remote, "theirs") as same, set_session("ours") as nested:
        assert (same, nested) == (Session("theirs", "mallory"), Session("ours"))
    with set_session(remote, "theirs", user_id="ada"), set_session("ours") as trusted:
        assert trusted == Session("ours", "ada")


def test_update_session_keeps_the_session_and_adds_fields():
    with (
        set_session("a", name="n", metadata={"k": "v", "x": "1"}, tags=["t"]),
        update_session(user_id="ada", metadata={"x": "2"}, tags=["u", "t"]) as session,
    ):
        assert session == Session("a", "ada", "n", None, None, {"k": "v", "x": "2"}, ("t", "u"))


def test_update_session_works_with_a_user_alone(pipeline):
    with update_session(user_id="ada") as session:
        pipeline.tracer.start_span("span").end()
        assert session == get_session() == Session(user_id="ada")
        assert dict(baggage.get_all()) == {"user.id": "ada"}
    assert pipeline.attributes("span") == {"user.id": "ada"}


def test_update_session_keeps_it_a_remote_user_unless_it_gives_one():
    remote = baggage.set_baggage("user.id", "mallory", baggage.set_baggage("session.id", "theirs"))
    token = context.attach(remote)
    with update_session(name="n"), set_session("ours") as session:
        assert session == Session("ours")
    with update_session(user_id="ada"), set_session("ours") as session:
        assert session == Session("ours", "ada")
    context.detach(token)


def test_steps_nest_to_a_path_and_leave_it_again(pipeline):
    with set_session("a"):
        with step("outline"), step("lesson/1"):
            pipeline.tracer.start_span("inner").end()
            assert get_session().path == "/outline/lesson/1"
        assert get_session().path is None
    assert pipeline.attributes("inner") == {"session.id": "a", "session.path": "/outline/lesson/1"}


def test_a_step_without_a_session_is_a_path_without_an_id(pipeline):
    with step("outline"):
        pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {"session.path": "/outline"}


def test_steps_continue_below_a_given_path():
    with set_session("a", path="//book/"), step(" part "):
        assert get_session().path == "/book/part"


def test_a_path_that_gets_too_long_becomes_a_digest_that_still_fits():
    with set_session("a", path="p" * 199):
        assert get_session().path == "/" + "p" * 199
        with step("deep"):
            path = get_session().path
    assert path == "/" + digest("/" + "p" * 199 + "/deep")


def test_clear_session_leaves_no_session_and_no_user(pipeline):
    token = context.attach(baggage.set_baggage("theirs", "1"))
    with set_session("a", user_id="ada"):
        with clear_session() as session:
            pipeline.tracer.start_span("span").end()
            assert session == Session()
            assert get_session() is None
            assert dict(baggage.get_all()) == {"theirs": "1"}
        assert get_session() == Session("a", "ada")
    context.detach(token)
    assert pipeline.attributes("span") == {}


def test_clear_session_also_hides_what_other_tools_and_parents_left(pipeline):
    ctx = context.set_value("session.id", "openinference", baggage.set_baggage("session.id", "hand-set"))
    token = context.attach(ctx)
    with (
        pipeline.tracer.start_as_current_span("parent", attributes={"session.id": "start"}),
        clear_session(),
        update_session(user_id="ada"),
    ):
        pipeline.tracer.start_span("span").end()
    context.detach(token)
    assert pipeline.attributes("span") == {"user.id": "ada"}


def test_clear_session_of_a_given_context():
    ctx = set_session(session_id="a").context
    with clear_session(ctx):
        assert get_session() is None
    assert get_session(ctx) == Session("a")


def test_get_session_reads_any_context():
    ctx = set_session(session_id="a", user_id="ada").context
    assert get_session(ctx) == Session("a", "ada")
    assert get_session(context.Context()) is None
    assert get_session() is None


def test_a_hand_set_baggage_entry_gives_way_to_the_scope(pipeline):
    with set_session("ours", user_id="ada"):
        token = context.attach(baggage.set_baggage("session.id", "theirs"))
        pipeline.tracer.start_span("span").end()
        assert get_session() == Session("ours", "ada")
        context.detach(token)
    assert pipeline.attributes("span") == {"session.id": "ours", "user.id": "ada"}


def test_a_session_is_a_value_that_cannot_be_changed():
    session = Session("a", metadata={"k": "v"}, tags=("t",))
    with pytest.raises(AttributeError):
        session.id = "b"
    with pytest.raises(TypeError, match="update_session"):
        session.metadata["k"] = "w"
    with pytest.raises(TypeError, match="update_session"):
        session.metadata.update(k="w")
    assert hash(session) == hash(Session("a", metadata={"k": "v"}, tags=("t",)))


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda session: pickle.loads(pickle.dumps(session)), id="pickle"),  # noqa: S301  # our own bytes
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(lambda session: Session(**dataclasses.asdict(session)), id="asdict"),
    ],
)
def test_a_session_can_be_copied_and_sent_to_another_process(copied):
    session = Session("a", "ada", "n", "/p", "o", {"k": "v"}, ("t",))
    assert copied(session) == session


def test_the_change_that_a_caller_makes_to_metadata_later_is_not_seen():
    metadata = {"k": "v"}
    scope = set_session(session_id="a", metadata=metadata)
    metadata["k"] = "changed"
    assert scope.session.metadata == {"k": "v"}


def test_a_remote_parent_is_no_local_span(pipeline):
    remote = trace.SpanContext(trace_id=1, span_id=2, is_remote=True, trace_flags=trace.TraceFlags(1))
    ctx = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    pipeline.tracer.start_span("span", context=ctx).end()
    assert pipeline.attributes("span") == {}


def test_the_fields_of_a_session_tell_their_defaults():
    made = {
        each.name: each.default_factory for each in dataclasses.fields(Session) if each.default is dataclasses.MISSING
    }
    assert {name: make() for name, make in made.items()} == {"metadata": {}}
