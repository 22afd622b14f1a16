"""A machine whose clock is wrong knows it by the log, and says so."""

from __future__ import annotations

import logging

import pytest

from revocation.live import SilentLog
from wsauth import Connections
from wsauth.core.events import EventKind
from wsauth.revocation.clock import OFF, Clock


@pytest.mark.parametrize(("ahead", "word"), [(3600.0, "3600 s behind"), (-3600.0, "3600 s ahead of")])
def test_a_wrong_clock_is_said_once_with_its_seconds(caplog, ahead, word):
    """And once more when it is right."""
    clock = Clock()
    for seconds in (0.0, OFF, ahead, ahead, ahead, OFF, OFF / 2 - 0.1, 0.0):
        clock.learn(seconds)
    said = [record.getMessage() for record in caplog.records]
    assert [word in said[0], "right again" in said[1], len(said)] == [True, True, 2]
    assert caplog.records[0].levelno == logging.WARNING
    assert clock.off_by == 0.0


def test_a_clock_at_the_edge_is_not_said_again_and_again(caplog):
    """It counts as wrong until it is clearly right."""
    clock = Clock()
    for number in range(100):
        clock.learn(OFF + 0.1 if number % 2 else OFF - 0.1)
    assert len(caplog.records) == 1


def test_sinks_are_told_when_it_begins_and_when_it_ends():
    """With the seconds by which it is wrong."""
    log, told = SilentLog(), []
    log.clock = Clock()
    sight = Connections(log=log).sight
    sight.tell([lambda event: told.append((event.kind, event.seconds))])
    for seconds in (0.0, -3600.0, -3601.0, 0.0, 0.0):
        log.clock.learn(seconds)
        sight._judge_clock()
    assert told == [(EventKind.CLOCK_OFF, 3600.0), (EventKind.CLOCK_RIGHT, 0.0)]


def test_a_log_that_knows_no_clock_is_a_log():
    """One of another author need not know it."""
    sight = Connections(log=SilentLog()).sight
    sight._judge_clock()
