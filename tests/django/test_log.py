"""DatabaseLog brings what is committed, and nothing else, to every process. Two logs on one table are two processes."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import time
import weakref

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import InterfaceError, connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from patience import HANG, until
from project.live import Live

from wsauth import Connections
from wsauth.core.reasons import Reason
from wsauth.django import DatabaseLog, log, table
from wsauth.revocation.log import RevocationLog, RevocationNotRecorded
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.records import Records
from wsauth.testing import FakeClock


class Process:
    """A log with clocks of its own, and a connection of user 1."""

    def __init__(self, **fields):
        self.clock, self.monotonic = FakeClock(time.time()), FakeClock(1000.0)
        self.log = DatabaseLog(Records(self.clock, self.monotonic), self.monotonic)
        self.connections = Connections(log=self.log)
        self.alice = Live(self.connections, **fields)

    def keep_up(self):
        return self.log._table.keep_up()

    def advance(self, seconds):
        self.clock.advance(seconds)
        self.monotonic.advance(seconds)


@pytest.fixture
def rows():
    from wsauth.django.models import Revocation

    return Revocation.objects


@pytest.fixture
def here(rows):
    return Process()


@pytest.fixture
def there(rows):
    return Process()


def row(rows, pk=None, subject="1", **fields):
    """Insert what another process would."""
    times = {"at": time.time(), "until": time.time() + 3600}
    record = Record(Verb.REVOKE, frozenset({("subject", subject)}), **{**times, **fields})
    return rows.create(pk=pk, body=record.encode().decode(), until=record.until)


@pytest.fixture
def no_table(rows):
    """The table is not there while the test runs, as before `migrate`."""
    table = apps.get_model("wsauth", "Revocation")._meta.db_table
    with connection.schema_editor() as editor:
        editor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    yield
    with connection.schema_editor() as editor:
        editor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


def test_it_is_a_log_that_reaches_others_and_takes_part_in_transactions(here):
    """Both are what signals and the command go by."""
    assert isinstance(here.log, RevocationLog)
    assert (here.log.reaches_others, here.log.in_transaction, here.log.alias) == (True, True, "default")
    assert repr(here.log) == "DatabaseLog()"


def test_the_migrations_say_what_the_models_say():
    """`makemigrations` has nothing to add in a project."""
    call_command("makemigrations", "wsauth", check=True, dry_run=True, verbosity=0)


# Writing


def test_outside_a_transaction_it_is_enforced_and_recorded_at_once(here, rows):
    """The receipt counts the connections of this process; nobody else answers."""
    receipt = here.connections.revoke_now(subject="1", receipt=1)
    assert (receipt.recorded, receipt.closed, receipt.answered, receipt.missing) == (True, 1, 0, frozenset())
    assert here.alice.told == ["REVOKED"]
    (found,) = rows.all()
    record = Record.decode(found.body.encode())
    assert (record.match, record.until) == (frozenset({("subject", "1")}), found.until)


def test_in_a_transaction_nobody_is_closed_before_the_commit(here, there, rows):
    """What the store still says otherwise would be asked too early."""
    with transaction.atomic():
        receipt = here.connections.revoke_now(subject="1")
        assert (receipt.recorded, receipt.closed) == (True, 0)
        assert (here.alice.told, rows.count()) == ([], 1)
    there.keep_up()
    assert here.alice.told == there.alice.told == ["REVOKED"]


def revoke_and_fail(revoke):
    with transaction.atomic():
        revoke()
        raise ZeroDivisionError


def test_a_transaction_that_is_rolled_back_closes_nobody(here, there, rows):
    """Neither here nor there, and it leaves no row; a savepoint is no different."""
    for outer in (contextlib.nullcontext, transaction.atomic):
        with outer(), pytest.raises(ZeroDivisionError):
            revoke_and_fail(lambda: here.connections.revoke_now(subject="1"))
    there.keep_up()
    assert (here.alice.told, there.alice.told, rows.count()) == ([], [], 0)


async def test_from_a_loop_it_is_the_same(here, rows):
    """Where `async_to_sync` calls it inside a transaction, it takes part in that one."""
    with pytest.raises(ZeroDivisionError):
        await sync_to_async(revoke_and_fail)(lambda: async_to_sync(here.connections.revoke)(subject="1"))
    assert (here.alice.told, await rows.acount()) == ([], 0)
    assert (await here.connections.revoke(subject="1")).closed == 1
    assert (here.alice.told, await rows.acount()) == (["REVOKED"], 1)


def test_what_cannot_be_recorded_says_so_and_spoils_no_transaction(here, alice, no_table):
    """The change itself commits, and this process closes what it has."""
    with transaction.atomic():
        with pytest.raises(RevocationNotRecorded, match=r"its table is missing; run `manage.py migrate`"):
            here.connections.revoke_now(subject="1")
        User.objects.update(first_name="Alice")
        assert here.alice.told == []
    assert User.objects.get().first_name == "Alice"
    assert here.alice.told == ["REVOKED"]
    with pytest.raises(RevocationNotRecorded):
        here.connections.disconnect_now(subject="1")
    assert here.alice.told == ["REVOKED", "GOING_AWAY"]


def test_a_database_that_is_away_is_named_without_its_words(here, monkeypatch):
    """The text of a driver's error may quote values."""

    def fail(*args, **kwargs):
        raise InterfaceError("secret")

    monkeypatch.setattr("django.db.models.Model.save", fail)
    with pytest.raises(RevocationNotRecorded, match="the database answered InterfaceError") as failed:
        here.connections.revoke_now(subject="1")
    assert "secret" not in str(failed.value)
    assert here.alice.told == ["REVOKED"]


def test_without_the_app_it_says_what_to_install(here, caplog):
    """There is no table then, and no system check either."""
    with override_settings(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"]):
        with pytest.raises(RevocationNotRecorded, match="to INSTALLED_APPS and run"):
            here.connections.revoke_now(subject="1")
        assert not here.keep_up()
    assert 'add "wsauth.django" to INSTALLED_APPS and run `manage.py migrate`' in caplog.text


# Reading


def test_another_process_reads_it_once(here, there):
    """And so does one that is started afterwards."""
    here.connections.revoke_now(subject="1")
    for _ in range(3):
        assert there.keep_up()
    late = Process()
    late.keep_up()
    here.keep_up()
    assert here.alice.told == there.alice.told == late.alice.told == ["REVOKED"]


def test_ids_that_commit_out_of_order_are_read(there, rows):
    """A transaction took its id first and committed last; one that took over a minute is found by the look at everything."""
    row(rows, pk=1000, subject="other")
    there.keep_up()
    row(rows, pk=999, subject="other")
    there.advance(59)
    there.keep_up()
    assert len(there.log.records) == 1
    row(rows, pk=998)
    there.keep_up()
    assert there.alice.told == ["REVOKED"]
    for _ in range(3):
        there.advance(60)
        there.keep_up()
    row(rows, pk=997, reason=Reason.FORBIDDEN)
    there.keep_up()
    assert there.alice.told == ["REVOKED"]
    there.advance(60)
    there.keep_up()
    assert there.alice.told == ["REVOKED", "FORBIDDEN"]


def test_ids_that_are_given_again_are_read(there, rows):
    """The table was emptied, or restored from a backup."""
    for pk in (1, 2, 3):
        row(rows, pk=pk, subject="other")
    there.keep_up()
    rows.all().delete()
    row(rows, pk=1)
    there.keep_up()
    there.advance(60)
    there.keep_up()
    assert there.alice.told == ["REVOKED"]
    row(rows, pk=2, reason=Reason.FORBIDDEN)
    there.keep_up()
    assert there.alice.told == ["REVOKED", "FORBIDDEN"]


def test_a_quiet_look_is_one_query(there, rows):
    """Whatever has been read before; many rows come in few queries."""
    for _ in range(3):
        row(rows)
    there.keep_up()
    there.monotonic.advance(1)
    with CaptureQueriesContext(connection) as queries:
        there.keep_up()
    assert len(queries) == 1
    row(rows)
    with CaptureQueriesContext(connection) as queries:
        there.keep_up()
    assert len(queries) == 2


def test_many_rows_are_read(there, rows, monkeypatch):
    """In batches that any database takes."""
    monkeypatch.setattr(table, "BATCH", 2)
    for at in range(5):
        row(rows, subject=str(at))
    there.keep_up()
    assert len(there.log.records) == 5


def test_at_a_start_all_is_read_once_in_pages(there, rows, monkeypatch):
    """What is old is not asked for again twice a second, nor any row by its id."""
    monkeypatch.setattr(table, "PAGE", 10)
    pages, taken = [], []
    find, take = table._pages, there.log.records.take
    monkeypatch.setattr(table, "_pages", lambda *args: [pages.append(len(page)) or page for page in find(*args)])
    monkeypatch.setattr(
        there.log.records, "take", lambda several, missed: taken.extend(several) or take(several, missed)
    )
    for number in range(35):
        row(rows, subject=f"old{number}", at=there.clock() - 300)
    for number in range(3):
        row(rows, subject=f"new{number}", at=there.clock())
    with CaptureQueriesContext(connection) as queries:
        there.keep_up()
    assert (pages, len(taken)) == ([10, 10, 10, 8], 38)
    assert not any(" IN (" in query["sql"] for query in queries if query["sql"].startswith("SELECT"))
    pages.clear()
    for _ in range(5):
        there.advance(1)
        there.keep_up()
    assert (pages, len(taken)) == ([3] * 5, 38)


def test_what_lapsed_while_nobody_read_ends_connections(there, rows):
    """A process was suspended, or the transaction was open for long."""
    there.keep_up()
    there.advance(300)
    row(rows, at=there.clock() - 200, until=there.clock() - 1)
    there.keep_up()
    assert there.alice.told == ["REVOKED"]
    assert len(there.log.records) == 0


def test_what_has_lapsed_is_not_applied_and_goes_after_an_hour(there, rows, monkeypatch):
    """In portions; what still counts stays."""
    there.connections.block_now(subject="2", until=there.clock() + 3 * 3600)
    for _ in range(3):
        row(rows)
    there.clock.advance(3601)
    there.keep_up()
    assert (there.alice.told, rows.count()) == ([], 4)
    assert len(there.log._table._seen) == 1
    monkeypatch.setattr(table, "LAPSED", 2)
    there.clock.advance(3601)
    for left in (2, 1):
        there.monotonic.advance(60)
        there.keep_up()
        assert rows.count() == left


def test_odd_rows_are_skipped_and_reported_once(there, rows, caplog):
    """Somebody wrote them by hand, or with a later version of wsauth; their neighbours count."""
    until = time.time() + 3600
    later = row(rows, subject="2").body.replace('"v":1', '"v":99')
    for body in ("", "no JSON", "\ud800", '{"v": 1}', later):
        try:
            rows.create(body=body, until=until)
        except UnicodeEncodeError:  # not even a text
            continue
    row(rows)
    assert there.keep_up()
    assert there.alice.told == ["REVOKED"]
    assert caplog.text.count("rows of the revocation log are skipped") == 1


def test_silence_lasts_from_the_last_look_that_succeeded(here, monkeypatch, caplog):
    """It is infinite before the first, and an outage is reported once, and its end."""
    assert here.log.silence == float("inf")
    here.keep_up()
    assert here.log.silence == 0
    with monkeypatch.context() as patch:  # what is committed while it looks may not be among what it found
        patch.setattr(here.log._table, "_take", lambda *rows: here.advance(2))
        here.keep_up()
    assert here.log.silence == 2
    here.keep_up()

    def fail():
        raise InterfaceError("secret")

    with monkeypatch.context() as patch:
        patch.setattr(table, "model", fail)
        for _ in range(3):
            here.advance(1)
            assert not here.keep_up()
        assert here.log.silence == 3
    assert here.keep_up()
    assert here.log.silence == 0
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "the revocation log cannot be read: the database answered InterfaceError"),
        ("WARNING", "the revocation log can be read again"),
    ]


def test_a_table_that_is_missing_is_named(here, no_table, caplog):
    """With the command that makes it."""
    assert not here.keep_up()
    assert caplog.messages == ["the revocation log cannot be read: its table is missing; run `manage.py migrate`"]


# The task that reads


def test_records_are_held_for_as_long_as_clocks_differ_and_transactions_last():
    """A row is seen when its transaction commits, and judged by the clock of another host."""
    assert DatabaseLog()._records.brief >= 240


async def test_a_process_that_follows_closes_within_a_second_of_the_commit(rows):
    """With its real clocks, from the commit in the other process to the close in this one, by a look each half second."""
    other = Connections(log=DatabaseLog())
    following = Connections(log=DatabaseLog())
    alice = Live(following)
    following.log.follow()
    assert await following.log.catch_up(HANG)
    await until(lambda: following.log.silence < 1)
    await other.revoke(subject="1")
    await until(lambda: alice.told)
    assert alice.told == ["REVOKED"]
    assert log.PERIOD < 0.8


async def test_catching_up_waits_for_a_look_and_no_longer_than_it_may(here, monkeypatch):
    """It answers whether all is known; while the database is away it is not."""
    assert await here.log.catch_up(HANG)

    def fail():
        raise InterfaceError

    monkeypatch.setattr(table, "model", fail)
    assert not await here.log.catch_up(0.05)


async def test_the_task_ends_a_while_after_the_last_connection_and_starts_again(here, monkeypatch):
    """One for each event loop, however often it is asked; nothing runs in a process without connections."""
    monkeypatch.setattr(log, "PERIOD", 0.01)
    here.log.follow()
    task = here.log._readers[asyncio.get_running_loop()].task
    here.advance(1000)
    await asyncio.sleep(0.1)
    assert not task.done()
    here.connections.close(here.alice)
    here.log.follow()
    here.advance(log.LINGER - 1)
    await asyncio.sleep(0.1)
    assert here.log._readers[asyncio.get_running_loop()].task is task
    assert not task.done()
    here.advance(2)
    await asyncio.wait_for(task, HANG)
    assert await here.log.catch_up(HANG)
    assert here.log._readers[asyncio.get_running_loop()].task is not task


def test_every_loop_has_its_own_task_and_leaves_nothing(here):
    """Servers and tests make loops as they like; the task dies with its loop."""
    loops = []

    async def follow():
        assert await here.log.catch_up(HANG)
        loops.append(weakref.ref(asyncio.get_running_loop()))

    for _ in range(3):
        asyncio.run(follow())
    assert len(here.log._readers) == 1
    gc.collect()
    assert [loop() is None for loop in loops] == [True, True, False]


def test_a_tenant_of_the_caller_is_not_where_a_row_is_written(here, there, rows, monkeypatch):
    """No reader would find it there: all of them look where no tenant stands in the context."""
    tenant, seen = contextvars.ContextVar("tenant", default="public"), set()

    def noted(execute, *arguments):
        seen.add(tenant.get())
        return execute(*arguments)

    def routed(*arguments, **hints):
        seen.add(tenant.get())
        return "default"

    def revoke():
        tenant.set("acme")
        with connection.execute_wrapper(noted):
            return here.connections.revoke_now(subject="1")

    monkeypatch.setattr(log.router, "db_for_write", routed)
    assert contextvars.copy_context().run(revoke).recorded
    assert seen == {"public"}
    assert there.log._table.keep_up()
    assert there.alice.told == ["REVOKED"]


async def test_the_task_knows_nothing_of_the_handshake_that_started_it(here, monkeypatch):
    """It outlives it, and would keep alive what is in its context."""
    variable = contextvars.ContextVar("of_the_handshake", default="nothing")
    seen = []
    monkeypatch.setattr(here.log._table, "keep_up", lambda: seen.append(variable.get()) or True)
    variable.set("something")
    await here.log.catch_up(HANG)
    assert set(seen) == {"nothing"}


async def test_what_goes_wrong_does_not_end_the_task(here, monkeypatch, caplog):
    """Whatever it is, it counts as silence; the next look is made all the same."""
    monkeypatch.setattr(log, "PERIOD", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(here.log._records, "take", lambda *_: 1 / 0)
        with caplog.at_level(logging.ERROR):
            await Connections(log=DatabaseLog()).revoke(subject="1")
            assert not await here.log.catch_up(0.2)
    assert await here.log.catch_up(HANG)
    assert here.alice.told == ["REVOKED"]
    assert "ZeroDivisionError" in caplog.text
