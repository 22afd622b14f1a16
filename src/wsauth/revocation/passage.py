"""How long messages pass before somebody looks at the log again: never longer than a process may be blind for.

A process that was suspended, or whose event loop stood still, finds messages that came meanwhile before it finds what was
revoked meanwhile. So each connection has leave for a while, and where that is over its messages wait for the log, in both
directions. It costs nothing while the leave lasts: that and the deadline are one number.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from wsauth.revocation.elapsed import elapsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsauth.revocation.log import RevocationLog
    from wsauth.revocation.registry import Live

AGAIN = 5.0  # seconds that who is kept passes after a wait in vain, and after each tick from then on
PATIENCE = 2.0  # seconds that messages wait for the log
PAUSE = 0.1  # seconds between two waits: a log need not wait


class Passage:
    """`limit` (seconds) is how long the log may be silent, `keeps` says whose connection is kept beyond that."""

    def __init__(self, log: RevocationLog, limit: float, keeps: Callable[[Live], bool]) -> None:
        self._log = log
        self._limit = limit
        self._keeps = keeps
        self._vain_until = -math.inf
        self._waits: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()

    def seconds(self, connection: Live) -> float:
        """How long messages of a connection may pass from now on; none at all where they wait for the log."""
        if not self._log.reaches_others:
            return math.inf
        left = self._limit - self._log.silence
        if left <= 0 and self._keeps(connection):
            left = self._vain_until - elapsed()
        return max(left, 0.0)

    def wait(self) -> asyncio.Task[None]:
        """Have the log looked at, for everybody on the running event loop, and return what is done when that has ended."""
        loop = asyncio.get_running_loop()
        waiting = self._waits.get(loop)
        if waiting is None or waiting.done():
            waiting = self._waits[loop] = loop.create_task(self._wait(), context=contextvars.Context())
        return waiting

    def tick(self) -> None:
        """The process lives: whoever waited in vain need not do so again before the log is back."""
        now = elapsed()
        goes_on = now <= self._vain_until and self._log.silence > self._limit
        self._vain_until = now + AGAIN if goes_on else -math.inf

    async def _wait(self) -> None:
        self._log.follow()
        if not await self._log.catch_up(PATIENCE):
            self._vain_until = elapsed() + AGAIN
            await asyncio.sleep(PAUSE)
