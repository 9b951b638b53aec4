"""Each trace as it really is gives the sessions, turns and sums that were written down for it, in whatever order it came."""

from __future__ import annotations

import random

import pytest

from view.otlp_cases import trace_id
from view.sessions.summarised import summarised
from view.shape_cases import CASES

READ = {
    "turns": lambda session: [(turn.input, turn.output) for turn in session.turns],
    "tokens": lambda session: session.tokens[:2],
    "cache": lambda session: session.tokens[2:4],
    "latency": lambda session: None if session.latency is None else session.latency / 1e9,
    "joined": lambda session: [len(turn.joined) for turn in session.turns],
    "paths": lambda session: [(each.path, each.spans, each.duration / 1e9, each.tokens[:2]) for each in session.paths],
    "is_agent": lambda session: [turn.is_agent for turn in session.turns],
    "early": lambda session: [turn.ended_early for turn in session.turns],
    "errors_by_turn": lambda session: [turn.errors for turn in session.turns],
    "tokens_by_turn": lambda session: [turn.tokens[:2] for turn in session.turns],
    "failed_by_turn": lambda session: [turn.failed_checks for turn in session.turns],
}


def read(found, session_id, field):
    """Return what is known of a session, by the name that a case has for it."""
    session = found.sessions[session_id]
    if field == "displaced":
        return tuple(id_ for trace in found.traces.values() for part in trace.parts for id_ in part.displaced)
    return READ[field](session) if field in READ else getattr(session, field)


def seen(case):
    """Return of a case what is expected of it, as it is."""
    found = summarised(case)
    sessions = {id_: {field: read(found, id_, field) for field in case.sessions.get(id_, {})} for id_ in found.sessions}
    uncovered = [each for trace in found.traces.values() for each in trace.uncovered]
    return {
        "sessions": sessions,
        "outside": sum(each.spans for each in uncovered),
        "torn": {number: found.traces[trace_id(number)].torn for number in case.torn},
        "causes": tuple(dict.fromkeys(each.cause for each in uncovered)) if case.causes else (),
    }


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_case_gives_what_was_written_down_for_it(case):
    expected = {"sessions": case.sessions, "outside": case.outside, "torn": case.torn, "causes": case.causes}
    assert seen(case) == expected


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_the_order_in_which_it_came_does_not_matter(case):
    found = summarised(case)
    chance = random.Random(case.name)  # noqa: S311  # no secret
    for _ in range(10):
        shuffled = case._replace(
            spans=chance.sample(case.spans, len(case.spans)), logs=chance.sample(list(case.logs), len(case.logs))
        )
        assert summarised(shuffled) == found
