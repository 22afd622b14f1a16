"""How revocations reach every process: the seam that a log implements, and the log of a single process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from wsauth.revocation import workers
from wsauth.revocation.record import Record
from wsauth.revocation.records import Records

logger = logging.getLogger("wsauth")

MakeRecord = Callable[[float], Record]


class RevocationNotRecorded(Exception):
    """The log could not be written to, and this process cannot try for longer. What it closed itself stays closed."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a revocation.

    `recorded`: every process will enforce it. `closed`: how many connections it ended, here and in the processes that
    answered, `answered` of them; `missing` are the names of those that should have and did not, within the time that was
    given.
    """

    recorded: bool
    closed: int
    answered: int = 0
    missing: frozenset[str] = frozenset()


@runtime_checkable
class RevocationLog(Protocol):
    """Brings records to every process that follows it.

    `records` holds what it has brought. `reaches_others` is whether other processes see what this one publishes;
    `in_transaction` whether `publish_now` writes in the database transaction of its caller, and so must be called before
    the commit rather than after it.

    A log that is not read all the time also has a property `keeps_up`: whether the running event loop reads it, and all was
    known since that began. Where it is not so, a handshake waits for `catch_up`, however short the silence.
    """

    reaches_others: ClassVar[bool]
    in_transaction: ClassVar[bool]

    @property
    def records(self) -> Records: ...

    @property
    def silence(self) -> float:
        """Seconds since this process last knew of every record: infinite where it never did, zero if it cannot miss one."""

    def follow(self) -> None:
        """Keep reading on the running event loop while connections are open. Called at every handshake, and cheap."""

    async def catch_up(self, seconds: float) -> bool:
        """Wait until every record is known, no longer than that. Returns whether it is so."""

    async def publish(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        """Stamp a record with the log's time, apply it here and make it known; wait so many seconds for answers.

        Raises RevocationNotRecorded where the process cannot go on trying.
        """

    def publish_now(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        """Do what `publish` does without an event loop: for signals, commands and WSGI workers."""


class MemoryLog:
    """The log of one process, which needs nothing to run. With several workers each has its own, and this log says so."""

    reaches_others: ClassVar[bool] = False
    in_transaction: ClassVar[bool] = False

    def __init__(self, records: Records | None = None) -> None:
        self._records = Records() if records is None else records
        self._has_looked = False

    @property
    def records(self) -> Records:
        return self._records

    @property
    def silence(self) -> float:
        return 0.0

    def follow(self) -> None:
        if not self._has_looked:
            self._has_looked = True
            if (sign := workers.sign_of_several()) is not None:
                logger.warning(
                    "%s: this server has several workers, and a revocation in memory reaches only its own. Write"
                    " Connections(log=RedisLog(url, secrets=[...])), or in Django Connections(log=DatabaseLog())",
                    sign,
                )

    async def catch_up(self, seconds: float) -> bool:
        return True

    async def publish(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        return self.publish_now(make)

    def publish_now(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        return Receipt(recorded=True, closed=self._records.apply(make(self._records.now())))
