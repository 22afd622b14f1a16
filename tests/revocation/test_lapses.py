"""What is looked at when it may have lapsed."""

from __future__ import annotations

import math

from wsauth.revocation.lapses import STEP, Lapses


def test_nothing_is_due_before_its_moment():
    """And everything soon after it, once."""
    lapses = Lapses()
    for number in range(10):
        lapses.add(number * STEP, number)
    seen = []
    for step in range(12):
        due = lapses.due(step * STEP, 100)
        assert all(number <= step for number in due)
        seen += due
    assert sorted(seen) == list(range(10))
    assert lapses.soonest == math.inf


def test_no_more_are_taken_than_are_asked_for():
    """However many are due."""
    lapses = Lapses()
    for number in range(1000):
        lapses.add(number % 3 * STEP, number)
    taken = [lapses.due(1e9, 70) for _ in range(15)]
    assert [len(some) for some in taken] == [70] * 14 + [20]
    assert sorted(number for some in taken for number in some) == list(range(1000))


def test_all_are_seen_in_slices():
    """Also those of a step that comes in meanwhile."""
    lapses = Lapses()
    for number in range(250):
        lapses.add(0.0, number)
    slices = lapses.slices(100)
    seen = list(next(slices))
    lapses.add(99 * STEP, 250)
    for some in slices:
        assert len(some) <= 100
        seen += some
    assert seen == list(range(251))
