"""The task that follows the log: one per process and event loop, while there are connections.

Whatever goes wrong, it drops its connection to Redis and goes on from where it stood, or from nothing. Whether it gets
anywhere is not for it to say: others look at how long the log has been silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import math
import random
import time

from wsauth.redis.faults import FAULTS
from wsauth.redis.follower import Follower
from wsauth.redis.line import Lines
from wsauth.redis.process import Process

LINGER = 10.0  # seconds that a reader outlives the last connection and the last handshake
BACKOFF = (0.05, 0.3)  # seconds between two attempts, at random
FAILED = 1.0  # seconds after a failure of our own
LEAVE = 0.3  # seconds for the last words


class Reader:
    """Follows the log on the event loop on which it was made. `lines` are for those who write from there."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._follower = Follower(process)
        self._task: asyncio.Task[None] | None = None
        self._wanted_at = -math.inf
        self._ends = False
        self.lines = Lines(process.address)

    @property
    def is_running(self) -> bool:
        return self._task is not None and not (self._ends or self._task.done() or self._loop.is_closed())

    @property
    def keeps_up(self) -> bool:
        """Whether it has known of every record since it began, and reads on: what it once read says little later."""
        return self.is_running and self._follower.keeps_up

    def follow(self) -> None:
        """Start, or go on for a while."""
        self._wanted_at = time.monotonic()
        if self._task is None or not self.is_running or self._task.cancelling():
            self._ends = self._follower.keeps_up = False
            run = self._run(self._task)
            # Not in the context of a handshake, which ends long before.
            self._task = self._loop.create_task(run, name="wsauth-redis", context=contextvars.Context())

    async def next_turn(self) -> None:
        """Return when every record is known the next time."""
        await self._follower.turn.wait()

    async def _run(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})  # which may be about to end
        self.lines.keeps = True
        try:
            while not self._ends:
                await self._go_on()
                self._follower.keeps_up = (
                    False  # before the last words: whoever comes meanwhile waits for the next read
                )
                await self._leave()
                self._ends = True  # before the last look at the outbox: see Process.post
                self._ends = not self._is_wanted()
        except asyncio.CancelledError:
            self._follower.keeps_up = False
            await self._leave()
            raise
        finally:
            self.lines.keeps = self._follower.keeps_up = False
            await self.lines.close()
            await self._follower.line.drop()

    def _is_wanted(self) -> bool:
        now = time.monotonic()
        if self._process.records.connections or self._process.outbox:
            self._wanted_at = now
        return now - self._wanted_at <= LINGER

    async def _go_on(self) -> None:
        waits = False  # after a fault there may be something to read at once
        while self._is_wanted():
            try:
                await self._follower.step(waits)
                waits = True
            except FAULTS as fault:
                waits = False
                self._follower.doubt()
                self._process.say_fault(logging.WARNING, "", fault)
                await asyncio.sleep(random.uniform(*BACKOFF))  # noqa: S311 - no secret
            except Exception as error:
                waits = False
                kind = f"failure: {type(error).__name__}"
                self._process.say(logging.ERROR, kind, "the reader of the revocation log failed", trace=True)
                self._follower.start_over("its reader failed")
                await self._follower.line.drop()
                await asyncio.sleep(FAILED)

    async def _leave(self) -> None:
        """Let nobody wait for an answer of this process, unless it reads on another event loop."""
        others = [reader for reader in list(self._process.readers.values()) if reader is not self]
        if not any(reader.is_running for reader in others):
            with contextlib.suppress(*FAULTS):
                await self._follower.leave(LEAVE)
