"""What the simulation of a fleet counts: torn sessions, cut windows, and sessions that change their cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plan import Plan
from trials.fleet.simulation import _cells, _changes
from trials.fleet.simulation._population import Session
from trials.fleet.simulation._torn import torn
from trials.fleet.simulation.ring import POSITIONS, Ring

FLEET = _changes.pod_names(4, "tests")
RING = Ring(FLEET)
OF_THE_LAST = next(position for position in range(POSITIONS) if RING.endpoint_at(position) == FLEET[3])
OF_ANOTHER = next(position for position in range(POSITIONS) if RING.endpoint_at(position) == FLEET[0])

_numbers = st.integers(0, (1 << 56) - 1)


def counted(change, position, *times, lags=(0.0,)):
    """Return whether a session of these batches is torn, and whether it is cut in a window of 30 s."""
    found = torn([Session(position, times)], change, lags)
    return found.at_all, found.in_window[30.0]


@pytest.mark.parametrize("change", [_changes.join(FLEET), _changes.leave(FLEET)], ids=["join", "leave"])
def test_a_session_is_torn_where_its_gateway_changes_and_only_there(change):
    assert counted(change, OF_THE_LAST, -90, 90) == (1, 0)
    assert counted(change, OF_ANOTHER, -90, 90) == (0, 0)


def test_a_session_is_cut_where_one_window_holds_spans_of_both_sides():
    assert counted(_changes.join(FLEET), OF_THE_LAST, -20, 9) == (1, 1)
    assert counted(_changes.join(FLEET), OF_THE_LAST, -20, 11) == (1, 0)
    assert counted(_changes.join(FLEET), OF_THE_LAST, -90, -65, -59, -31, 2) == (1, 0)


def test_a_session_is_not_torn_by_a_restart_that_it_is_silent_in():
    restart = _changes.restart(FLEET, 3, 30)
    assert counted(restart, OF_THE_LAST, -90, 31) == (0, 0)
    assert counted(restart, OF_THE_LAST, -90, 29) == (1, 0)


def test_a_restart_on_the_list_tears_nothing_and_cuts_what_is_open():
    restart = _changes.restart_listed(FLEET, 3, 30)
    assert counted(restart, OF_THE_LAST, -20, 5) == (0, 1)
    assert counted(restart, OF_THE_LAST, -40, 5) == (0, 0)
    assert counted(restart, OF_ANOTHER, -20, 5) == (0, 0)


def test_an_update_back_under_other_names_tears_every_session():
    update = _changes.update_readdressed(FLEET, _changes.pod_names(4, "others"), 30)
    assert counted(update, OF_THE_LAST, -90, 121) == (1, 0)
    assert counted(update, OF_ANOTHER, -90, 121) == (1, 0)


def test_agents_that_learn_of_a_change_at_different_times_cut_the_sessions_that_use_both():
    assert counted(_changes.join(FLEET), OF_THE_LAST, -90, 40, 41, 42) == (1, 0)
    assert counted(_changes.join(FLEET), OF_THE_LAST, -90, 40, 41, 42, lags=(0.0, 60.0)) == (1, 1)


@given(st.integers(1, 200), _numbers)
def test_every_session_has_one_cell_of_equal_parts(cells, number):
    assert _cells.cell_in(_cells.equal_parts(cells), number) == f"cell-{number * cells >> 56}"


@given(st.integers(1, 50), st.data(), _numbers)
def test_a_new_cell_takes_sessions_from_one_cell_alone(cells, data, number):
    halved = f"cell-{data.draw(st.integers(0, cells - 1))}"
    before = _cells.equal_parts(cells)
    old, new = _cells.cell_in(before, number), _cells.cell_in(_cells.split(before, halved, "new"), number)
    assert new == old or (old, new) == (halved, "new")


def test_sampling_keeps_the_same_share_in_every_cell_if_the_cell_is_not_chosen_by_the_same_digits():
    found = _cells.sampled(Plan("cells", sessions=20_000).session_ids(), 10, 0.1)
    assert found[_cells.SAME_DIGITS] == (0, 1)
    low, high = found[_cells.NEXT_DIGITS]
    assert 0.08 < low < high < 0.12
