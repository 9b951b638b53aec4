"""The page of a session in a real Chromium: read, unfolded, reached by a link, on any screen, and as a file."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from otel_sessions.view.api import answers
from otel_sessions.view.api.parameters import Paging
from otel_sessions.view.page.export import session_html
from otlp_bodies import a_span, a_turn
from sample_journey import fill_journey
from test_pictures import IMAGES, MOST_BYTES

SPAN = f"{7032:016x}"


@pytest.fixture
def journey(empty):
    fill_journey(empty.store, now=time.time_ns())
    return empty


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without a script"])
def test_a_turn_unfolds_to_its_spans(journey, watch, script):
    watched = watch(journey, java_script_enabled=script)
    page = watched.open("/sessions/journey")
    turn = page.locator("article").nth(2)

    expect(turn.get_by_text("SELECT rooms")).not_to_be_visible()
    turn.locator("summary", has_text="over 3 services").click()

    expect(turn.get_by_text("SELECT rooms")).to_be_visible()
    expect(turn.get_by_text("rate limit: waiting")).to_be_visible()
    bars = turn.locator(".waterfall rect").evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
    assert len(bars) == 7
    assert min(bars) >= 1
    watched.check()


def test_links_lead_to_a_turn_and_into_what_is_folded(journey, watch):
    watched = watch(journey)
    page = watched.open(f"/sessions/journey#span-{SPAN}")

    expect(page.locator(f"#span-{SPAN}")).to_be_in_viewport()
    page.get_by_role("link", name="Turn 3").first.click()
    expect(page.locator("article:target h2")).to_have_text("Turn 3")
    page.locator(f"#span-{SPAN} a").first.click()
    page.wait_for_url(f"**/traces/*#{SPAN}")
    watched.check()


def test_keys_go_through_the_turns(journey, watch):
    watched = watch(journey)
    page = watched.open("/sessions/journey")

    for key in ("j", "j", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("details.unfold[open]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("details.unfold[open]")).to_have_count(0)
    watched.check()


def test_what_is_unfolded_stays_so_while_turns_come(journey, watch):
    watched = watch(journey)
    page = watched.open("/sessions/journey")
    page.locator("#live.on").wait_for()
    page.locator("details.unfold summary").first.click()

    journey.send(a_turn(799, "journey", "And the weather?", "Sun.", start=10**9, attributes={"user.id": "ada"}))

    expect(page.locator("article")).to_have_count(5)
    expect(page.locator("details.unfold[open]")).to_have_count(1)
    watched.check()


@pytest.mark.parametrize("width", [360, 768, 1_600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_a_session_is_cut_off_at_the_side(journey, watch, width, scheme):
    chain = [
        a_span(1, n, n - 1 if n > 10 else 0, start=n, name="x" * 90, attributes={"session.id": "deep"})
        for n in range(10, 40)
    ]
    journey.send(
        *chain, a_turn(2, "deep", "y" * 999, "z" * 999, attributes={"user.id": "u" * 200, "session.name": "n" * 300})
    )
    for path in ("/sessions/journey", "/sessions/deep"):
        watched = watch(journey, viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = watched.open(path)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")

        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        watched.check()


def test_the_file_of_a_session_needs_nobody(journey, watch, tmp_path):
    answer = answers.session(journey.store, "journey", Paging(1_000, None))
    (tmp_path / "journey.html").write_text(session_html(answer), "utf-8")
    watched = watch(journey)

    watched.page.goto((tmp_path / "journey.html").as_uri())

    expect(watched.page.get_by_text("And if it rains?").first).to_be_visible()
    colour = watched.page.locator("article").first.evaluate("each => getComputedStyle(each).borderRadius")
    assert colour == "8px"
    assert watched.complaints == []
    assert {each.partition(":")[0] for each in watched.requests} == {"file"}


def test_the_picture_of_a_session_is_taken(journey, watch):
    watched = watch(journey, viewport={"width": 1_280, "height": 1_240})
    page = watched.open("/sessions/journey")
    page.locator("#live.on").wait_for()
    page.locator("details.unfold summary").nth(2).click()
    page.locator("article").nth(2).locator(".tools summary").click()
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")

    below = page.locator("article").nth(3).evaluate("each => each.getBoundingClientRect().top") - 8

    picture = page.screenshot(
        path=IMAGES / "view-session.png",
        animations="disabled",
        full_page=True,
        clip={"x": 0, "y": 0, "width": 1_280, "height": below},
    )

    assert len(picture) <= MOST_BYTES
    watched.check()
