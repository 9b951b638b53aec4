"""Checks, evaluations and feedback, whoever has written them."""

from __future__ import annotations

import pytest
from otlp_shapes import facts_of, log_facts_of

from otel_sessions.view.shapes.facts import Judgement, Kind

RESULT = "gen_ai.evaluation.result"


def annotation_of(prefix: str, number: int, **fields: object) -> dict[str, object]:
    one = prefix.rpartition(".")[2].removesuffix("s")
    return {f"{prefix}.{number}.{one}.{key}": value for key, value in fields.items()}


JUDGEMENTS = [
    pytest.param({"label": "pass", "score": 1.0}, (True, 1.0, "pass"), id="passed"),
    pytest.param({"label": "FAIL", "score": 0.0}, (False, 0.0, "FAIL"), id="not passed"),
    pytest.param({"label": "passed"}, (True, None, "passed"), id="a word"),
    pytest.param({"label": "incorrect"}, (False, None, "incorrect"), id="another word"),
    pytest.param({"label": True}, (True, None, "true"), id="a truth value"),
    pytest.param({"label": "error"}, (None, None, "error"), id="could not be judged"),
    pytest.param({"label": "timeout", "score": 0.0}, (None, 0.0, "timeout"), id="took too long"),
    pytest.param({"label": "polite", "score": 0.0}, (None, 0.0, "polite"), id="a word that tells nothing"),
    pytest.param({"score": 1}, (True, 1.0, ""), id="all"),
    pytest.param({"score": 0}, (False, 0.0, ""), id="none"),
    pytest.param({"score": 0.5}, (None, 0.5, ""), id="half"),
    pytest.param({"score": float("nan")}, (None, None, ""), id="not a number"),
    pytest.param({"score": float("inf")}, (None, None, ""), id="no end"),
    pytest.param({"score": True}, (None, None, ""), id="true"),
    pytest.param({"score": "1"}, (None, None, ""), id="a text"),
    pytest.param({}, (None, None, ""), id="nothing"),
    pytest.param({"score": 2**63 - 1}, (None, float(2**63 - 1), ""), id="64 bits"),
]


@pytest.mark.parametrize(("fields", "expected"), JUDGEMENTS)
def test_an_event_is_a_judgement(fields, expected):
    given = {
        "gen_ai.evaluation.name": "tone",
        **{f"gen_ai.evaluation.score.{'value' if k == 'score' else k}": v for k, v in fields.items()},
    }
    judged = Judgement("tone", *expected)
    assert facts_of(events=[(RESULT, given)]).judgements == (judged,)
    assert log_facts_of(None, given, event=RESULT).judgements == (judged,)


@pytest.mark.parametrize(("fields", "expected"), JUDGEMENTS)
@pytest.mark.parametrize(
    "prefix",
    ["trace.annotations", "session.annotations", "session.evaluations", "trace.evaluations", "span.annotations"],
)
def test_an_annotation_of_openinference_is_a_judgement(prefix, fields, expected):
    given = annotation_of(prefix, 0, name="tone", **fields)
    is_of_session = prefix.startswith("session")
    assert facts_of(given).judgements == (Judgement("tone", *expected, of_session=is_of_session),)


def test_feedback_is_what_a_person_has_said():
    given = {
        "gen_ai.evaluation.name": "thumb",
        "gen_ai.evaluation.score.label": "fail",
        "annotation.annotator_kind": "HUMAN",
    }
    assert log_facts_of(None, given, event=RESULT).judgements == (Judgement("thumb", False, None, "fail", "", True),)
    annotated = annotation_of("trace.annotations", 0, name="thumb", annotator_kind="HUMAN", explanation="no")
    assert facts_of(annotated).judgements == (Judgement("thumb", None, None, "", "no", True),)


def test_a_record_of_no_span_is_about_the_session():
    given = {"gen_ai.evaluation.name": "stars", "gen_ai.evaluation.score.value": 4.0}
    assert log_facts_of(None, given, event=RESULT, span_id=b"").judgements == (
        Judgement("stars", None, 4.0, of_session=True),
    )


def test_our_span_of_a_check_says_it_once_and_says_whether_it_passed():
    given = {
        "openinference.span.kind": "EVALUATOR",
        "gen_ai.evaluation.name": "tone",
        "gen_ai.evaluation.score.value": 0.25,
        "gen_ai.evaluation.score.label": "rude",
        "output.value": '{"passed": false, "name": "tone", "score": 0.25, "label": "rude"}',
        **annotation_of("trace.annotations", 0, name="tone", score=0.25, label="rude"),
    }
    facts = facts_of(given, scope="otel_sessions")
    assert facts.judgements == (Judgement("tone", False, 0.25, "rude"),)
    assert (facts.kind, facts.has_input, facts.has_output) == (Kind.EVALUATION, False, False)


@pytest.mark.parametrize(
    "output",
    [
        '{"passed": ',
        '{"passed": "yes"}',
        '{"passed": ' + "[" * 60_000,
        '{"passed": ' + " " * 70_000 + "false}",
        5,
        "no",
    ],
)
def test_an_output_that_says_nothing_of_it(output):
    given = {"output.value": output, **annotation_of("trace.annotations", 0, name="tone", label="pass")}
    assert facts_of(given).judgements == (Judgement("tone", True, None, "pass"),)


def test_an_evaluation_may_stand_on_a_span_alone():
    given = {
        "gen_ai.evaluation.name": "tone",
        "gen_ai.evaluation.score.label": "pass",
        "gen_ai.evaluation.explanation": "ok",
    }
    assert facts_of(given).judgements == (Judgement("tone", True, None, "pass", "ok"),)
    assert facts_of({"gen_ai.evaluation.name": 5}).judgements == ()


def test_several_come_in_the_order_of_their_numbers():
    given = {
        **annotation_of("session.evaluations", 10, name="c"),
        **annotation_of("session.evaluations", 2, name="b"),
        **annotation_of("session.evaluations", 0, name="a"),
    }
    assert [each.name for each in facts_of(given).judgements] == ["a", "b", "c"]


def test_there_are_at_most_64_and_long_texts_are_cut():
    many = {
        key: value
        for number in range(100)
        for key, value in annotation_of("trace.annotations", number, name="n").items()
    }
    assert len(facts_of(many).judgements) == 64
    event = {"gen_ai.evaluation.name": "n" * 10_000_000}
    judgements = facts_of(events=[(RESULT, event)] + [(RESULT, {"gen_ai.evaluation.name": "n"})] * 100).judgements
    assert len(judgements) == 64
    assert len(judgements[0].name) == 8192


def test_an_event_without_a_name_is_none():
    assert facts_of(events=[(RESULT, {})]).judgements == ()
    assert log_facts_of(None, {}, event=RESULT).judgements == ()
    assert log_facts_of(None, {"gen_ai.evaluation.name": "tone"}, event="other").judgements == ()
