"""`RedisLog`: revocations for every process that shares a Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from wsauth.redis.address import Address
from wsauth.redis.commands import Commands
from wsauth.redis.process import Process
from wsauth.redis.publication import in_a_thread, on_a_loop, publication
from wsauth.redis.reader import Reader
from wsauth.redis.signing import Keyring
from wsauth.revocation.clock import Clock
from wsauth.revocation.elapsed import elapsed
from wsauth.revocation.log import MakeRecord, Receipt
from wsauth.revocation.records import Records

PATIENCE = 5.0  # seconds that `publish` tries where no reader goes on trying
PATIENCE_NOW = 2.0  # seconds that `publish_now` does


class RedisLog:
    """Brings revocations to every process through a Redis stream, and survives whatever happens to that stream.

    `secrets` sign the records: the first signs, all verify. To change one, deploy the new secret as the second everywhere,
    then as the first, and drop the old one when the longest revocation has lapsed. `namespace` separates applications that
    share a Redis: letters, digits and `_.:-`.

    A Redis that is away holds up `publish` for about 1.3 s where a reader of this process goes on trying. Where none does,
    `publish` raises RevocationNotRecorded after about 5.3 s and `publish_now` after about 2.3 s, or after 7 s where its host
    does not answer at all. For 5 s after that each further call makes one attempt, which takes about 0.3 s at most: who
    deletes many users waits once. Where Redis is far away, a few round trips are added. What is enforced here is enforced
    at once in any case.

    Nothing is connected before it is used, so a log may be made before the server forks. Raises ConfigurationError for a bad
    address, secret or namespace.
    """

    reaches_others: ClassVar[bool] = True
    in_transaction: ClassVar[bool] = False

    def __init__(self, url: str, *, secrets: Sequence[str | bytes], namespace: str = "default") -> None:
        self._process = Process(Address(url), Commands(namespace), Keyring(secrets, namespace), Records())

    def __repr__(self) -> str:
        return f"RedisLog({self._process.address!r}, namespace={self._process.commands.namespace!r})"

    @property
    def records(self) -> Records:
        return self._process.records

    @property
    def clock(self) -> Clock:
        return self._process.clock

    @property
    def silence(self) -> float:
        return elapsed() - self._process.seen_at

    @property
    def keeps_up(self) -> bool:
        """Whether the reader of the running event loop does. Others may be of a loop that stands still."""
        reader = self._process.readers.get(asyncio.get_running_loop())
        return reader is not None and reader.keeps_up

    def follow(self) -> None:
        self._reader().follow()

    async def catch_up(self, seconds: float) -> bool:
        called = elapsed()
        reader = self._reader()
        reader.follow()
        try:
            async with asyncio.timeout(seconds):
                while self._process.seen_at < called:
                    await reader.next_turn()
        except TimeoutError:
            return False
        return True

    async def publish(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        steps = publication(self._process, make, wait, PATIENCE)
        return await on_a_loop(steps, self._reader().lines.ask)

    def publish_now(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        steps = publication(self._process, make, wait, PATIENCE_NOW)
        line = self._process.line()
        try:
            return in_a_thread(steps, line.ask)
        finally:
            self._process.keep(line)

    def _reader(self) -> Reader:
        """The reader of the running event loop, whether or not it reads."""
        loop, readers = asyncio.get_running_loop(), self._process.readers
        if loop not in readers:
            for closed in [other for other in list(readers) if other.is_closed()]:
                readers.pop(closed, None)
            readers[loop] = Reader(self._process)
        return readers[loop]
