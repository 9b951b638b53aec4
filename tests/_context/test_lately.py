"""What waits until somebody looks is known then, if it is still there."""

import os

import pytest

from otel_sessions._context.lately import MOST, Lately


class Thing:
    pass


def test_what_is_still_there_is_known_when_somebody_looks():
    known = []
    lately = Lately(known.append)
    things = [Thing() for _ in range(3)]
    for each in (*things, Thing()):
        lately.add(each)
    del each
    assert known == []
    lately.sort_in()
    lately.sort_in()
    assert known == things
    assert not lately.waiting


def test_no_more_than_a_fixed_number_waits():
    known = []
    lately = Lately(known.append)
    first = Thing()
    lately.add(first)
    for _ in range(3 * MOST):
        lately.add(Thing())
    assert len(lately.waiting) < MOST
    assert known[0] is first  # and what was being added then


def test_what_is_added_while_somebody_looks_is_known_too():
    """As where the garbage collector ends a generator that looks, too."""
    known, things = [], [Thing(), Thing(), Thing()]

    def take(thing):
        known.append(thing)
        if len(known) == 1:
            lately.add(things[2])
            lately.sort_in()

    lately = Lately(take)
    for each in things[:2]:
        lately.add(each)
    lately.sort_in()
    assert set(known) == set(things)
    assert not lately.waiting


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_nothing_that_waits():
    lately, thing = Lately(print), Thing()
    lately.add(thing)
    child = os.fork()
    if child == 0:
        os._exit(len(lately.waiting))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(lately.waiting) == 1
