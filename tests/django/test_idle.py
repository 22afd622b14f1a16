"""Whoever comes to a process that has not read the table lately waits for a look, whenever it is."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
from idle import IDLENESS, let_in

from wsauth import Connections
from wsauth.django import DatabaseLog, log
from wsauth.revocation import blind

PACE = 1 / 10


@pytest.fixture
def paced(monkeypatch):
    """Every second of a reader's life takes a tenth of it."""
    for module, names in ((log, ("LINGER", "PERIOD")), (blind, ("STALE", "TICK"))):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name) * PACE)


async def test_nobody_gets_in_who_was_revoked_while_the_process_was_idle(paced):
    """Its reader has stopped, and what it has read before says nothing of what came since."""
    assert await let_in(DatabaseLog, IDLENESS, PACE) == []


@pytest.mark.full_length
async def test_nobody_gets_in_who_was_revoked_while_the_process_was_idle_at_full_length():
    """At the intervals that are in use."""
    assert await let_in(DatabaseLog, IDLENESS) == []


async def reading() -> DatabaseLog:
    held = DatabaseLog()
    assert await held.catch_up(5)
    assert held.keeps_up
    return held


async def test_what_was_read_counts_no_more_when_the_reader_has_ended():
    """However short the silence; the next look makes it count."""
    held = await reading()
    held._readers[asyncio.get_running_loop()].task.cancel()
    assert (held.keeps_up, held.silence < blind.STALE) == (False, True)
    assert not Connections(log=held).sight.is_clear
    await asyncio.sleep(0)
    assert await held.catch_up(5)
    assert held.keeps_up


async def test_each_loop_of_a_process_believes_its_own_reader_alone():
    """That of another loop may not be running, or its loop may be closed."""
    held, found = await reading(), []

    async def second() -> None:
        found.append(held.keeps_up)
        held.follow()
        found.append(held.keeps_up)
        found.append(await held.catch_up(5))
        found.append(held.keeps_up)

    thread = threading.Thread(target=lambda: asyncio.run(second()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert found == [False, False, True, True]


async def test_a_look_that_had_begun_is_not_enough(monkeypatch):
    """What was committed while it looked may not be among what it found."""
    held, table = await reading(), []
    held._readers[asyncio.get_running_loop()].task.cancel()
    begun, go_on = threading.Event(), threading.Event()
    keep_up = held._table.keep_up

    def slowly() -> bool:
        found = keep_up()
        table.append(found)
        begun.set()
        assert go_on.wait(10)
        return found

    monkeypatch.setattr(held._table, "keep_up", slowly)
    await asyncio.sleep(0)
    held.follow()
    await asyncio.to_thread(begun.wait, 10)
    asked = asyncio.create_task(held.catch_up(10))
    await asyncio.sleep(0)
    go_on.set()
    assert await asked
    assert len(table) == 2


def test_a_child_believes_nothing_that_its_parent_has_read():
    """Nor does it wait for a lock that a thread of the parent held."""
    held = DatabaseLog()
    assert held._table.keep_up()
    reading, writing = os.pipe()
    with held._table._lock:
        child = os.fork()
        if not child:
            free = held._table._lock.acquire(timeout=1)
            os.write(writing, b"yes" if free and held.silence == float("inf") and not held._readers else b"no")
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 8) == b"yes"
    assert held.silence < 60
    os.close(reading)
    os.close(writing)
