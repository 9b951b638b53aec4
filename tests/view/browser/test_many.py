"""Ten thousand sessions on the page in a real Chromium: sorted, filtered, searched, paged, and reached by a link."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from otlp_bodies import a_turn
from view_api import serving

ALL, USERS = 10_000, 250
AT_ONCE = 500


def turn_of(number: int):
    """Return the one turn of a session; later ones have more tokens, but for the one in the middle, which has most."""
    attributes = {
        "user.id": f"user-{number % USERS}",
        "openinference.span.kind": "LLM",
        "llm.token_count.prompt": 9_999_999 if number == ALL // 2 else number,
        "llm.token_count.completion": 1,
    }
    question = f"Where is parcel p{number}?"
    return a_turn(number + 1, f"conv-{number:05}", question, "On its way.", start=number * 1_000, attributes=attributes)


@pytest.fixture(scope="module")
def many():
    """A view with ten thousand sessions; nobody writes to it."""
    with serving() as client:
        for first in range(0, ALL, AT_ONCE):
            client.send(*map(turn_of, range(first, first + AT_ONCE)))
        client.store.settle()
        yield client


def test_all_of_many_can_be_found(many, watch):
    watched = watch(many)
    page = watched.open("/")
    rows = page.locator("#rows tbody tr")
    assert watched.rows == [f"conv-{number:05}" for number in range(ALL - 1, ALL - 51, -1)]

    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=**")
    assert watched.rows == [f"conv-{number:05}" for number in range(ALL - 51, ALL - 101, -1)]

    page.get_by_role("link", name="Tokens").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Tokens")
    assert watched.rows[:2] == [f"conv-{ALL // 2:05}", f"conv-{ALL - 1:05}"]

    page.locator("#filters summary").click()
    page.get_by_label("User").fill("user-7")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".chips")).to_contain_text("User: user-7")
    assert watched.rows == [f"conv-{number:05}" for number in range(ALL - USERS + 7, 0, -USERS)]

    page.get_by_role("link", name="Clear all").click()
    page.get_by_placeholder("Search what was said").fill("p4711")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    page.locator("#rows a.row").click()
    page.wait_for_url("**/sessions/conv-04711")
    expect(page.get_by_text("Where is parcel p4711?").first).to_be_visible()
    watched.check()


def test_a_link_leads_to_a_turn_among_many(many, watch):
    watched = watch(many)
    page = watched.open(f"/sessions/conv-{ALL // 2:05}#span-{ALL // 2 + 1:016x}")

    expect(page.locator(f"#span-{ALL // 2 + 1:016x}")).to_be_in_viewport()
    page.get_by_role("link", name="Later →").click()
    page.wait_for_url(f"**/sessions/conv-{ALL // 2 + USERS:05}")
    watched.check()


@pytest.mark.parametrize("width", [360, 1_280, 2_560])
@pytest.mark.parametrize("path", ["/", "/users", "/traces", "/coverage"])
def test_nothing_of_many_is_cut_off_at_the_side(many, watch, path, width):
    page = watch(many, viewport={"width": width, "height": 800}).open(path)

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
