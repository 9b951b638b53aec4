"""Pages are read, filtered, sorted and paged, with a script and without one; they load little, and from here alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

PATHS = ("/", "/users", "/coverage", "/traces", "/traces?session=none", "/sessions/conv-1000", "/?q=frittata&torn=true")
MOST_BYTES = 150_000


@pytest.mark.parametrize("path", [*PATHS, "/traces/00000000000000000000000000000001"])
@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without a script"])
def test_each_page_loads_without_a_complaint_and_asks_nobody_else(full, watch, path, script):
    watched = watch(full, java_script_enabled=script)

    page = watched.open(path)

    expect(page.locator("main h1").first).to_be_visible()
    expect(page.get_by_role("navigation", name="Pages", exact=True).get_by_role("link")).to_have_count(3)
    page.wait_for_timeout(300)
    watched.check()


@pytest.mark.parametrize("width", [360, 768, 1_280, 2_560])
@pytest.mark.parametrize("path", PATHS[:4])
def test_nothing_is_cut_off_at_the_side(full, watch, path, width):
    page = watch(full, viewport={"width": width, "height": 800}).open(path)

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth)")


def test_fifty_sessions_and_all_that_the_page_loads_are_small(full, watch):
    watched = watch(full)
    page = watched.open("/")

    assert len(watched.rows) == 50
    sizes = page.evaluate("performance.getEntries().filter(e => e.transferSize).map(e => e.transferSize)")
    assert len(sizes) >= 3
    assert sum(sizes) <= MOST_BYTES


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without a script"])
def test_filters_are_kept_in_the_address_and_go_one_by_one(full, watch, script):
    watched = watch(full, java_script_enabled=script)
    page = watched.open("/?sort=-turns")

    page.locator("#filters summary").click()
    page.get_by_label("User").fill("ada")
    page.get_by_label("With errors").check()
    page.get_by_role("button", name="Filter").click()

    expect(page.get_by_label("User")).to_have_value("ada")
    assert "user=ada" in page.url
    assert "sort=-turns" in page.url
    assert set(page.locator("#rows td[data-label=User]").all_inner_texts()) == {"ada"}
    with_errors = len(watched.rows)
    page.get_by_role("link", name="With errors").click()
    assert len(watched.rows) > with_errors
    page.get_by_role("link", name="Clear all").click()
    assert len(watched.rows) == 50
    watched.check()


def test_words_of_a_turn_are_found(full, watch):
    watched = watch(full)
    page = watched.open("/")

    page.keyboard.press("/")
    page.keyboard.type("frittata")
    page.keyboard.press("Enter")

    expect(page.locator(".chips")).to_contain_text("Words: frittata")
    assert page.url.endswith("/?q=frittata")  # what says nothing is left out
    assert set(watched.rows[::2]) == {"Recipe ideas"}


def test_each_heading_sorts_and_says_how(full, watch):
    watched = watch(full)
    page = watched.open("/")
    assert page.locator("th[aria-sort=descending]").all_inner_texts() == ["Last activity"]

    for place, heading in enumerate(page.locator("thead a").all_inner_texts()):
        page.locator("thead a").nth(place).click()
        expect(page.locator("th[aria-sort]")).to_have_text(heading)
        order = page.locator("th[aria-sort]").get_attribute("aria-sort")
        page.locator("thead a").nth(place).click()
        expect(page.locator("th[aria-sort]")).to_have_text(heading)
        assert page.locator("th[aria-sort]").get_attribute("aria-sort") != order
    watched.check()


def test_each_session_is_on_one_of_the_pages(full, watch):
    watched = watch(full)
    page = watched.open("/?sort=id")
    seen: list[str] = []

    while True:
        seen += page.locator("#rows tbody tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
        if not page.get_by_role("link", name="Next page").count():
            break
        page.get_by_role("link", name="Next page").click()
        page.wait_for_url("**cursor=**")

    assert len(seen) == len(set(seen)) == 121
    page.get_by_role("link", name="First page").click()
    expect(page.locator("#rows tbody tr").first).to_have_attribute("data-key", seen[0])


def test_keys_lead_to_a_session_and_out_of_a_field(full, watch):
    watched = watch(full)
    page = watched.open("/")

    for key in "jjk":
        page.keyboard.press(key)
    key = page.evaluate("document.activeElement.closest('tr').dataset.key")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/sessions/{key}")
    page.go_back()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("j/")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") != "q"
    watched.check()


def test_an_empty_view_says_what_to_set(empty, watch):
    watched = watch(empty)
    page = watched.open("/")

    for name in ("Python", "Node", "Go", "Java", "Claude Code"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    assert page.get_by_text(f"OTEL_EXPORTER_OTLP_ENDPOINT={empty.url}").count() == 5
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "pip install" in page.evaluate("navigator.clipboard.readText()")
    watched.check()
