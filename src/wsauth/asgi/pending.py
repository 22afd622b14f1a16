"""Sockets that are accepted but not authenticated: a cap on them, and a memory of who keeps being refused.

Accepting costs a connection, and whatever its client makes the server buffer. So waiting for a first message, or accepting
only to close with a readable code, is rationed, and who was refused counts until it is gone. Every step takes constant time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from wsauth.asgi.crowd import Crowd
from wsauth.asgi.peer import peer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsauth.policy import Policy

REFUSALS = 5  # of one peer
WINDOW = 10.0  # seconds
PEERS = 10_000  # whose refusals are counted apart; all others are one
SHARE = 4  # one peer holds at most one fourth of the places
LEAVING = (
    15.0  # seconds that a refused socket counts at most: SEND_TIMEOUT, and the 10 that uvicorn waits for its client
)

_OTHERS = "others"


class Place:
    """One socket that waits for its first message, or is on its way out. `evicted` says that it had to make room."""

    __slots__ = ("_pending", "_timeout", "evicted", "peer")

    def __init__(self, pending: Pending, peer: str, timeout: asyncio.Timeout | None = None) -> None:
        self.peer = peer
        self.evicted = False
        self._pending = pending
        self._timeout = timeout and (asyncio.get_running_loop(), timeout)

    def leave(self) -> bool:
        """Count it as on its way out, unless it is free already. Returns whether it still counts."""
        return self._pending._leave(self)

    def free(self) -> None:
        """Count it no more: it is gone, or somebody's."""
        self._pending._free(self)

    def expire(self) -> None:
        """End its wait, from any thread."""
        if self._timeout is not None:
            _expire_on(*self._timeout)


class Pending:
    """The pending sockets of one policy in this process. Safe from several event loops.

    As many wait as the limit says. Those on their way out count too: of both there are twice as many at most.
    """

    @classmethod
    def of(cls, policy: Policy) -> Pending:
        """Return the one of a policy, however many applications it guards."""
        with _lock:
            if (pending := _of_policies.get(policy)) is None:
                pending = _of_policies[policy] = cls(policy.max_pending)
            return pending

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._share = max(1, limit // SHARE)
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = Crowd()
        self._leaving: dict[Place, float] = {}  # until when, the earliest first
        self._leaving_of: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._window_ends = 0.0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._leaving)

    def wait(self, address: str, timeout: asyncio.Timeout) -> Place | None:
        """Give a socket a place to wait; `timeout` is what it waits under. None: there is no room.

        A peer at its share makes room for itself; at the limit the oldest socket of the peer that holds the most does. So
        one peer cannot push out the others.
        """
        place = Place(self, peer_of(address), timeout)
        with self._lock:
            if not self._fits(place.peer):
                return None
            evicted = self._make_room(place.peer)
            self._waiting.add(place)
        if evicted is not None:
            evicted.expire()
        return place

    def refuse(self, address: str, *, accepting: bool) -> Place | None:
        """Count a refusal of a peer. Returns a place where the socket may be accepted, only to be closed, as it wants to."""
        place = Place(self, peer_of(address))
        with self._lock:
            granted = self._count_refusal(place.peer) <= REFUSALS and accepting
            if not (granted and self._fits(place.peer) and len(self) < self._limit):
                return None
            self._add_leaving(place)
        return place

    def _fits(self, peer: str) -> bool:
        while self._leaving and (place := next(iter(self._leaving))) and self._leaving[place] <= self._clock():
            self._forget(place)
        held = self._waiting.held_by(peer) + self._leaving_of[peer]
        return len(self) < 2 * self._limit and held < 2 * self._share

    def _make_room(self, newcomer: str) -> Place | None:
        if self._waiting.held_by(newcomer) >= self._share:
            greediest = newcomer
        elif len(self._waiting) >= self._limit:
            greediest = self._waiting.greediest(newcomer)
        else:
            return None
        oldest = self._waiting.oldest_of(greediest)
        oldest.evicted = True
        self._waiting.discard(oldest)
        self._add_leaving(oldest)
        return oldest

    def _leave(self, place: Place) -> bool:
        with self._lock:
            if self._waiting.discard(place):
                self._add_leaving(place)
            return place in self._leaving

    def _free(self, place: Place) -> None:
        with self._lock:
            self._waiting.discard(place)
            self._forget(place)

    def _add_leaving(self, place: Place) -> None:
        self._leaving[place] = self._clock() + LEAVING
        self._leaving_of[place.peer] += 1

    def _forget(self, place: Place) -> None:
        if self._leaving.pop(place, None) is not None:
            self._leaving_of[place.peer] -= 1
            if not self._leaving_of[place.peer]:
                del self._leaving_of[place.peer]

    def _count_refusal(self, peer: str) -> int:
        now = self._clock()
        if now >= self._window_ends:
            self._refused = Counter()
            self._window_ends = now + WINDOW
        known = peer in self._refused or len(self._refused) < PEERS
        self._refused[peer if known else _OTHERS] += 1
        return self._refused[peer if known else _OTHERS]


def _expire_on(loop: asyncio.AbstractEventLoop, timeout: asyncio.Timeout) -> None:
    def expire() -> None:
        with suppress(RuntimeError):  # its message came before it could be evicted
            timeout.reschedule(loop.time())

    with suppress(RuntimeError):  # its loop is closed, and the socket with it
        loop.call_soon_threadsafe(expire)


_of_policies: WeakKeyDictionary[Policy, Pending] = WeakKeyDictionary()
_lock = threading.Lock()
