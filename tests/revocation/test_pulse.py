"""What is told of the records of a log."""

from __future__ import annotations

import pytest

from wsauth.core.events import EventKind
from wsauth.revocation import pulse
from wsauth.revocation.log import MemoryLog
from wsauth.revocation.pulse import Pulse
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.records import Records
from wsauth.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock(6000.0)


@pytest.fixture
def monotonic(monkeypatch):
    monotonic = FakeClock(0.0)
    monkeypatch.setattr(pulse.time, "monotonic", monotonic)
    return monotonic


@pytest.fixture
def records(clock, monotonic):
    return Records(clock, monotonic, ceiling=10)


def hold(records, count, since=0):
    for number in range(since, since + count):
        now = records.now()
        records.apply(Record(Verb.REVOKE, frozenset({("token_id", f"t{number}")}), now, now + 600))


def test_once_a_minute_the_number_the_age_and_the_last_look_are_told(records, clock, monotonic):
    """And nothing in between."""
    told = []
    beats = Pulse(MemoryLog(records))
    hold(records, 3)
    for _ in range(125):
        clock.advance(1)
        monotonic.advance(1)
        beats.beat([told.append])
    assert [(event.kind, event.count, event.seconds) for event in told] == [
        (EventKind.RECORDS, 3, 60.0),
        (EventKind.LOG_READ, 0, 0.0),
        (EventKind.RECORDS, 3, 120.0),
        (EventKind.LOG_READ, 0, 0.0),
    ]


def test_an_alarm_comes_long_before_the_ceiling_and_once(records, caplog, monotonic):
    """Until there are few again."""
    told = []
    watched = Pulse(MemoryLog(records))
    hold(records, 4)
    watched.beat([told.append])
    assert told == []
    hold(records, 2, since=4)
    for _ in range(3):
        watched.beat([told.append])
    assert [(event.kind, event.count) for event in told] == [(EventKind.RECORDS_MANY, 6)]
    assert "6 revocations are held, and 10 are the most" in caplog.text
    monotonic.advance(1000)
    records.forget()
    watched.beat([])
    hold(records, 5, since=20)
    watched.beat([told.append])
    assert len(told) == 2
