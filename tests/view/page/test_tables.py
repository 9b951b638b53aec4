"""What stands around the rows of a list: headings, filters that are set, pages."""

from __future__ import annotations

import re

import pytest

from otel_sessions.view.page.coverage import share
from otel_sessions.view.page.links import list_url, trace_url
from otel_sessions.view.page.lists import sessions_values, users_values
from otel_sessions.view.page.spark import spark
from otel_sessions.view.page.starts import starts
from otel_sessions.view.page.tables import Chip, Column, chips, first_page, following, headings
from otel_sessions.view.page.visible import visible

NAME, TURNS, NONE = Column("Name", "name"), Column("Turns", "turns", is_number=True), Column("Sessions")


def test_a_heading_sorts_texts_from_the_first_and_numbers_from_the_largest():
    name, turns, none = headings((NAME, TURNS, NONE), "/", {"user": "a&b", "cursor": "c"}, "-end")

    assert (name.url, name.order) == ("/?user=a%26b&sort=name", None)
    assert (turns.url, turns.order) == ("/?user=a%26b&sort=-turns", None)
    assert (none.url, none.order) == (None, None)


@pytest.mark.parametrize(
    ("sort", "order", "url"),
    [
        ("-turns", "descending", "/?sort=turns"),
        ("turns", "ascending", "/?sort=-turns"),
    ],
)
def test_the_heading_of_the_order_says_it_and_turns_it_round(sort, order, url):
    [turns] = headings((TURNS,), "/", {"sort": sort}, "-end")

    assert (turns.order, turns.url) == (order, url)


def test_the_order_of_a_list_that_is_not_asked_for_one_is_said_too():
    [turns] = headings((TURNS,), "/", {}, "-turns")

    assert (turns.order, turns.url) == ("descending", "/?sort=turns")


def test_each_filter_that_is_set_can_be_taken_away():
    given = {"user": "ada", "error": "true", "torn": "false", "q": "x", "sort": "id", "cursor": "c"}

    assert chips("/users", given) == [
        Chip("User", "ada", "/users?error=true&torn=false&q=x&sort=id"),
        Chip("With errors", "", "/users?user=ada&torn=false&q=x&sort=id"),
        Chip("Torn", "false", "/users?user=ada&error=true&q=x&sort=id"),
        Chip("Words", "x", "/users?user=ada&error=true&torn=false&sort=id"),
    ]
    assert chips("/", {"sort": "id"}) == []


def test_pages_follow_each_other_and_lead_to_the_first():
    assert following("/", {"q": "x", "cursor": "1"}, "2") == "/?q=x&cursor=2"
    assert following("/", {}, None) is None
    assert first_page("/", {"q": "x", "cursor": "1"}) == "/?q=x"
    assert first_page("/", {"q": "x"}) is None


def test_feedback_has_a_column_where_there_is_any_and_where_the_list_is_sorted_by_it():
    def labels(values, name, feedback, **given):
        found = values({name: [{"feedback": feedback}], "next": None}, given)["headings"]
        return [each.label for each in found]

    for values, name in ((sessions_values, "sessions"), (users_values, "users")):
        assert "Feedback" not in labels(values, name, 0)
        assert "Feedback" in labels(values, name, 1)
        assert "Feedback" in labels(values, name, 0, sort="-feedback")


@pytest.mark.parametrize(
    ("every", "without", "percent"),
    [
        (0, 0, None),
        (10, 0, 100.0),
        (10, 10, 0.0),
        (3, 1, 66.7),
        (100_000, 1, 99.9),
        (100_000, 99_999, 0.1),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is(every, without, percent):
    assert share(every, without) == percent


def test_addresses_say_what_is_asked_and_nothing_else():
    assert list_url("/", user="", q="a b") == "/?q=a+b"
    assert list_url("/users") == "/users"
    assert trace_url("ab" * 16) == f"/traces/{'ab' * 16}"


def test_each_start_names_the_address():
    address = "http://localhost:4318"

    found = starts(address)

    assert [each.name for each in found] == ["Python", "Claude Code", "Node", "Go", "Java"]
    for each in found:
        assert f"OTEL_EXPORTER_OTLP_ENDPOINT={address}" in each.blocks[0]
    assert "import { trace } from" in found[2].blocks[1]


def test_the_last_turns_are_drawn_as_high_as_they_took_long_and_those_that_failed_apart():
    recent = [{"duration": took, "failed": failed} for took, failed in ((100, False), (200, True), (0, False))]

    drawn = spark(recent)

    assert 'aria-label="The last 3 turns, the longest of 200 ms"' in drawn
    assert re.findall(r' d="(.*?)"', drawn) == ["M2 18v-9M10 18v-2", "M6 18v-18"]
    assert 'd="M2 18v-2M6 18v-2"' in spark([{"duration": 0, "failed": False}] * 2)
    assert spark(recent[:1]) == ""


def test_what_is_not_to_be_seen_has_a_sign():
    assert visible("a\x00b\u202ec\ud800\n\td") == "a\ufffdb\ufffdc\ufffd\n\td"
    assert visible(7) == 7
