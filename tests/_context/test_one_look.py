"""What is found quickly is what is there: nothing that was found before is taken for what has changed since."""

from __future__ import annotations

import pytest
from opentelemetry import baggage
from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context

from otel_sessions import set_session
from otel_sessions._context.baggage import CONTEXT_KEY
from otel_sessions._settings.settings import Settings, use_in_process

IDS = {"session.id": "conv-42", "user.id": "ada"}


def started(pipeline, context):
    span = pipeline.tracer.start_span("span", context=context)
    span.end()
    return dict(span.attributes)


def received(items):
    return Context({CONTEXT_KEY: items})


def test_a_caller_that_is_the_same_is_found_again(pipeline):
    context = received(dict(IDS))
    assert [started(pipeline, context) for _ in range(3)] == [IDS] * 3


def test_callers_of_the_same_user_are_told_apart(pipeline):
    contexts = [received({**IDS, "session.id": f"conv-{number}"}) for number in range(3)]
    found = [started(pipeline, context)["session.id"] for context in contexts * 2]
    assert found == ["conv-0", "conv-1", "conv-2"] * 2


def test_a_session_without_a_user_does_not_get_that_of_the_last_caller(pipeline):
    started(pipeline, received(dict(IDS)))
    assert started(pipeline, received({"session.id": IDS["session.id"]})) == {"session.id": "conv-42"}
    assert started(pipeline, received({"session.id": IDS["session.id"], "x": "y"})) == {"session.id": "conv-42"}


def test_baggage_that_somebody_changes_in_place_is_read_anew(pipeline):
    items = dict(IDS)
    context = received(items)
    assert started(pipeline, context) == IDS
    items["session.id"] = "conv-43"
    assert started(pipeline, context) == {**IDS, "session.id": "conv-43"}
    items["session.name"] = "trip"
    assert started(pipeline, context) == {**IDS, "session.id": "conv-43", "session.name": "trip"}
    del items["session.name"], items["user.id"]
    assert started(pipeline, context) == {"session.id": "conv-43"}


class Local:
    """Stands for a text that is another one for each request, as werkzeug's proxies do."""

    def __init__(self, text) -> None:
        self.text = text

    @property
    def __class__(self):
        return str

    def __str__(self) -> str:
        return self.text


def test_a_value_that_stands_for_another_text_each_time_is_read_anew(pipeline):
    local = Local("conv-1")
    context = received({"session.id": local, "user.id": "ada"})
    assert started(pipeline, context)["session.id"] == "conv-1"
    local.text = "conv-2"
    assert started(pipeline, context)["session.id"] == "conv-2"


@pytest.mark.parametrize(("session_id", "found"), [(5, "5"), (True, None), (5.0, None), ("", None), (["a"], None)])
@pytest.mark.warned_of("baggage entry")
def test_what_equals_an_id_is_not_taken_for_it(pipeline, session_id, found):
    for other in ("5", 1, 5):
        started(pipeline, received({"session.id": other, "user.id": "ada"}))
    assert started(pipeline, received({"session.id": session_id, "user.id": "ada"})).get("session.id") == found


def test_a_caller_is_judged_by_the_settings_that_hold(pipeline):
    context = received(dict(IDS))
    assert started(pipeline, context) == IDS
    use_in_process(Settings.resolved(trust_incoming=False))
    assert started(pipeline, context) == {}
    use_in_process(Settings.resolved(user_privacy="drop"))
    assert started(pipeline, context) == {"session.id": "conv-42"}
    use_in_process(None)
    assert started(pipeline, context) == IDS


@pytest.fixture(params=["ours", "of another provider"])
def parent(request, pipeline):
    """A span that is open, with whatever else there is of it in the Context of a child."""
    other = TracerProvider(shutdown_on_exit=False).get_tracer("other")
    tracer = pipeline.tracer if request.param == "ours" else other
    return tracer.start_span("parent", context=Context(), attributes={"http.request.method": "GET"})


@pytest.mark.parametrize("more", [{}, {"another": "entry"}], ids=["nothing else", "more in the Context"])
def test_a_parent_without_a_session_is_looked_at_again_for_each_child(pipeline, parent, more):
    context = Context({**set_span_in_context(parent, Context()), **more})
    assert [started(pipeline, context) for _ in range(2)] == [{}, {}]
    parent.set_attribute("session.id", "conv-42")
    assert started(pipeline, context) == {"session.id": "conv-42"}
    parent.set_attribute("user.id", "ada")
    assert [started(pipeline, context) for _ in range(2)] == [IDS, IDS]
    parent.set_attribute("session.id", "conv-43")
    assert started(pipeline, context) == {**IDS, "session.id": "conv-43"}
    parent.set_attributes({"session.name": "trip", "session.metadata.plan": "pro", "session.tags": ["a"]})
    assert started(pipeline, context) == {
        "session.id": "conv-43",
        "user.id": "ada",
        "session.name": "trip",
        "session.metadata.plan": "pro",
        "session.tags": ("a",),
    }


def test_parents_of_one_session_and_several_users_are_told_apart(pipeline):
    start = TracerProvider(shutdown_on_exit=False).get_tracer("other").start_span
    parents = [start("parent", attributes={"session.id": "conv-42", "user.id": user}) for user in ("ada", "bob")]
    contexts = [set_span_in_context(parent, Context()) for parent in parents]
    assert [started(pipeline, context)["user.id"] for context in contexts * 2] == ["ada", "bob"] * 2


def test_a_parent_shows_its_user_by_the_settings_that_hold(pipeline, parent):
    parent.set_attributes(IDS)
    context = set_span_in_context(parent, Context())
    assert started(pipeline, context) == IDS
    use_in_process(Settings.resolved(user_privacy="drop"))
    assert started(pipeline, context) == {"session.id": "conv-42"}


def test_a_parent_that_fails_to_tell_is_without_a_session(pipeline, parent, monkeypatch, warnings):
    def broken(span):
        raise ZeroDivisionError(span)

    monkeypatch.setattr("otel_sessions._context.resolution.note_of", broken)
    parent.set_attributes(IDS)
    assert started(pipeline, set_span_in_context(parent, Context())) == {}
    assert warnings() == ["otel_sessions: looking for a session raised ZeroDivisionError: there is none"]


def test_who_reads_the_baggage_of_a_scope_gets_a_dict(pipeline):
    with set_session("conv-42", user_id="ada"):
        items = get_current().get(CONTEXT_KEY)
        assert type(items) is dict
        assert dict(baggage.get_all()) == items == IDS
        assert started(pipeline, None) == IDS
