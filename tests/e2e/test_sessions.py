"""The same run in Phoenix and in MLflow: what their APIs show is what the users did."""

from __future__ import annotations

from collections import defaultdict

import pytest

from conversations import CONVERSATIONS


@pytest.fixture(scope="session")
def traces(run):
    """Return the traces of each session in the order of its turns, as the application kept them."""
    found = defaultdict(list)
    for turn in run.turns:
        found[turn["session"]].append(turn["trace_id"])
    return found


def test_the_application_has_nothing_to_complain_about(run):
    assert run.said == ""
    assert len(run.turns) == 20


def test_each_session_has_its_user_and_its_traces(backend, shown, traces, compare):
    """Nothing is torn, merged or lost, and nothing is there that is not asked for."""
    expected = {each.session_id: (each.user_id, traces[each.session_id]) for each in CONVERSATIONS}

    found = {key: (one.user_id, [turn.trace_id for turn in one.turns]) for key, one in shown.items()}

    compare(f"{backend.name}: sessions with the right user and the right traces", found, expected)


def test_each_turn_has_its_question_and_its_answer(backend, shown, compare):
    expected = {(each.session_id, at): turn for each in CONVERSATIONS for at, turn in enumerate(each.turns)}

    found = {(key, at): turn[1:3] for key, one in shown.items() for at, turn in enumerate(one.turns)}

    compare(f"{backend.name}: turns with their input and output", found, expected)


def test_each_trace_has_all_of_its_spans(backend, run, shown, compare):
    sent = {turn["trace_id"]: run.sent[turn["trace_id"]] for turn in run.turns}

    found = {turn.trace_id: turn.spans for one in shown.values() for turn in one.turns}

    compare(f"{backend.name}: traces with all of their spans", found, sent)
