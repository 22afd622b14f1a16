"""The table is read in a thread of its own, so that what keeps Django's thread busy blinds nobody."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections, transaction
from patience import HANG, until
from project.live import Live

from wsauth import Connections
from wsauth.django import DatabaseLog, log, table
from wsauth.revocation.record import Record, Verb


@pytest.fixture
def held():
    return Connections(log=DatabaseLog())


@pytest.fixture
def looks(held, monkeypatch):
    """The threads that looked, and the connections that they looked over."""
    found = []
    keep_up = held.log._table.keep_up

    def noted():
        found.append((threading.current_thread(), connections["default"]))
        return keep_up()

    monkeypatch.setattr(held.log._table, "keep_up", noted)
    return found


@pytest.fixture
def _kept(monkeypatch):
    """Connections are kept open between two looks."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)


@contextlib.asynccontextmanager
async def django_is_busy():
    """As with a consumer that calls a slow service."""
    started, done = threading.Event(), threading.Event()

    def work():
        started.set()
        assert done.wait(20)

    working = asyncio.create_task(sync_to_async(work)())
    await asyncio.to_thread(started.wait)
    yield
    done.set()
    await working


def a_row():
    from wsauth.django.models import Revocation

    record = Record(Verb.REVOKE, frozenset({("subject", "1")}), time.time(), time.time() + 3600)
    Revocation(body=record.encode().decode(), until=record.until).save(force_insert=True)


async def ends(thread):
    """Let a thread end that nobody waits for."""
    await asyncio.to_thread(thread.join, HANG)
    return not thread.is_alive()


async def test_a_consumer_that_keeps_django_busy_does_not_make_the_log_silent(held):
    """What other processes commit meanwhile is enforced within a second, and handshakes know that all is known."""
    alice = Live(held)
    assert await held.log.catch_up(HANG)
    async with django_is_busy():
        await asyncio.to_thread(a_row)
        await until(lambda: alice.told)
        assert await held.log.catch_up(HANG)
        await until(lambda: held.log.silence < 1.5)
    assert alice.told == ["REVOKED"]


async def test_a_reader_that_starts_while_django_is_busy_reads_too(held):
    """It asks Django's thread where to look, and does not wait for the answer."""
    async with django_is_busy():
        assert await held.log.catch_up(HANG)
    assert await held.log.catch_up(HANG)


async def test_one_thread_reads_and_gives_its_connection_back(held, looks):
    """As a request does, after each look, where the project keeps no connections."""
    for _ in range(2):
        assert await held.log.catch_up(HANG)
    ((thread, used),) = set(looks)
    assert thread.name.startswith("wsauth-log")
    assert used.connection is None


def test_what_is_known_does_not_wait_for_the_deletion_of_what_is_not_needed(held, monkeypatch):
    """That may have to wait for a writer, in Django's thread or elsewhere."""
    silent = []
    monkeypatch.setattr(table, "_delete_lapsed", lambda *rows: silent.append(held.log.silence))
    assert held.log._table.keep_up()
    assert silent[0] < float("inf")


@pytest.mark.usefixtures("_kept")
@pytest.mark.parametrize("cancels", [True, False])
def test_the_thread_and_its_connection_end_with_the_loop(held, looks, cancels):
    """Whether the loop cancels its tasks, as `asyncio.run` does, or is just closed."""

    async def follow():
        assert await held.log.catch_up(HANG)

    if cancels:
        asyncio.run(follow())
    else:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(follow())
        reader = held.log._readers.pop(loop)
        reader.task._log_destroy_pending = False
        loop.close()
        del reader, loop
        gc.collect()
    thread, used = looks[-1]
    thread.join(HANG)
    assert not thread.is_alive()
    assert used.connection is None


@pytest.mark.usefixtures("_kept")
async def test_the_thread_and_its_connection_end_with_the_reading(held, looks, monkeypatch):
    """A while after the last connection; who comes later gets another."""
    monkeypatch.setattr(log, "PERIOD", 0.01)
    monkeypatch.setattr(log, "LINGER", 0.3)
    for _ in range(2):
        assert await held.log.catch_up(HANG)
        await asyncio.wait_for(held.log._readers[asyncio.get_running_loop()].task, HANG)
    used = dict(looks)
    assert len(used) == 2
    for thread, own in used.items():
        assert await ends(thread)
        assert own.connection is None


def test_in_a_transaction_of_djangos_thread_it_reads_there(held, looks):
    """As in a `TestCase`, whose rows no other connection sees."""
    alice = Live(held)
    with transaction.atomic():
        a_row()
        assert async_to_sync(held.log.catch_up)(3)
        transaction.set_rollback(True)
    assert alice.told == ["REVOKED"]
    assert {thread for thread, _ in looks} == {threading.main_thread()}


def test_a_database_in_memory_is_read_in_djangos_thread(held, looks, monkeypatch):
    """It is seen on one connection, or locks others out."""
    monkeypatch.setattr(type(connection._connections["default"]), "is_in_memory_db", lambda self: True)
    assert async_to_sync(held.log.catch_up)(3)
    assert {thread for thread, _ in looks} == {threading.main_thread()}
