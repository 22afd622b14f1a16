"""Every record that has not lapsed: a set that only grows, in memory, which each process holds for itself.

A log is only how these sets meet. Each record is enforced once. What handshakes are held against is kept once per selector
and verb, where the later record says all of the earlier.
"""

from __future__ import annotations

import heapq
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Protocol

from wsauth.revocation.record import BRIEF, Record, Verb
from wsauth.revocation.selector import Key, Match


class Listener(Protocol):
    """A registry of live connections, which records are to be enforced upon. Its methods may be called from any thread."""

    def __len__(self) -> int: ...

    def enforce(self, record: Record) -> int:
        """End what the record ends, and return how many connections that were."""

    def look_again(self, spread: float) -> None:
        """Have every connection that a store can judge judged again, spread over so many seconds."""


class Held(NamedTuple):
    """A record, and the number of what this process learned last of its kind: the later, the higher."""

    record: Record
    number: int


class Records:
    """The records that one log has brought. Safe from any thread; `clock` gives POSIX seconds.

    `offset` (seconds) is how far the log's clock is ahead of `clock`, as far as is known, and `longest` (seconds) how long a
    token lives at most, as far as was said or seen.
    """

    _newest: ClassVar[int] = 0
    _numbering: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.offset = 0.0
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._by_home: dict[Key, tuple[Held, ...]] = {}  # by one of the keys that they match
        self._known: dict[str, float] = {}  # when each lapses
        self.longest = 0.0
        self._longest_with_session = BRIEF
        self._lapses: list[tuple[float, str, Key]] = []  # a heap, of ids and homes, and moments that were put off
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._by_home.values()))

    @classmethod
    def position(cls) -> int:
        """The number of the newest record that any log has brought to this process."""
        return Records._newest

    def now(self) -> float:
        """The time by the log's clock, as far as is known."""
        return self._clock() + self.offset

    def hold(self, match: Match) -> float:
        """How long (seconds) a revocation must be held against tokens: briefly, where only sessions of a store bear it."""
        bears_session = any(kind == "session_id" for kind, _ in match)
        return self._longest_with_session if bears_session else self.longest

    def outlast(self, seconds: float, *, bears_session: bool = False) -> None:
        """Hold revocations as long as such a token lives. `bears_session` is whether it names a session too."""
        if seconds <= self.longest and (not bears_session or seconds <= self._longest_with_session):
            return
        with self._lock:
            self.longest = max(self.longest, seconds)
            if bears_session:
                self._longest_with_session = max(self._longest_with_session, seconds)
            self._put_off()

    def listen(self, listener: Listener) -> None:
        """Enforce records upon this registry from now on, for as long as somebody else refers to it."""
        with self._lock:
            self._listeners.add(listener)

    @property
    def connections(self) -> int:
        """How many live connections these records are held against."""
        return sum(map(len, self._audience()))

    def apply(self, record: Record) -> int:
        """Remember a record and enforce it. Returns how many connections it ended; none where it is known or lapsed."""
        if not self._add(record):
            return 0
        return sum(listener.enforce(record) for listener in self._audience())

    def look_again(self, spread: float) -> None:
        """Something may have been missed: what a store can judge is to be judged again."""
        for listener in self._audience():
            listener.look_again(spread)

    def matching(self, keys: Sequence[Key]) -> list[Held]:
        """Return what matches an identity that bears these keys."""
        if not self._by_home:
            return []
        bears = set(keys)
        with self._lock:
            self._forget_lapsed()
            return [held for key in keys for held in self._by_home.get(key, ()) if held.record.match <= bears]

    def live(self) -> list[Record]:
        """Return what handshakes are held against, the oldest first. It says all that those say which it leaves out."""
        with self._lock:
            self._forget_lapsed()
            every = [held for alike in self._by_home.values() for held in alike]
        return [held.record for held in sorted(every, key=lambda held: held.number)]

    def knows(self, record_id: str) -> bool:
        """Whether this record has been applied, and has not lapsed."""
        return record_id in self._known

    def _add(self, record: Record) -> bool:
        now = self.now()
        home = _home(record.match)
        with self._lock:
            self._forget_lapsed()
            if record.until <= now or record.id in self._known:
                return False
            self._hold(record, home, now)
            with self._numbering:
                number = Records._newest = Records._newest + 1
            there = self._by_home.get(home, ())
            covering = next((held.record for held in there if held.record.covers(record)), None)
            kept = covering or record
            # Under the new number even where it says nothing new: whoever is being verified has not seen what it is about.
            self._by_home[home] = (*(held for held in there if not kept.covers(held.record)), Held(kept, number))
            return True

    def _hold(self, record: Record, home: Key, now: float) -> None:
        # By the monotonic clock: a wall clock that jumps must not forget what still counts.
        lapses = self._monotonic() + self._held_until(record) - now
        if lapses > self._known.get(record.id, 0.0):
            self._known[record.id] = lapses
            heapq.heappush(self._lapses, (lapses, record.id, home))

    def _put_off(self) -> None:
        """Hold on to what is held, now that tokens are known to live longer."""
        self._forget_lapsed()
        now = self.now()
        for home, there in self._by_home.items():
            for held in there:
                self._hold(held.record, home, now)

    def _held_until(self, record: Record) -> float:
        """Whoever published a revocation may not have seen how long tokens live, and this process has."""
        if record.verb is not Verb.REVOKE:
            return record.until
        return max(record.until, record.at + record.after + record.spread + self.hold(record.match))

    def _forget_lapsed(self) -> None:
        while self._lapses and self._lapses[0][0] <= self._monotonic():
            moment, lapsed, home = heapq.heappop(self._lapses)
            if self._known.get(lapsed) != moment:
                continue  # it was put off
            del self._known[lapsed]
            left = tuple(held for held in self._by_home.get(home, ()) if held.record.id != lapsed)
            if left:
                self._by_home[home] = left
            else:
                self._by_home.pop(home, None)

    def _audience(self) -> list[Listener]:
        with self._lock:
            return list(self._listeners)


_NARROW = ("token_id", "session_id", "subject", "key_id")  # before any label


def _home(match: Match) -> Key:
    """The key that a record is kept under, which few others are: a token has one user, and a user many tokens."""
    return min(match, key=lambda key: (_NARROW.index(key[0]) if key[0] in _NARROW else len(_NARROW), key))
