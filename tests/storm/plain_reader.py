"""What one would write in an afternoon: XREAD from a cursor, appends that are retried. The storm shows what it loses.

It is careful where it can be: it signs, reads bytes, skips what it cannot read, reconnects, keeps what it has read, and
notices when Redis does not answer. Only it takes the stream at its word.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any, ClassVar

import redis
import redis.asyncio
from redis.exceptions import RedisError

from wsauth.redis.signing import Keyring
from wsauth.revocation.log import MakeRecord, Receipt, RevocationNotRecorded
from wsauth.revocation.record import Record
from wsauth.revocation.records import Records

FAULTS = (RedisError, OSError)
KEY = "plain:log"
TRIES = 3
DEADLINE = 2.0  # seconds


class PlainReader:
    """A `RevocationLog` over a Redis stream that believes whatever Redis answers."""

    reaches_others: ClassVar[bool] = True
    in_transaction: ClassVar[bool] = False

    def __init__(self, url: str, *, secrets: list[str]) -> None:
        self.records = Records()
        self._keyring = Keyring(secrets, "default")
        self._here = redis.Redis.from_url(url, socket_timeout=DEADLINE, socket_connect_timeout=DEADLINE)
        self._on_loop = redis.asyncio.Redis.from_url(url, socket_timeout=DEADLINE, socket_connect_timeout=DEADLINE)
        self._seen_at = -math.inf
        self._task: asyncio.Task[None] | None = None

    @property
    def silence(self) -> float:
        return time.monotonic() - self._seen_at

    def follow(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._read())

    async def catch_up(self, seconds: float) -> bool:
        self.follow()
        deadline = time.monotonic() + seconds
        while self.silence > 1.0 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        return self.silence <= 1.0

    async def publish(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        record = make(time.time())
        closed = self.records.apply(record)
        for _ in range(TRIES):
            try:
                await self._on_loop.xadd(KEY, self._fields(record))
            except FAULTS:
                await asyncio.sleep(0.2)
            else:
                return Receipt(recorded=True, closed=closed)
        raise RevocationNotRecorded("Redis does not answer")

    def publish_now(self, make: MakeRecord, wait: float = 0.0) -> Receipt:
        record = make(time.time())
        closed = self.records.apply(record)
        for _ in range(TRIES):
            try:
                self._here.xadd(KEY, self._fields(record))
            except FAULTS:
                time.sleep(0.2)
            else:
                return Receipt(recorded=True, closed=closed)
        raise RevocationNotRecorded("Redis does not answer")

    def _fields(self, record: Record) -> Any:
        body, key, signature = self._keyring.seal(record)
        return {"u": record.id, "r": body, "k": key, "m": signature}

    async def _read(self) -> None:
        cursor: bytes | str = "0-0"
        while True:
            sent = time.monotonic()
            try:
                answer = await self._on_loop.xread({KEY: cursor}, block=500, count=500)
            except FAULTS:
                await asyncio.sleep(0.2)
                continue
            for _, entries in answer or ():
                for entry, fields in entries:
                    self._take(fields)
                    cursor = entry
            self._seen_at = sent

    def _take(self, fields: dict[bytes, bytes]) -> None:
        try:
            said = self._keyring.open(fields[b"r"], fields[b"k"], fields[b"m"])
        except (KeyError, ValueError):
            return
        self.records.take([said])
