"""Sockets that are accepted but not authenticated: a cap on them, and a memory of who keeps being refused.

Accepting costs a connection, so waiting for a first message, or accepting only to close with a readable code, is rationed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from wsauth.policy import Policy

REFUSALS = 5  # of one peer
WINDOW = 10.0  # seconds


class Waiting:
    """One socket that waits for its first message. `evicted` says that it had to make room."""

    __slots__ = ("_expire", "evicted", "peer")

    def __init__(self, peer: str, expire: Callable[[], None]) -> None:
        self.peer = peer
        self.evicted = False
        self._expire = expire

    def evict(self) -> None:
        self.evicted = True
        self._expire()


class Pending:
    """The pending sockets of one policy in this process. Safe from several event loops."""

    @classmethod
    def of(cls, policy: Policy) -> Pending:
        """Return the one of a policy, however many applications it guards."""
        with _lock:
            return _of_policies.setdefault(policy, cls(policy.max_pending))

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[Waiting, None] = {}  # in order of arrival
        self._closing = 0
        self._refused: Counter[str] = Counter()
        self._window_ends = 0.0

    def __len__(self) -> int:
        return len(self._waiting) + self._closing

    @contextmanager
    def wait(self, peer: str, timeout: asyncio.Timeout) -> Iterator[Waiting]:
        """Count a socket as waiting; `timeout` is what it waits under.

        At the cap the oldest socket of the peer that holds the most makes room, so one peer cannot push out the others.
        """
        loop = asyncio.get_running_loop()
        waiting = Waiting(peer, lambda: _expire_on(loop, timeout))
        with self._lock:
            evicted = self._make_room(peer) if len(self) >= self._limit else None
            self._waiting[waiting] = None
        if evicted is not None:
            evicted.evict()
        try:
            yield waiting
        finally:
            with self._lock:
                self._waiting.pop(waiting, None)

    @contextmanager
    def refusing(self, peer: str, *, accepting: bool) -> Iterator[bool]:
        """Count a refusal of `peer`. Yields whether a socket may be accepted for it, only to be closed, as it wants to."""
        with self._lock:
            self._count_refusal(peer)
            granted = accepting and self._refused[peer] <= REFUSALS and len(self) < self._limit
            self._closing += granted
        try:
            yield granted
        finally:
            with self._lock:
                self._closing -= granted

    def _make_room(self, newcomer: str) -> Waiting | None:
        shares = Counter(waiting.peer for waiting in self._waiting)
        if not shares:
            return None
        shares[newcomer] += 1
        greediest = max(shares, key=lambda peer: shares[peer])
        oldest = next((w for w in self._waiting if w.peer == greediest), next(iter(self._waiting)))
        del self._waiting[oldest]
        return oldest

    def _count_refusal(self, peer: str) -> None:
        now = self._clock()
        if now >= self._window_ends:
            self._refused.clear()
            self._window_ends = now + WINDOW
        if peer:  # a server on a Unix socket names none
            self._refused[peer] += 1


def _expire_on(loop: asyncio.AbstractEventLoop, timeout: asyncio.Timeout) -> None:
    def expire() -> None:
        with suppress(RuntimeError):  # its message came before it could be evicted
            timeout.reschedule(loop.time())

    with suppress(RuntimeError):  # its loop is closed, and the socket with it
        loop.call_soon_threadsafe(expire)


_of_policies: WeakKeyDictionary[Policy, Pending] = WeakKeyDictionary()
_lock = threading.Lock()
