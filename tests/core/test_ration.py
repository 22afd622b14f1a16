"""The log gets some lines of a kind in a while, whatever happens how often."""

import logging

import pytest

from wsauth.core.ration import KINDS, LINES, WINDOW, Ration
from wsauth.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def test_first_line_is_written_at_once_and_the_rest_is_counted(clock, caplog):
    """Nobody waits for the first; how many were left out is said with the next that is written."""
    ration = Ration(clock)
    for number in range(LINES + 480):
        ration.write(logging.ERROR, "the store is broken")
        assert len(caplog.records) == min(number + 1, LINES)
    clock.advance(WINDOW)
    ration.write(logging.ERROR, "the store is broken")
    assert caplog.messages[LINES:] == [
        "480 more lines like this one (the store is broken) are not in this log",
        "the store is broken",
    ]


def test_one_kind_does_not_hide_another(clock, caplog):
    """The first line of a fault is there beside a flood of another one's."""
    ration = Ration(clock)
    for _ in range(LINES * 3):
        ration.write(logging.ERROR, "one")
    ration.write(logging.ERROR, "two")
    assert caplog.messages.count("two") == 1


def test_lines_that_nobody_reads_are_not_counted(clock, caplog):
    """A level that is off has none to leave out."""
    caplog.set_level(logging.WARNING, "wsauth")
    ration = Ration(clock)
    for _ in range(LINES * 3):
        ration.write(logging.INFO, "one")
    caplog.set_level(logging.INFO, "wsauth")
    ration.write(logging.INFO, "one")
    assert caplog.messages == ["one"]


def test_kinds_are_bounded(clock):
    """However many there are, few are remembered."""
    ration = Ration(clock)
    assert all(ration.admits(f"kind {number}", logging.DEBUG) for number in range(KINDS * 3))
    assert len(ration._windows) <= KINDS
