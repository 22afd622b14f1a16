"""What the readers and writers of one process share, and what a child must not inherit when the process forks."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import socket
import time
import weakref
from typing import TYPE_CHECKING, ClassVar

from wsauth.redis.address import Address, Command
from wsauth.redis.commands import Commands
from wsauth.redis.faults import explain
from wsauth.redis.line import ThreadLine
from wsauth.redis.signing import Keyring
from wsauth.revocation.clock import Clock
from wsauth.revocation.elapsed import elapsed
from wsauth.revocation.record import Record
from wsauth.revocation.records import Records

if TYPE_CHECKING:
    from wsauth.redis.reader import Reader

logger = logging.getLogger("wsauth")

_SELDOM = 60.0  # seconds between two lines of the same kind in the log
_KINDS = 100  # that are told apart: what a hostile Redis answers must not make more
_AWAY = 5.0  # seconds for which nobody waits for Redis again, once somebody has waited in vain


class Process:
    """This process as a node of the log.

    `outbox` holds the records that a reader of ours has not read back yet, with the monotonic time of the last attempt to
    append them. `seen_at` is when this process last knew of every record, by `elapsed`.
    """

    _all: ClassVar[weakref.WeakSet[Process]] = weakref.WeakSet()

    def __init__(self, address: Address, commands: Commands, keyring: Keyring, records: Records) -> None:
        self.address = address
        self.commands = commands
        self.keyring = keyring
        self.records = records
        self.clock = Clock()
        self.start_over()
        Process._all.add(self)

    def start_over(self) -> None:
        """Forget everything but the records: the rest belongs to the process that this one was forked from."""
        self.node = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.outbox: dict[str, tuple[float, Record]] = {}
        self.seen_at = -math.inf
        self.began_at = elapsed()
        self.forged = 0
        self.has_asked_of_eviction = False
        self._lines: list[ThreadLine] = []
        self._said: dict[str, _Said] = {}
        self._away_until = -math.inf
        self.readers: dict[asyncio.AbstractEventLoop, Reader] = {}

    def post(self, record: Record) -> bool:
        """Put a record into the outbox. Returns whether a reader goes on with it; otherwise it is not put there."""
        self.outbox[record.id] = (time.monotonic(), record)  # first, for no reader ends while there is something in it
        if self.is_followed:
            return True
        self.outbox.pop(record.id, None)
        return False

    @property
    def is_followed(self) -> bool:
        """Whether a reader of this process goes on with what is left undone."""
        return any(reader.is_running for reader in list(self.readers.values()))

    @staticmethod
    def start_all_over() -> None:
        for process in list(Process._all):
            process.start_over()

    @property
    def is_away(self) -> bool:
        """Whether somebody has waited for Redis in vain within the last 5 s, and nothing was appended since."""
        return elapsed() < self._away_until

    def gave_up(self) -> None:
        """A record could not be appended for as long as that may take."""
        # From now, and not longer with every short attempt that fails: a Redis that is merely slow is waited for again.
        self._away_until = elapsed() + _AWAY
        while self._lines:  # the connections are as dead as the one that was tried
            self.line().drop()

    def got_through(self) -> None:
        self._away_until = -math.inf

    def append(self, record: Record) -> Command:
        return self.commands.append(record.id, self.keyring.seal(record))

    def saw(self, moment: float) -> None:
        """Every record up to that moment is known."""
        self.seen_at = max(self.seen_at, moment)

    def set_clock(self, took: float, log_time: float) -> None:
        """Learn the log's time, from an answer that has just come and took so many seconds.

        It was read at some moment of these. What is known stays as long as that allows it: an answer that came late tells
        little, and must not put the clock wrong.
        """
        least = log_time - (self.records.now() - self.records.offset)
        self.records.offset = min(max(self.records.offset, least), least + took)
        self.clock.learn(self.records.offset)

    def say(self, level: int, kind: str, text: str, *values: object, trace: bool = False) -> None:
        """Write a line into the log of the application, but seldom twice of one kind: a new kind is said at once."""
        said = self._said.setdefault(kind if len(self._said) < _KINDS else "other", _Said())
        now = time.monotonic()
        if now - said.at < _SELDOM:
            said.left_out += 1
            return
        if said.left_out:
            text, values = (
                text + " (and %d times more in the last %d s)",
                (*values, said.left_out, round(now - said.at)),
            )
        said.at, said.left_out = now, 0
        logger.log(level, text, *values, exc_info=trace)

    def say_fault(self, level: int, where: str, fault: object) -> None:
        """Say what is wrong with Redis, each cause for itself. `where` says in words of ours what comes of it."""
        kind, text = explain(fault, self.address)
        self.say(level, f"{where} {kind}", f"Redis at %r: %s{where}", self.address, text)

    def line(self) -> ThreadLine:
        """A connection for the calling thread alone. Give it back with `keep`, unless something went wrong on it."""
        try:
            return self._lines.pop()
        except IndexError:
            return ThreadLine(self.address)

    def keep(self, line: ThreadLine) -> None:
        if len(self._lines) < _KEPT:
            self._lines.append(line)
        else:
            line.drop()


_KEPT = 4  # connections


class _Said:
    """When a kind of line was written last, and how many were left out since."""

    __slots__ = ("at", "left_out")

    def __init__(self) -> None:
        self.at = -math.inf
        self.left_out = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Process.start_all_over)
