"""What happens while the log is out of reach: records may exist that this process does not know."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING
from weakref import WeakSet

from wsauth.core.events import Event, EventKind, EventSink, emit
from wsauth.core.reasons import Reason
from wsauth.revocation.clock import Clock
from wsauth.revocation.elapsed import elapsed
from wsauth.revocation.ending import end_all
from wsauth.revocation.passage import PATIENCE, Passage
from wsauth.revocation.pulse import Pulse

if TYPE_CHECKING:
    from wsauth.revocation.log import RevocationLog
    from wsauth.revocation.registry import Live, Registry

logger = logging.getLogger("wsauth")

STALE = 5.0  # seconds of silence after which a process no longer claims to know every record
RECHECK = 10.0  # seconds between two looks at a stateful connection while the log is out of reach
TICK = 1.0  # seconds between two looks at the log itself
JITTER = 10.0  # seconds over which connections are closed or looked at, once the limit has passed


class Blind(Enum):
    """Whom to trust while the log is out of reach."""

    REFUSE = "nobody: no one is admitted, and every connection closes after the limit"
    ASK_THE_STORE = (
        "sessions and stored tokens, looked at every 10 seconds, once the log has been read; tokens are refused, and close"
        " after the limit"
    )
    TRUST = "everybody: revocations wait until the log is back"


class Sight:
    """Whether this process sees the log of a policy, and what follows where it does not.

    `passage` is how long messages pass meanwhile.
    """

    def __init__(self, log: RevocationLog, registry: Registry, blind: Blind, limit: float) -> None:
        self._log = log
        self._registry = registry
        self._blind = blind
        self._limit = limit
        self.passage = Passage(log, limit, self._keeps)
        self._ticked_at = math.inf
        self._asleep = math.inf  # seconds that the machine has slept, as far as that was noticed
        self._is_stale = False
        self._has_acted = False
        self._vain: float | None = None  # the silence at the end of a wait that was in vain
        self._watching: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
        self._stale_since = 0.0
        self._clock: Clock = getattr(log, "clock", Clock())
        self._clock_is_off = False
        self._sinks: dict[int, EventSink] = {}
        self._pulse = Pulse(log)

    def tell(self, sinks: Iterable[EventSink]) -> None:
        """Let these sinks know too when the log goes out of reach and comes back; each once."""
        self._sinks.update((id(sink), sink) for sink in sinks)

    @property
    def is_clear(self) -> bool:
        """Whether this process knows of every record, but for those of the last seconds, and hears of the next.

        A log that nobody reads at the moment is not clear, however short the time since somebody has read it.
        """
        return self._log.silence <= STALE and getattr(self._log, "keeps_up", True)

    @property
    def trusts(self) -> bool:
        """Whether connections are kept that nothing can be asked about."""
        return self._blind is Blind.TRUST

    def admits(self, stateful: bool, waited: bool) -> bool:
        """Whether an identity may be admitted as things are. `waited` says that `catch_up` has been tried.

        A process that has never read the whole log is not blind for a while: it knows of no block, and no store does.
        """
        if self.is_clear:
            return True
        return waited and (self.trusts or (stateful and self._asks_the_store and self._log.silence < math.inf))

    @property
    def _asks_the_store(self) -> bool:
        return self._blind is Blind.ASK_THE_STORE

    def _keeps(self, connection: Live) -> bool:
        """Whether a connection is kept beyond the limit."""
        return self.trusts or (self._asks_the_store and connection.stateful and connection.can_look_again)

    async def catch_up(self) -> None:
        """Wait for the log, unless somebody has waited in vain since it fell silent."""
        if not self.is_clear and (self._vain is None or self._log.silence < self._vain):
            self._vain = None if await self._log.catch_up(PATIENCE) else self._log.silence

    def look(self) -> None:
        """Follow the log and watch it, on the running event loop, while connections are open. Called at every handshake."""
        self._log.follow()
        self._pulse.beat(self._sinks.values())
        if self._log.reaches_others and (loop := asyncio.get_running_loop()) not in self._watching:
            self._watching.add(loop)
            # In a context of its own: the handshake that came first ends long before.
            loop.call_later(TICK, self._watch, loop, context=contextvars.Context())

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Not in the task that reads the log: what hangs there must be seen from here."""
        try:
            if self._was_awake(loop):
                self.judge(self._log.silence)
            self._judge_clock()
            self._pulse.beat(self._sinks.values())
        finally:
            if len(self._registry) or self._is_stale:  # whoever said that it is out of reach says when it is back
                self._log.follow()  # its reader may have been cancelled, and no handshake come since
                loop.call_later(TICK, self._watch, loop)
            else:
                self._watching.discard(loop)

    def _was_awake(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether the watch has come in time. One that was suspended finds the log silent, and reads it before it acts."""
        now = elapsed()
        was_awake = now - self._ticked_at <= STALE
        self._ticked_at = now if was_awake else math.inf
        self.passage.tick()
        # The loop's clock sleeps with the machine, and so does the leave that messages have.
        slept, self._asleep = now - loop.time() - self._asleep, now - loop.time()
        if slept > STALE:
            for connection in self._registry:
                connection.reconsider()
        return was_awake

    def judge(self, silence: float) -> None:
        """Act on how long (seconds) the log has been silent.

        Not before the second time: a process that was stopped for a minute finds the log silent, and reads it at once.
        """
        if silence <= STALE:
            if self._is_stale:
                self._is_stale = self._has_acted = False
                logger.warning("the revocation log is in reach again")
                self._emit(EventKind.LOG_SYNCED, time.monotonic() - self._stale_since)
            return
        if not self._is_stale:
            self._is_stale, self._stale_since = True, time.monotonic()
            logger.warning("the revocation log is out of reach")
            self._emit(EventKind.LOG_STALE, silence)
        elif silence > self._limit and not self._has_acted:
            self._has_acted = True
            self._act()

    def _judge_clock(self) -> None:
        if bool(self._clock.off_by) != self._clock_is_off:
            self._clock_is_off = not self._clock_is_off
            self._emit(EventKind.CLOCK_OFF if self._clock_is_off else EventKind.CLOCK_RIGHT, self._clock.off_by)

    def _act(self) -> None:
        if self.trusts:
            return
        closed = []
        for connection in self._registry:
            if self._keeps(connection):
                connection.look_again(JITTER)
            else:
                closed.append(connection)
        end_all(closed, Reason.UNAVAILABLE, spread=JITTER)

    def _emit(self, kind: EventKind, seconds: float) -> None:
        emit(list(self._sinks.values()), Event(kind, seconds=seconds))
