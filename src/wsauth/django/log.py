"""Revocations in a table of the database: written in the transaction of the change, read by every process.

A row is inserted with the change that it is about, so both are committed or neither is. Each process looks for new rows
twice a second. Ids are given when a row is inserted and seen when its transaction commits, so the ids of the last
minute or two are asked for again and again, and all of them once a minute, page by page: that finds a row whose
transaction took longer.

No record is stamped by the clock of the database server, but by that of the host that wrote it: let hosts keep NTP. A host
whose clock differs from the server's says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar
from typing import Any, ClassVar

from django.apps import apps
from django.db import DatabaseError, InterfaceError, connections, router, transaction

from wsauth.core.bystanders import own
from wsauth.core.context import bare
from wsauth.django.database import connected, hop
from wsauth.django.table import Table, model, why
from wsauth.revocation.clock import Clock
from wsauth.revocation.elapsed import elapsed
from wsauth.revocation.log import MakeRecord, Receipt, RevocationNotRecorded
from wsauth.revocation.record import Record
from wsauth.revocation.records import Records

logger = logging.getLogger("wsauth")

PERIOD = 0.5  # seconds between two looks at the table: the look and the closes shall fit into one second
LINGER = 10.0  # seconds that it is read for after the last connection has left
HOSTS_APART = 240.0  # seconds by which clocks may differ, or that a transaction may be open before its row is seen
ASKED = 0.2  # seconds that a reader waits, once, for Django's thread to say whether it must look there
APART = 0.5  # seconds that a caller in a transaction waits for a write outside of it

_is_apart: ContextVar[bool] = own(ContextVar("wsauth_is_apart", default=False))


class DatabaseLog:
    """A table of the project's database as the log, which needs "wsauth.django" in INSTALLED_APPS and `manage.py migrate`.

    A revocation is enforced by every process within a second of its commit. Where its transaction is open for longer than a
    minute, another minute may pass. The table is found by the database routers, and read where it is written. Whoever can
    write it can log people out, and no more.

    `publish_now` takes part in the transaction that is open on that database: nobody is closed before it commits, and nobody
    at all if it is rolled back; its receipt then says `recorded` and no connections. A receipt counts those of this process:
    other processes do not answer.

    Each process reads in a thread of its own, over one more connection to the database: consumers that keep Django's thread
    busy do not blind it. Where the tables are seen on one connection only, in a test's transaction or a SQLite database in
    memory, it reads in Django's thread.
    """

    reaches_others: ClassVar[bool] = True
    in_transaction: ClassVar[bool] = True

    _all: ClassVar[weakref.WeakSet[DatabaseLog]] = weakref.WeakSet()

    def __init__(self, records: Records | None = None, monotonic: Callable[[], float] = elapsed) -> None:
        self._records = Records(apart=HOSTS_APART) if records is None else records
        self._table = Table(self._records, monotonic)
        self._monotonic = monotonic
        self._followed_at = 0.0
        self._readers: dict[asyncio.AbstractEventLoop, _Reader] = {}
        DatabaseLog._all.add(self)

    @staticmethod
    def start_all_over() -> None:
        """Forget who reads and when that was: they belong to the process that this one was forked from."""
        for log in list(DatabaseLog._all):
            log._readers = {}
            log._table.start_over()

    def __repr__(self) -> str:
        return "DatabaseLog()"

    @property
    def records(self) -> Records:
        return self._records

    @property
    def alias(self) -> str:
        """The database that the table is in, by its name in DATABASES."""
        found: str = bare().run(router.db_for_write, model())
        return found

    @property
    def clock(self) -> Clock:
        return self._table.clock

    @property
    def silence(self) -> float:
        return self._monotonic() - self._table.known_at

    @property
    def keeps_up(self) -> bool:
        """Whether the running event loop reads the table, and has looked at it since it began to."""
        reader = self._readers.get(asyncio.get_running_loop())
        return reader is not None and reader.keeps_up

    def follow(self) -> None:
        self._followed_at = self._monotonic()
        loop = asyncio.get_running_loop()
        reader = self._readers.get(loop)
        if reader is None or reader.task.done():
            self._readers = {of: reader for of, reader in self._readers.items() if not of.is_closed()}
            self._readers[loop] = _Reader(self._read, loop)

    async def catch_up(self, seconds: float) -> bool:
        self.follow()
        reader = self._readers[asyncio.get_running_loop()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for _ in range(
                    2 if reader.is_looking else 1
                ):  # a look that has begun may miss what was committed since
                    await reader.has_read.wait()
                return True
        return False

    async def publish(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        receipt: Receipt = await hop(self.publish_now, make, wait)
        return receipt

    def publish_now(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        record = make(self._records.now())
        body = record.encode().decode("ascii")
        closed = self._enforce(record)
        try:
            bare().run(_insert, self.alias, body, record.until)
        except (LookupError, DatabaseError, InterfaceError) as error:
            raise RevocationNotRecorded(f"the revocation was not recorded: {why(error)}") from None
        return Receipt(recorded=True, closed=closed)

    def apart(self, publish: Callable[[], None]) -> None:
        """Let `publish`, which raises nothing, revoke what no rollback brings back: enforced at once, recorded in any case.

        In a transaction it is called in another thread, over a connection of its own, and waited for half a second. A write
        that takes longer goes on by itself: where the caller has locked all of SQLite, until that transaction ends or the
        `timeout` of the database is over (5 s by default), when `publish` meets RevocationNotRecorded. In the transaction
        of a `TestCase`, and in a SQLite database in memory, the row still goes with a rollback.
        """
        if not self._is_in_transaction:
            publish()
        elif _is_in_memory(self.alias) or _is_in_a_test(self.alias):
            _call_apart(publish)
        else:
            thread = threading.Thread(target=_call_and_disconnect, args=(publish,), name="wsauth-apart")
            thread.start()
            thread.join(APART)

    @property
    def _is_in_transaction(self) -> bool:
        return apps.is_installed("wsauth.django") and bool(connections[self.alias].in_atomic_block)

    def _enforce(self, record: Record) -> int:
        """Enforce it here: at once, or when the transaction that is open is committed."""
        if self._is_in_transaction and not _is_apart.get():
            transaction.on_commit(lambda: self._records.apply(record), using=self.alias, robust=True)
            return 0
        return self._records.apply(record)

    async def _read(self, reader: _Reader) -> None:
        """Crash-only: servers let it die with them."""
        place = _Place(self._must_share)
        try:
            await place.ask()
            while self._records.connections or self._monotonic() - self._followed_at < LINGER:
                reader.is_looking = True
                has_looked = await place.call(self._table.keep_up)
                reader.is_looking = False
                if has_looked:
                    reader.tell()
                await asyncio.sleep(PERIOD)
        finally:
            place.leave()

    def _must_share(self) -> bool:
        """Whether what is in the table is seen on the connection of this thread only."""
        with contextlib.suppress(Exception):  # the look itself will say what is wrong
            return self._is_in_transaction or _is_in_memory(self.alias)
        return False


class _Reader:
    """The task that reads on one event loop, and what waits for it there."""

    def __init__(self, read: Callable[[_Reader], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.has_read = asyncio.Event()
        self.is_looking = self._has_begun = False
        # An empty context: the task outlives the handshake that has started it.
        self.task = loop.create_task(read(self), context=Context())

    @property
    def keeps_up(self) -> bool:
        return self._has_begun and not (self.task.done() or self.task.cancelling())

    def tell(self) -> None:
        """All that was committed before the last look is known. Who asks from now on waits for the next."""
        self._has_begun = True
        has_read, self.has_read = self.has_read, asyncio.Event()
        has_read.set()


class _Place:
    """Where one reader looks: in a thread of its own, or in Django's where the table is seen on its connection only."""

    def __init__(self, must_share: Callable[[], bool]) -> None:
        self._must_share = asyncio.ensure_future(hop(must_share))
        self._own = ThreadPoolExecutor(1, "wsauth-log")  # starts its thread when it is first needed
        # Also where the loop is closed and forgotten: the collector would end the thread before its connection is closed.
        self.leave = weakref.finalize(self, _end, self._own)

    async def ask(self) -> None:
        """Wait for the answer of Django's thread, but not long. Until it comes, one's own is right: no test is that busy."""
        await asyncio.wait({self._must_share}, timeout=ASKED)

    async def call(self, function: Callable[[], bool]) -> bool:
        if self._must_share.done() and self._must_share.result():
            shared: bool = await hop(function)
            return shared
        return await asyncio.get_running_loop().run_in_executor(self._own, connected, function)


def _end(thread: ThreadPoolExecutor) -> None:
    """Close its connections and let it end, as soon as a look that is under way is over. Waits for nothing."""
    with contextlib.suppress(RuntimeError):  # the interpreter is ending
        thread.submit(connections.close_all)
    thread.shutdown(wait=False)


def _insert(alias: str, body: str, until: float) -> None:
    """Write a row where it is read: a tenant that stands in the caller's context has no log of its own."""
    with transaction.atomic(using=alias):  # a savepoint: a failure must not spoil the caller's transaction
        model()(body=body, until=until).save(using=alias, force_insert=True)


def _call_apart(publish: Callable[[], None]) -> None:
    token = _is_apart.set(True)
    try:
        publish()
    finally:
        _is_apart.reset(token)


def _call_and_disconnect(publish: Callable[[], None]) -> None:
    try:
        publish()
    finally:
        connections.close_all()  # of this thread, which ends here


def _is_in_memory(alias: str) -> bool:
    """Whether it is a database of one connection, or one whose connections lock each other out without waiting."""
    connection = connections[alias]
    return bool(connection.vendor == "sqlite" and connection.is_in_memory_db())


def _is_in_a_test(alias: str) -> bool:
    """Whether the transaction is one that a `TestCase` will roll back: nothing is to be left beside it."""
    return any(getattr(block, "_from_testcase", False) for block in connections[alias].atomic_blocks)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DatabaseLog.start_all_over)
