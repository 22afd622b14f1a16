"""What a process pays for many revocations: bytes, CPU and the longest turn to take them in, and the dearest single call.

    python -m benchmarks.records 100000

Entries are taken in as the reader of `RedisLog` takes them in (signature, body, record, place), as many in a turn of the
loop; no Redis is asked. The records are of tokens, with ids as `uuid4().hex`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from uuid import uuid4

from wsauth.redis.address import Address
from wsauth.redis.commands import Commands, Entry
from wsauth.redis.follower import TURN, Follower
from wsauth.redis.place import Place
from wsauth.redis.process import Process
from wsauth.redis.signing import Keyring
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.records import Records

Figures = dict[str, float]
LIVES = 3600.0  # seconds
CALLS = 50  # of a kind, of which the dearest counts


class _Clock:
    """The time, and what was added to it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._clock() + self.ahead


async def held(count: int) -> Figures:
    """Bytes per record, by tracemalloc: of the records, of what they are found by, and of their places in the stream."""
    tracemalloc.start()
    try:
        reader = _Reader(_Clock(time.monotonic))
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for start in range(0, count, TURN):
            await reader.turn(reader.page(min(TURN, count - start), start))
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    return {"bytes": taken / count}


async def taken(count: int) -> Figures:
    """Seconds: CPU to take them all in, and the longest turn; then of the dearest call of each kind that must not grow."""
    monotonic = _Clock(time.monotonic)
    reader = _Reader(monotonic)
    pages = [reader.page(min(TURN, count - start), start) for start in range(0, count, TURN)]
    gc.collect()
    cpu, turns = time.process_time(), [await reader.turn(page) for page in pages]
    figures = {"cpu": time.process_time() - cpu, "turn": max(turns)}
    records = reader.records
    if len(records) != count:
        raise RuntimeError(f"{len(records)} of {count} records were taken in")
    figures["outlast"] = max(_took(lambda days=days: records.outlast(days * 86400.0)) for days in range(2, 30))
    monotonic.ahead = 40 * 86400.0
    figures["lapse"] = max(_took(lambda: records.matching([("token_id", uuid4().hex)])) for _ in range(CALLS))
    while len(records):
        figures["lapse"] = max(figures["lapse"], _took(records.forget))
    return figures


async def all_of(count: int) -> Figures:
    return {**await held(count), **await taken(count)}


class _Reader:
    """The reader of a log, without its Redis."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.records = Records(time.time, monotonic)
        self.records.outlast(LIVES)
        self._keyring = Keyring(["a secret of the benchmark's own"], "bench")
        process = Process(Address("redis://127.0.0.1:1"), Commands("bench"), self._keyring, self.records)
        self._follower, self._place = Follower(process), Place()
        self._tail = b""

    def page(self, size: int, start: int) -> list[Entry]:
        """Make entries as somebody else has written them."""
        return [self._entry(start + number) for number in range(size)]

    async def turn(self, page: list[Entry]) -> float:
        """Take a page in. Returns how long the loop was busy with it."""
        await asyncio.sleep(0)
        return _took(lambda: self._follower._take(self._place, page, 0.0))

    def _entry(self, number: int) -> Entry:
        now = time.time()
        record = Record(Verb.REVOKE, frozenset({("token_id", uuid4().hex)}), now, now + LIVES)
        before, self._tail = self._tail, record.id.encode()
        entry_id = b"%d-%d" % (1_700_000_000_000 + number // 8, number % 8)
        return Entry(entry_id, self._tail, before, *self._keyring.seal(record))


def _took(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def main(count: int) -> None:
    figures = {**asyncio.run(held(count)), **asyncio.run(taken(count))}
    for name, found in figures.items():
        shown = f"{found:10.1f} B per record" if name == "bytes" else f"{found * 1000:10.3f} ms"
        sys.stdout.write(f"{name:8} {shown}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
