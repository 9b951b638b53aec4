"""Ids are left out of what the doctor writes, wherever they stand."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions._setup.doctor.program import known_ids
from otel_sessions._setup.doctor.program.known_ids import KnownIds


def known(*ids):
    found = KnownIds()
    found.add(*ids)
    return found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("turn conv-42", "turn ...", id="a session"),
        pytest.param("agent-conv-42-conv-42", "agent-...-...", id="twice"),
        pytest.param("GET /users/ada%40example.com", "GET /users/...", id="in a URL"),
        pytest.param("step 7 of v7a", "step ... of v7a", id="a short one is a word"),
        pytest.param("v7a", "v7a", id="a short one is no part of a word"),
        pytest.param("work", "work", id="none"),
    ],
)
def test_an_id_is_shown_as_dots(text, shown):
    assert known("conv-42", "ada@example.com", "7", None, 42, "").left_out_of(text) == shown


@given(st.lists(st.text(min_size=4, max_size=40), min_size=1, max_size=4), st.text(max_size=40), st.text(max_size=40))
def test_no_id_is_left_in_any_text(ids, before, after):
    found = known(*ids)
    for each in ids:
        for form in (each, quote(each, safe="")):
            shown = found.left_out_of(before + form + after)
            assert form not in shown.replace("...", "\0")


def test_a_lone_surrogate_is_an_id_as_others():
    assert known("conv\ud800").left_out_of("turn conv\ud800") == "turn ..."


def test_they_are_bounded_and_forgotten(monkeypatch):
    monkeypatch.setattr(known_ids, "_MOST", 1)
    found = known("conv-1", "conv-2", "c" * 1000)
    assert found.left_out_of("conv-1 conv-2") == "... conv-2"
    found.begin()
    assert found.left_out_of("conv-1") == "conv-1"
