"""How the log is read so that no record is missed without notice.

It is read on from where one stands only as long as each entry names the one before it and the stream itself, which is looked
at each second, shows no loss. Otherwise all of it is read again, and what it has lost is added. So the sets of all processes
meet, whatever happens to the stream: https://en.wikipedia.org/wiki/Conflict-free_replicated_data_type (a grow-only set).
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from binascii import unhexlify
from collections.abc import Iterator, Sequence
from typing import Any

from redis.exceptions import ReadOnlyError, ResponseError

from wsauth.redis.address import Command
from wsauth.redis.commands import (
    INFO,
    PAGE,
    REPLICATION,
    TIME,
    Entry,
    Stream,
    entries_of,
    eviction_of,
    is_in_a_cluster,
    is_replica,
    order,
    stream_of,
    time_of,
)
from wsauth.redis.faults import ELSEWHERE, Late, code_of
from wsauth.redis.line import Line
from wsauth.redis.place import Place
from wsauth.redis.process import Process
from wsauth.redis.publication import DEADLINE
from wsauth.redis.signing import Forged, UnknownKey
from wsauth.revocation import packed
from wsauth.revocation.elapsed import elapsed
from wsauth.revocation.record import UnknownVersion
from wsauth.revocation.records import Taken
from wsauth.revocation.said import ANY, FORM, Said, reply_of, since

BLOCK = 1.0  # seconds that a read waits for something new
CHECK = 1.0  # seconds between two looks at the stream itself, two syncs, and two attempts to append a record
LEASE = 90.0  # seconds; longer than a process may be blind for by default
RENEW = 10.0  # seconds
TRIM = 60.0  # seconds between two trims, and that an entry outlives its record
SPREAD = 30.0  # seconds over which stores are asked again after a loss, and between two such rounds
TURN = 100  # entries that are taken in before others run
CHUNK = 200  # entries that are appended at once
ANSWERED = 60.0  # seconds after which nobody waits for an answer any more


class Follower:
    """Reads the log over one connection. `turn` is set when every record is known, and replaced by another event then.

    `keeps_up` is whether that was so since it began to read, and it reads on.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._records = process.records
        self._commands = process.commands
        self.line = Line(process.address)
        self.turn = asyncio.Event()
        self._place = Place()
        self._loss: str | None = ""  # why all of the stream is to be read: empty at the start, None where it is not
        self._answers: list[Command] = []
        self._synced_at = self._checked_at = self._leased_at = self._looked_at = -math.inf
        self._trimmed_at = time.monotonic()
        self._owes_a_look = False
        self._may_ask = True  # for the role of this Redis
        self.keeps_up = False

    def start_over(self, why: str) -> None:
        self._loss, self.keeps_up = why, False

    async def step(self, waits: bool) -> None:
        """Read what is there, or wait for it for a second. Raises one of FAULTS."""
        if self._loss is not None:
            await self._sync(self._loss)
        sent = elapsed()
        block = BLOCK if waits else 0.0
        (answer,) = await self._ask(block + DEADLINE, self._commands.read(self._place.cursor, block))
        entries = entries_of(answer)
        if not await self._take_in(self._place, entries):
            self._loss = "an entry does not name the one before it"
        await self._send_answers()
        if self._loss is None:
            if 0 < len(entries) < PAGE:
                self._saw(sent)
            if not entries or time.monotonic() - self._checked_at >= CHECK:
                await self._check()
        if self._loss is None and len(entries) < PAGE:
            await self._send_again()

    def doubt(self) -> None:
        """Something went wrong: this Redis may be no primary any more, and has to take the lease at the next look."""
        self._leased_at = self._checked_at = -math.inf

    async def leave(self, seconds: float) -> None:
        """Give up the lease, and read no more."""
        await self.line.drop()  # which may still wait for something to read
        self._leased_at = -math.inf
        connecting = max(seconds, 8 * self._process.address.distance)
        await self.line.ask(seconds, self._commands.leave(self._process.node), connecting=connecting)

    # Entries

    async def _take_in(self, place: Place, entries: Sequence[Entry]) -> bool:
        """Take entries in, some in each turn. Returns whether each that is ours and new names the one before it."""
        missed, is_chain = self._missed(), True
        for start in range(0, len(entries), TURN):
            if start:
                await asyncio.sleep(0)
            is_chain &= self._take(place, entries[start : start + TURN], missed)
        return is_chain

    def _take(self, place: Place, entries: Sequence[Entry], missed: float) -> bool:
        follows = place.move_past(entries)
        opened = [self._open(place, entry) for entry in entries]
        several = [(entry, said) for entry, said in zip(entries, opened, strict=True) if said is not None]
        taken = place.take(several, self._records, missed)
        if self._process.outbox:
            for entry, _ in several:
                self._process.outbox.pop(entry.name.decode(), None)
        self._answers += self._answers_to(several, taken)
        if all(follows):
            return True
        new = {entry.id for (entry, _), one in zip(several, taken, strict=True) if one.is_new}
        return all(named or entry.id not in new for entry, named in zip(entries, follows, strict=True))

    def _open(self, place: Place, entry: Entry) -> Said | None:
        """Believe an entry if it is signed."""
        try:
            said = self._process.keyring.open(entry.body, entry.key, entry.signature)
            if said[1][:16] != unhexlify(entry.name):
                raise Forged("an entry bears another name than its record")
        except (UnknownVersion, UnknownKey) as error:
            place.has_unread = self._owes_a_look = True
            self._process.say(logging.ERROR, type(error).__name__, "a revocation was not understood: %s", error)
        except ValueError as error:
            self._process.forged += 1
            self._process.say(logging.WARNING, "forged", "an entry of the revocation log is not ours: %s", error)
        else:
            return said
        return None

    def _answers_to(self, several: Sequence[tuple[Entry, Said]], taken: Sequence[Taken]) -> Iterator[Command]:
        """Say how many connections were closed, to whoever asks and may still wait."""
        for (_, (_, said)), one in zip(several, taken, strict=True):
            if said[FORM] != ANY or not one.is_new:
                continue
            if (reply := reply_of(said)) and self._records.now() - since(said) < ANSWERED:
                yield from self._commands.answer(reply, self._process.node, one.closed)

    def _missed(self) -> float:
        """Since when, by the log's clock, something may have come and lapsed meanwhile. No connection is older."""
        return self._records.now() - elapsed() + max(self._process.seen_at - CHECK, self._process.began_at)

    async def _send_answers(self) -> None:
        if self._answers:
            answers, self._answers = self._answers, []
            try:
                await self._write(*answers)
            except ResponseError as error:  # a receipt lacks an answer: no reason to read less
                self._process.say_fault(logging.WARNING, "; a receipt lacks the answer of this process", error)

    def _saw(self, moment: float) -> None:
        """All was read up to that moment. That is believed of a primary: the role was asked for, or the lease taken."""
        if not self._may_ask and self._leased_at == -math.inf:
            return
        self._process.saw(moment)
        self.keeps_up = True
        self.turn.set()
        self.turn = asyncio.Event()

    # The stream itself

    async def _check(self) -> None:
        sent = elapsed()
        stream = await self._look()
        self._records.forget()
        self._loss = self._place.loss(stream, self._records)
        if self._loss is None and self._place.is_at_end(stream):
            self._saw(sent)
            await self._trim(stream)
        self._ask_stores()

    def _ask_stores(self) -> None:
        """Have looked again what a store can judge, if something may have been missed. Not more often than it takes."""
        if self._owes_a_look and time.monotonic() - self._looked_at >= SPREAD:
            self._owes_a_look, self._looked_at = False, time.monotonic()
            self._records.look_again(SPREAD)

    async def _look(self) -> Stream | None:
        """Look at the stream and at the time, and renew the lease where it is due."""
        asked = time.monotonic()
        seconds, answer = await self._ask(DEADLINE, TIME, self._commands.look())
        self._process.set_clock(time.monotonic() - asked, time_of(seconds))
        self._checked_at = asked
        if not self._may_ask or self._checked_at - self._leased_at >= RENEW:
            await self._renew()
        return stream_of(answer)

    async def _ask(self, deadline: float, *commands: Command) -> list[Any]:
        """Read something, and the role behind it: a replica knows less than its primary. Raises ReadOnlyError for one.

        Where nobody may ask for the role, the lease shows it, which no replica takes.
        """
        role = (REPLICATION,) if self._may_ask else ()
        try:
            answers = await self.line.ask(deadline, *commands, *role)
        except ResponseError as error:
            if not self._may_ask or getattr(error, "command", REPLICATION) != REPLICATION:
                raise
            self._may_ask = False
            self.doubt()
            return await self._ask(deadline, *commands)
        if role and is_replica(answers.pop()):
            await self.line.drop()  # the address may lead to another one by now
            raise ReadOnlyError("it says that it is a replica")
        return answers

    async def _renew(self) -> None:
        """Say that this process reads. A Redis that is full is still read; one that is no primary is behind, and is not."""
        now = self._records.now()
        lease = self._commands.lease(self._process.node, now + LEASE)
        try:
            await self.line.ask(DEADLINE, lease, self._commands.forget_leases(now))
        except (ResponseError, Late) as error:
            if code_of(error) in ELSEWHERE or (isinstance(error, Late) and not self._may_ask):
                raise
            self._process.say_fault(logging.ERROR, "; it is still read", error)
        self._leased_at = self._checked_at

    async def _write(self, *commands: Command) -> bool:
        """Write what can be written again. A write that hangs, as before a failover, undoes nothing that was read."""
        try:
            await self.line.ask(DEADLINE, *commands)
        except Late as fault:
            if not self._may_ask:
                raise
            self._process.say_fault(logging.WARNING, "; it is still read", fault)
            return False
        return True

    async def _send_again(self) -> None:
        """Append what was published a second ago or more and has not come back, a chunk between two reads."""
        now, by_log = time.monotonic(), self._records.now()
        due = []
        for name, (tried_at, record) in list(self._process.outbox.items()):
            if record.until <= by_log:
                self._process.outbox.pop(name, None)
            elif now - tried_at >= CHECK:
                due.append(record)
        if due:
            self._process.outbox.update((record.id, (now, record)) for record in due[:CHUNK])
            await self._write(*map(self._process.append, due[:CHUNK]))

    async def _trim(self, stream: Stream | None) -> None:
        """Have the stream forget what has lapsed. What stands in the way, and counts for long, is put to its end."""
        if stream is None or time.monotonic() - self._trimmed_at < TRIM:
            return
        self._trimmed_at = time.monotonic() + random.uniform(0, TRIM / 2)  # noqa: S311 - no secret
        kept = self._place.trim(self._records, self._records.now() - TRIM)
        await self._write(self._commands.trim(kept))
        if stream.length > 2 * len(self._records) + 5 * CHUNK:
            first = self._place.first(self._records, CHUNK)
            await self._write(*map(self._process.append, first))

    # Reading all of it

    async def _sync(self, why: str) -> None:
        await asyncio.sleep(max(0.0, self._synced_at + CHECK - time.monotonic()))
        self._synced_at = time.monotonic()
        if why:
            self._process.say(logging.WARNING, "loss", "the revocation log is read again: %s", why)
            self._leased_at = -math.inf  # which may be lost as well
        place = Place()
        stream = await self._look()
        place.begin(stream, self._records)
        sent = await self._read_to_end(place)
        self._saw(sent)  # before anything is written, which may hang
        if stream is not None and order(stream.last) > order(place.cursor):
            place.cursor = stream.last  # the entries up to there are gone
        if await self._lacking(place):
            ends = time.monotonic() + random.uniform(0, CHECK)  # noqa: S311 - others may add it before
            while (left := ends - time.monotonic()) > 0:
                sent = await self._read_to_end(place, left)
            sent = await self._add_lacking(place) or sent
        self._place = place
        self._loss = "what was added is not there" if await self._lacking(place) else None
        self._owes_a_look |= bool(why)
        self._ask_stores()
        self._saw(sent)
        await self._warn_of_what_it_is()

    async def _read_to_end(self, place: Place, block: float = 0.0) -> float:
        """Take whatever is there, or wait for it. Returns when the last of it was asked for."""
        while True:
            sent = elapsed()
            (answer,) = await self._ask(block + DEADLINE, self._commands.read(place.cursor, block))
            entries = entries_of(answer)
            await self._take_in(place, entries)
            if len(entries) < PAGE:
                await self._send_answers()
                return sent
            block = 0.0

    async def _lacking(self, place: Place) -> list[bytes]:
        """The records that count and that the stream does not hold, packed, but for those that are being published."""
        soon, found = self._records.now() + CHECK, list[bytes]()
        if place.brought_all(self._records):
            return found
        for some in self._records.slices():
            lacking = [one for one in some if place.lacks(one) and packed.until(one) > soon]
            found += [one for one in lacking if packed.name(one).hex() not in self._process.outbox]
            await asyncio.sleep(0)
        return found

    async def _add_lacking(self, place: Place) -> float | None:
        """Append what the stream lacks, in an order that no other process has: they are about to do the same."""
        lacking, sent = await self._lacking(place), None
        while lacking:
            chunk = [packed.unpack(_draw(lacking)) for _ in range(min(CHUNK, len(lacking)))]
            held = [(record, self._records.held(record)) for record in chunk]
            appends = [self._process.append(record) for record, one in held if one is not None and place.lacks(one)]
            if appends:
                if not await self._write(*appends):
                    break
                sent = await self._read_to_end(place)
        return sent

    async def _warn_of_what_it_is(self) -> None:
        if self._process.has_asked_of_eviction:
            return
        try:
            (answer,) = await self.line.ask(DEADLINE, INFO)
        except ResponseError:  # a provider may not allow it
            answer = b""
        self._process.has_asked_of_eviction = True
        if is_in_a_cluster(answer):
            self._process.say(
                logging.WARNING,
                "cluster",
                "Redis at %r is a node of a Redis Cluster, which RedisLog does not follow: when its keys move to another"
                " node, nothing can be read here; write the address of a Redis that is no part of one: redis://host:6379/0",
                self._process.address,
            )
        if policy := eviction_of(answer):
            self._process.say(
                logging.WARNING,
                "eviction",
                "Redis at %r evicts keys when its memory is full (maxmemory-policy %s), and may evict all revocations;"
                " set it to noeviction, or give wsauth a Redis of its own",
                self._process.address,
                policy,
            )


def _draw(every: list[bytes]) -> bytes:
    """Take one out, at random."""
    at = random.randrange(len(every))  # noqa: S311 - no secret
    every[at], every[-1] = every[-1], every[at]
    return every.pop()
