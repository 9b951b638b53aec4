"""Checks and feedback: the value, the event and the span, and in which session and trace they are."""

from __future__ import annotations

import json
import math
import sys
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from opentelemetry import context
from opentelemetry._logs import NoOpLoggerProvider

from otel_sessions import (
    Check,
    Session,
    check,
    check_equals,
    check_includes,
    check_json,
    check_regex,
    clear_session,
    feedback,
    set_session,
    to_carrier,
    turn,
)
from otel_sessions._context.providers import PROVIDERS
from otel_sessions._conversation.handles import handle_in
from otel_sessions._settings.settings import Settings, use_in_process
from records import KeptRecords

PASSED = {"gen_ai.evaluation.name": "ok", "gen_ai.evaluation.score.value": 1.0, "gen_ai.evaluation.score.label": "pass"}


class Recorded(KeptRecords):
    """What checks have left: events and spans."""

    def __init__(self, pipeline) -> None:
        self.pipeline = pipeline
        self.tracer = pipeline.tracer
        super().__init__()
        PROVIDERS.use(pipeline.provider, self.provider)

    def checks(self):
        return [span for span in self.pipeline.exporter.get_finished_spans() if span.name.startswith("check ")]

    def span(self):
        (span,) = self.checks()
        return span


@pytest.fixture
def recorded(pipeline):
    return Recorded(pipeline)


def ids(span):
    found = span.get_span_context()
    return found.trace_id, found.span_id


# The value


@pytest.mark.parametrize(
    ("given", "passed", "score", "label"),
    [
        ({"passed": True}, True, 1.0, "pass"),
        ({"passed": False}, False, 0.0, "fail"),
        ({"passed": 1}, True, 1.0, "pass"),
        ({"passed": True, "score": 0.5, "label": "good"}, True, 0.5, "good"),
        ({"score": 3}, None, 3.0, None),
        ({"score": True}, None, 1.0, None),
        ({"score": Decimal("0.5")}, None, 0.5, None),
        ({"score": Fraction(1, 4), "label": " fine "}, None, 0.25, "fine"),
        ({"explanation": "why"}, None, None, None),
    ],
)
def test_what_is_not_given_follows_from_whether_it_passed(given, passed, score, label):
    found = check("ok", **given)
    assert (found.name, found.passed, found.score, found.label) == ("ok", passed, score, label)
    assert found == feedback("ok", **given)


def test_a_check_is_true_where_it_has_passed():
    assert check("ok", passed=True)
    assert not check("ok", passed=False)
    assert not check("ok", score=1.0)


def test_a_check_cannot_be_changed():
    with pytest.raises(AttributeError):
        Check("ok").passed = True


class Hostile:
    def __eq__(self, other):
        raise RuntimeError

    def __float__(self):
        raise RuntimeError

    def __str__(self):
        raise RuntimeError

    __hash__ = None


@pytest.mark.parametrize(
    ("argument", "value", "complaint"),
    [
        ("score", math.nan, "score: expected a finite number and got something else (float)"),
        ("score", -math.inf, "score: expected a finite number and got something else (float)"),
        ("score", 10**400, "score: expected a finite number and got something else (int)"),
        ("score", "0.5", "score: expected a finite number and got something else (str)"),
        ("score", Hostile(), "score: expected a finite number and got something else (Hostile)"),
        ("passed", "false", "passed: expected a bool and got something else (str)"),
        ("passed", Hostile(), "passed: expected a bool and got something else (Hostile)"),
        ("label", 7.5, "label: expected a str, an int of at most 4300 digits or a uuid.UUID and got float"),
        ("response_id", [], "response_id: expected a str, an int of at most 4300 digits or a uuid.UUID and got list"),
    ],
)
def test_what_cannot_be_used_is_left_out_with_a_warning(warnings, argument, value, complaint):
    assert check("ok", explanation="why", **{argument: value}) == Check("ok", explanation="why")
    (said,) = warnings()
    assert said.startswith(f"otel_sessions: {complaint}, so it is left out ({__file__}:")


def test_a_name_that_cannot_be_used_is_another(warnings):
    assert check(None, passed=True).name == "check"
    assert "name: expected a str" in warnings()[0]


@pytest.mark.parametrize(
    ("given", "text"),
    [("a" * 9000, "a" * 8191 + "…"), (7, "7"), (Hostile(), "<Hostile>"), ("a\nb\ud800", "a\nb?")],
    ids=["long", "number", "hostile", "surrogate"],
)
def test_an_explanation_is_a_text_that_an_exporter_can_write(given, text):
    assert check("ok", explanation=given).explanation == text


# What is recorded


def test_a_check_is_an_event_of_the_current_span_in_the_current_session(recorded):
    with recorded.tracer.start_as_current_span("turn") as turn, set_session("conv-42", user_id="ada"):
        check("ok", passed=True, explanation="why", response_id="resp-1")
    record = recorded.record()
    assert record.event_name == "gen_ai.evaluation.result"
    assert (record.trace_id, record.span_id) == ids(turn)
    assert recorded.told() == {
        **PASSED,
        "gen_ai.evaluation.explanation": "why",
        "gen_ai.response.id": "resp-1",
        "annotation.annotator_kind": "CODE",
        "session.id": "conv-42",
        "user.id": "ada",
    }


def test_a_check_is_a_span_below_the_current_one(recorded):
    with recorded.tracer.start_as_current_span("turn") as turn, set_session("conv-42", user_id="ada"):
        check("ok", passed=True, explanation="why", response_id="resp-1")
    span = recorded.span()
    attributes = dict(span.attributes)
    assert (span.name, span.context.trace_id, span.parent.span_id) == ("check ok", *ids(turn))
    assert (span.instrumentation_scope.name, bool(span.instrumentation_scope.version)) == ("otel_sessions", True)
    assert json.loads(attributes.pop("output.value")) == {
        "passed": True,
        "name": "ok",
        "score": 1.0,
        "label": "pass",
        "explanation": "why",
        "annotator_kind": "CODE",
    }
    assert attributes == {
        **PASSED,
        "gen_ai.evaluation.explanation": "why",
        "gen_ai.response.id": "resp-1",
        "openinference.span.kind": "EVALUATOR",
        "output.mime_type": "application/json",
        "trace.annotations.0.annotation.name": "ok",
        "trace.annotations.0.annotation.score": 1.0,
        "trace.annotations.0.annotation.label": "pass",
        "trace.annotations.0.annotation.explanation": "why",
        "trace.annotations.0.annotation.annotator_kind": "CODE",
        "session.id": "conv-42",
        "user.id": "ada",
    }


def test_what_is_not_known_is_not_told(recorded):
    check("ok", score=0.5)
    assert recorded.told() == {
        "gen_ai.evaluation.name": "ok",
        "gen_ai.evaluation.score.value": 0.5,
        "annotation.annotator_kind": "CODE",
    }
    told = {"name": "ok", "score": 0.5, "annotator_kind": "CODE"}
    assert json.loads(recorded.span().attributes["output.value"]) == told


@pytest.mark.parametrize(
    ("judge", "kind"),
    [
        (lambda: check("ok", passed=True, annotator="LLM"), "LLM"),
        (lambda: check("ok", passed=True, annotator="human"), "HUMAN"),
        (lambda: feedback("ok", passed=True), "HUMAN"),
    ],
    ids=["llm", "human", "feedback"],
)
def test_who_has_judged_is_told(recorded, judge, kind):
    judge()
    assert recorded.told()["annotation.annotator_kind"] == kind
    assert recorded.span().attributes["trace.annotations.0.annotation.annotator_kind"] == kind


@pytest.mark.parametrize("wrong", ["robot", 7])
def test_another_annotator_is_none(recorded, warnings, wrong):
    check("ok", passed=True, annotator=wrong)
    assert recorded.told()["annotation.annotator_kind"] == "CODE"
    assert "annotator: expected one of code, llm, human" in warnings()[0]


def test_nothing_found_out_is_nothing_recorded(recorded, warnings):
    assert check("ok", response_id="resp-1") == Check("ok", response_id="resp-1")
    assert (recorded.records(), recorded.checks()) == ([], [])
    assert "check: nothing was found out, so nothing is recorded" in warnings()[0]


def test_a_remark_alone_is_recorded(recorded):
    feedback("remark", explanation="too long")
    assert recorded.told()["gen_ai.evaluation.explanation"] == "too long"


def test_outside_of_everything_it_is_recorded_all_the_same(recorded):
    check("ok", passed=True)
    assert (recorded.record().span_id, recorded.span().parent) == (0, None)
    assert "trace.annotations.0.annotation.name" in recorded.span().attributes


# Where


def judged_session(recorded):
    """Return whose session it is by the event and by the span, and what the span is an annotation of."""
    attributes = recorded.span().attributes
    scopes = {key.partition(".")[0] for key in attributes if ".annotations.0." in key}
    return recorded.told().get("session.id"), attributes.get("session.id"), *scopes


NAMED = pytest.mark.parametrize(
    "named", ["conv-42", Session("conv-42", "ada"), {"baggage": "session.id=conv-42"}, None], ids=type
)


@NAMED
def test_of_a_session_without_a_trace_at_hand_there_is_the_event_alone(recorded, named):
    """A trace of its own would look like one turn more, in which nothing was said."""
    with set_session("conv-42"):
        check("ok", passed=True, session=named)
    assert (recorded.told()["session.id"], recorded.record().span_id, recorded.checks()) == ("conv-42", 0, [])


@NAMED
def test_where_no_logs_are_written_a_session_is_judged_in_a_trace_of_its_own(recorded, named):
    PROVIDERS.use(recorded.pipeline.provider, NoOpLoggerProvider())
    with set_session("conv-42"):
        check("ok", passed=True, session=named)
    span = recorded.span()
    assert (span.parent, span.attributes["session.id"]) == (None, "conv-42")
    assert span.attributes["session.annotations.0.annotation.name"] == "ok"
    assert "output.value" not in span.attributes


@NAMED
def test_a_session_is_judged_below_its_last_turn_and_at_the_time_of_that(recorded, named):
    with set_session("conv-42"):
        with turn("first"):
            pass
        before = time.time_ns()
        with turn("last") as last, turn("part of it"):
            pass
        check("ok", passed=True, session=named)
    assert judged_session(recorded) == ("conv-42", "conv-42", "session")
    assert (recorded.record().span_id, recorded.span().context.trace_id, recorded.span().parent.span_id) == (
        0,
        *ids(last.span),
    )
    assert before <= recorded.span().start_time == recorded.span().end_time <= last.span.end_time


def test_the_last_turn_of_a_session_may_be_below_a_server_span(recorded):
    with recorded.tracer.start_as_current_span("POST /chat"), set_session("conv-42"), turn("reply") as last:
        pass
    check("ok", passed=True, session="conv-42")
    assert recorded.span().parent.span_id == ids(last.span)[1]


def test_a_turn_that_is_not_the_root_of_its_trace_says_so_for_those_who_show_traces(recorded):
    with turn("root") as root:
        check("of the root", passed=True)
    with recorded.tracer.start_as_current_span("POST /chat"), turn("reply") as below:
        check("of the turn", passed=True)
    feedback("later, of the root", passed=True, session=root.handle)
    feedback("later, of the turn", passed=True, session=below.handle)
    scopes = [record.attributes.get("annotation.scope") for record in recorded.records()]
    assert scopes == [None, "trace", None, "trace"]


def test_the_session_at_hand_is_judged_in_the_trace_at_hand(recorded):
    with recorded.tracer.start_as_current_span("turn") as turn, set_session("conv-42", user_id="ada"):
        check("ok", passed=True, session="conv-42")
    assert judged_session(recorded) == ("conv-42", "conv-42", "session")
    assert recorded.record().span_id == 0
    assert (recorded.span().context.trace_id, recorded.span().parent.span_id) == ids(turn)
    assert recorded.told()["user.id"] == "ada"


def test_another_session_does_not_tear_the_trace_at_hand(recorded):
    with recorded.tracer.start_as_current_span("turn"), set_session("conv-42", user_id="ada"):
        check("ok", passed=True, session="other")
    assert (recorded.told()["session.id"], recorded.record().trace_id, recorded.checks()) == ("other", 0, [])
    PROVIDERS.use(recorded.pipeline.provider, NoOpLoggerProvider())
    with recorded.tracer.start_as_current_span("turn") as turn, set_session("conv-42", user_id="ada"):
        check("ok", passed=True, session="other")
    assert (recorded.span().attributes["session.id"], recorded.span().parent) == ("other", None)
    assert recorded.span().context.trace_id != ids(turn)[0]


def test_in_a_trace_without_a_session_a_session_is_judged_apart(recorded):
    with recorded.tracer.start_as_current_span("turn"):
        check("ok", passed=True, session="conv-42")
    assert (recorded.told()["session.id"], recorded.record().trace_id, recorded.checks()) == ("conv-42", 0, [])


def test_where_the_session_is_cleared_there_is_none(recorded):
    with set_session("conv-42"), clear_session(), recorded.tracer.start_as_current_span("turn") as turn:
        check("ok", passed=True)
    assert judged_session(recorded) == (None, None, "trace")
    assert recorded.record().span_id == ids(turn)[1]


def finished_turn(recorded):
    with set_session("conv-42", user_id="ada"), recorded.tracer.start_as_current_span("turn") as turn:
        return turn, handle_in(context.get_current()), to_carrier()


def test_a_handle_leads_to_its_turn_from_anywhere(recorded):
    turn, handle, _ = finished_turn(recorded)
    before = time.time_ns()
    with set_session("other", user_id="eve"), recorded.tracer.start_as_current_span("POST /feedback"):
        feedback("ok", passed=True, session=handle)
    record, span = recorded.record(), recorded.span()
    assert judged_session(recorded) == ("conv-42", "conv-42", "trace")
    assert (recorded.told()["user.id"], span.attributes["user.id"]) == ("ada", "ada")
    assert (record.trace_id, record.span_id) == ids(turn) == (span.context.trace_id, span.parent.span_id)
    assert record.timestamp >= before


def test_feedback_of_another_day_does_not_prolong_the_turn(recorded):
    _, handle, _ = finished_turn(recorded)
    feedback("ok", passed=True, session=handle)
    assert recorded.span().start_time == recorded.span().end_time == int(json.loads(handle)["at"])


def test_a_carrier_leads_to_its_turn_as_of_now(recorded):
    turn, _, carrier = finished_turn(recorded)
    before = time.time_ns()
    feedback("ok", passed=True, session=carrier)
    assert (recorded.span().context.trace_id, recorded.span().parent.span_id) == ids(turn)
    assert recorded.span().start_time >= before


def test_a_handle_of_a_turn_without_a_session_has_none(recorded):
    with recorded.tracer.start_as_current_span("turn") as turn:
        handle = handle_in(context.get_current())
    with set_session("other"):
        check("ok", passed=True, session=handle)
    assert judged_session(recorded) == (None, None, "trace")
    assert recorded.record().span_id == ids(turn)[1]


def test_a_broken_handle_loses_nothing_and_judges_nobody_else(recorded, warnings):
    with set_session("other"), recorded.tracer.start_as_current_span("POST /feedback"):
        feedback("ok", passed=True, session="{xyzzy")
    assert (recorded.told().get("session.id"), recorded.record().span_id) == (None, 0)
    assert recorded.checks() == []  # it would be a trace of its own, about nothing
    assert "session: this handle is no JSON" in warnings()[0]
    assert "xyzzy" not in warnings()[0]


def test_feedback_for_a_handle_that_was_not_found_is_not_about_what_is_current(recorded, warnings):
    with set_session("other"), recorded.tracer.start_as_current_span("POST /feedback"):
        found = feedback("ok", passed=True, session={}.get("message"))
    assert found == Check("ok", True, 1.0, "pass")
    assert (recorded.records(), recorded.checks()) == ([], [])
    (said,) = warnings()
    assert said.startswith(
        f"otel_sessions: session: None was given, so nothing is recorded; leave it out for what is current, or "
        f"give it a turn or its handle (t.handle), or a session or its id ({__file__}:"
    )


def test_feedback_about_nothing_else_is_about_what_is_current(recorded, warnings):
    with set_session("conv-42"), recorded.tracer.start_as_current_span("turn") as turn:
        feedback("ok", passed=True)
    assert (recorded.told()["session.id"], recorded.record().span_id) == ("conv-42", ids(turn)[1])
    assert warnings() == []


def test_what_a_person_says_is_told_from_what_an_application_asked_a_person(recorded):
    feedback("ok", passed=True)
    check("ok", passed=True, annotator="human")
    assert [record.attributes.get("annotation.identifier") for record in recorded.records()] == ["feedback", None]


def test_callers_that_are_not_trusted_change_nothing_about_a_handle(recorded, monkeypatch):
    _, handle, _ = finished_turn(recorded)
    monkeypatch.setenv("OTEL_SESSION_TRUST_INCOMING", "false")
    use_in_process(None)
    feedback("ok", passed=True, session=handle)
    assert judged_session(recorded) == ("conv-42", "conv-42", "trace")


# Where nothing is recorded


def test_switched_off_it_returns_the_check_alone(recorded):
    use_in_process(Settings(disabled=True))
    assert check("ok", passed=True) == Check("ok", True, 1.0, "pass")
    assert check("ok") == Check("ok")
    assert (recorded.records(), recorded.checks()) == ([], [])


def test_an_exporter_at_work_records_nothing(recorded):
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
    check("ok", passed=True)
    context.detach(token)
    assert (recorded.records(), recorded.checks()) == ([], [])


def test_without_an_sdk_it_returns_the_check_and_says_nothing(warnings):
    assert check_json("{}") == Check("json", True, 1.0, "pass")
    assert warnings() == []


class NoProvider:
    """It is one by its names alone."""

    def get_tracer(self, *_):
        raise AttributeError

    def get_logger(self, *_):
        raise AttributeError


def test_recording_never_raises(warnings):
    provider = NoProvider()
    PROVIDERS.use(provider, None)
    assert [check("ok", passed=True) for _ in range(2)] == [Check("ok", True, 1.0, "pass")] * 2
    assert ["check: recording it raised AttributeError" in said for said in warnings()] == [True]


def test_where_logs_are_broken_the_span_is_there(recorded, warnings):
    provider = NoProvider()
    PROVIDERS.use(recorded.pipeline.provider, provider)
    check("ok", passed=True)
    assert recorded.span().name == "check ok"
    assert "check: recording it raised AttributeError" in warnings()[0]


# The judges


def test_json_is_checked(recorded):
    with recorded.tracer.start_as_current_span("turn"):
        found = check_json('{"secret": xyzzy}', response_id="resp-1")
    assert found == Check("json", False, 0.0, "fail", "no JSON: expecting value at line 1, column 12", "resp-1")
    assert recorded.span().start_time <= recorded.span().end_time
    assert recorded.told()["gen_ai.evaluation.explanation"] == found.explanation


def test_json_is_checked_by_a_schema():
    assert check_json("7", schema={"type": "integer"}) == Check("json", True, 1.0, "pass")
    assert check_json("7", schema=False) == Check("json", False, 0.0, "fail", "$ does not fit the schema")
    found = check_json("7", schema={"type": "xyzzy"})
    assert (found.passed, found.score, found.label) == (None, None, "error")


def test_a_pattern_is_checked():
    assert check_regex("Paris", "^P") == Check("regex", True, 1.0, "pass")
    found = check_regex("a" * 50_000 + "!", "(a+)+$")
    assert (found.passed, found.score, found.label, bool(found)) == (None, None, "timeout", False)


@pytest.mark.parametrize(
    ("judge", "error"),
    [
        pytest.param(lambda: check_regex("a" * 50_000 + "!", "(a+)+$"), "timeout", id="timeout"),
        pytest.param(lambda: check_regex("a", "("), "_OTHER", id="pattern"),
        pytest.param(lambda: check_json("7", schema=7), "_OTHER", id="schema"),
        pytest.param(lambda: check_includes("a", []), "_OTHER", id="nothing to look for"),
        pytest.param(lambda: check_regex("a", "b"), None, id="failed"),
        pytest.param(lambda: check("ok", label="timeout"), None, id="a label of one's own"),
    ],
)
def test_what_could_not_be_judged_has_the_type_of_its_error(recorded, judge, error):
    judge()
    assert (recorded.told().get("error.type"), recorded.span().attributes.get("error.type")) == (error, error)


def test_parts_are_checked():
    assert check_includes("Paris", "par", case_sensitive=False) == Check("includes", True, 1.0, "pass")
    assert not check_includes("Paris", "par")


def test_equality_is_checked():
    assert check_equals([1], [1.0]) == Check("equals", True, 1.0, "pass")
    assert not check_equals("a", "b")


@pytest.mark.parametrize(
    "judge",
    [
        lambda **options: check_json("7", **options),
        lambda **options: check_regex("7", "7", **options),
        lambda **options: check_includes("7", "7", **options),
        lambda **options: check_equals("7", "7", **options),
    ],
    ids=["json", "regex", "includes", "equals"],
)
def test_each_takes_a_name_an_answer_and_a_session(recorded, judge):
    assert judge(name="ok", response_id="resp-1", session="conv-42") == Check("ok", True, 1.0, "pass", None, "resp-1")
    assert (recorded.told()["session.id"], recorded.told()["gen_ai.response.id"]) == ("conv-42", "resp-1")


@pytest.mark.parametrize(
    ("library", "judge"),
    [
        ("regex", lambda: check_regex("secret", "s")),
        ("jsonschema", lambda: check_json("secret", schema={})),
    ],
)
def test_without_the_extra_it_says_what_to_install(recorded, warnings, monkeypatch, library, judge):
    monkeypatch.setitem(sys.modules, library, None)  # as where it is not installed
    for _ in range(2):
        found = judge()
    assert (found.passed, found.label) == (None, "error")
    assert "pip install 'otel-sessions[checks]'" in found.explanation
    assert len(warnings()) == 1
    assert "pip install 'otel-sessions[checks]'" in warnings()[0]
    assert len(recorded.records()) == 2


def test_a_judge_that_raises_is_an_error_and_no_more(monkeypatch):
    monkeypatch.setattr("otel_sessions._conversation.checks.judged_equals", lambda *_: 1 / 0)
    assert check_equals(1, 1) == Check("equals", label="error", explanation="judging raised ZeroDivisionError")
