"""An open page shows what comes within a second, and leaves in place what somebody reads."""

from __future__ import annotations

import time
import urllib.request
from statistics import median

from playwright.sync_api import expect

from otlp_bodies import a_turn, traces_body

SECONDS = 1.0
TIMES = 20
LOADS = 3


def post(client, *spans) -> None:
    request = urllib.request.Request(f"{client.url}/v1/traces", traces_body(*spans))  # noqa: S310  # loopback
    request.add_header("Content-Type", "application/x-protobuf")
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        assert answer.status == 200


def seconds_to(do, *arguments) -> float:
    began = time.monotonic()
    do(*arguments)
    return time.monotonic() - began


def row(page, session_id):
    return page.locator(f'tr[data-key="{session_id}"]')


def test_a_turn_is_on_an_open_page_within_a_second(empty, watch):
    watched = watch(empty)
    page = watched.open("/")
    expect(page.locator("#live")).to_have_text("live")
    page.evaluate("window.isTheSame = true")
    waited, loads = [], [seconds_to(watch(empty).open, "/") for _ in range(5)]

    for number in range(1, TIMES + 1):
        page.wait_for_timeout(137 * number % 450)  # whatever the moment
        post(empty, a_turn(number, f"s{number}", "What is new?", "This."))
        answered = time.monotonic()
        row(page, f"s{number}").wait_for()
        waited.append(time.monotonic() - answered)

    seen, load = median(waited), median(loads)
    print(f"seen after {seen:.2f} s (median), {max(waited):.2f} s (longest); to load the page takes {load:.2f} s")  # noqa: T201
    # The median, of which it takes a third: how long the longest takes is a matter of what else the machine does.
    # So is the median, where a page takes seconds to be loaded.
    assert seen <= max(SECONDS, LOADS * load)
    assert page.evaluate("window.isTheSame")  # it was not loaded again
    watched.check()


def test_rows_under_the_pointer_stay_until_it_goes(empty, watch):
    post(empty, a_turn(1, "first", "q", "a", start=1))
    watched = watch(empty)
    page = watched.open("/")
    expect(page.locator("#live")).to_have_text("live")
    row(page, "first").hover()

    post(empty, a_turn(2, "second", "q", "a", start=9))
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    assert row(page, "second").count() == 0
    page.mouse.move(5, 5)
    row(page, "second").wait_for()
    expect(page.locator("#notice")).to_be_hidden()

    row(page, "first").hover()
    post(empty, a_turn(3, "third", "q", "a", start=19))
    page.get_by_role("button", name="1 new").click()
    row(page, "third").wait_for()
    watched.check()


def test_numbers_of_a_row_under_the_pointer_change_in_place(empty, watch):
    post(empty, a_turn(1, "only", "q", "a", start=1))
    page = watch(empty).open("/")
    expect(page.locator("#live")).to_have_text("live")
    row(page, "only").hover()

    post(empty, a_turn(2, "only", "q", "a", start=9))

    expect(row(page, "only").locator("td[data-label=Turns]")).to_have_text("2")


def test_focus_words_in_a_field_and_what_is_unfolded_stay(empty, watch):
    post(empty, a_turn(1, "first", "q", "a", start=1), a_turn(2, "zeroth", "q", "a"))
    page = watch(empty).open("/")
    expect(page.locator("#live")).to_have_text("live")
    page.locator("#filters summary").click()
    page.get_by_label("Name").fill("half a wo")

    post(empty, a_turn(3, "third", "q", "a", start=50))
    row(page, "third").wait_for()
    page.keyboard.type("rd")
    assert page.get_by_label("Name").input_value() == "half a word"

    row(page, "first").get_by_role("link").first.focus()
    post(empty, a_turn(4, "first", "q", "a", start=90))
    expect(page.locator("#rows tbody tr").first).to_have_attribute("data-key", "first")
    assert page.evaluate("document.activeElement.closest('tr').dataset.key") == "first"


def test_a_page_of_a_session_that_is_not_there_yet_becomes_that_of_it(empty, watch):
    page = watch(empty).open("/sessions/early")
    expect(page.locator("main")).to_contain_text("There is no session with this id.")
    expect(page.locator("#live")).to_have_text("live")

    post(empty, a_turn(1, "early", "Is somebody there?", "Yes."))

    expect(page.locator("main")).to_contain_text("Is somebody there?")


def test_a_hidden_tab_does_not_listen(empty, watch):
    watched = watch(empty)
    page = watched.open("/")
    expect(page.locator("#live")).to_have_text("live")
    hide = "isHidden => { Object.defineProperty(document, 'hidden', {value: isHidden, configurable: true});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"

    page.evaluate(hide, True)  # the argument of the script
    post(empty, a_turn(1, "unseen", "q", "a"))
    page.wait_for_timeout(900)
    assert row(page, "unseen").count() == 0
    page.evaluate(hide, False)

    row(page, "unseen").wait_for()
    watched.check()
