"""Every record that has not lapsed: a set that only grows, in memory, which each process holds for itself.

A log is only how these sets meet. Each record is enforced once. What handshakes are held against is kept once per selector
and verb, where the later record says all of the earlier. No call takes longer where there are more of them, but for `live`.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, NamedTuple, Protocol

from wsauth.revocation import packed
from wsauth.revocation.ages import Ages
from wsauth.revocation.clocks import Clocks
from wsauth.revocation.folded import Folded
from wsauth.revocation.lapses import Lapses
from wsauth.revocation.record import BRIEF, HANDSHAKE, Record, Verb
from wsauth.revocation.selector import Key, Match

CEILING = 500_000  # records: some 120 MB
SLICE = 100  # records that are looked at in one go
_BITS = (1 << 60) - 1  # of a hash: a number of as many fits into 32 bytes
_NARROW = ("token_id", "session_id", "subject", "key_id", "issuer")  # before any label


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
    token lives at most, as far as was said or seen. `brief` (seconds) is how long is held what a store judges: as long as a
    handshake may take, and a process be cut off without asking the store by itself. `apart` (seconds) is how far the clocks
    of those who write and read may differ. Not more than `ceiling` are held one by one: see `folded`.
    """

    _newest: ClassVar[int] = 0
    _numbering: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        apart: float = 0.0,
        ceiling: int = CEILING,
    ) -> None:
        self.ceiling = ceiling
        self.offset = 0.0
        self.longest = 0.0
        self._apart = apart + HANDSHAKE
        self.brief = self._apart
        self.clocks = Clocks()
        self._longest_with_session = BRIEF
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._by_home: dict[int, bytes | tuple[bytes, ...]] = {}  # packed; see `home_of`
        self._count = 0
        self._ages = Ages()
        self._folded = Folded()
        self._homes = Lapses()  # each once
        self._covered: dict[int, float] = {}  # ids of what another record says as well, and when each lapses
        self._ids = Lapses()  # of the covered
        self._listeners: tuple[weakref.ref[Listener], ...] = ()

    def __len__(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether no more can be held one by one."""
        return self._count + len(self._covered) >= self.ceiling

    @property
    def oldest(self) -> float:
        """How long ago (seconds, to the minute) the oldest was published that is held; zero where there is none."""
        moment = self._ages.oldest()
        return 0.0 if moment is None else max(0.0, self.now() - moment)

    @classmethod
    def position(cls) -> int:
        """The number of the newest record that any log has brought to this process."""
        return Records._newest

    def now(self) -> float:
        """The time by the log's clock, as far as is known."""
        return self._clock() + self.offset

    def hold(self, match: Match) -> float:
        """How long (seconds) a revocation must be held against tokens: briefly, where only sessions of a store bear it."""
        return self._longest_with_session if packed.bears_session(match) else self.longest

    def outlast(self, seconds: float, *, bears_session: bool = False) -> None:
        """Hold revocations as long as such a token lives. `bears_session` is whether it names a session too."""
        if seconds <= self.longest and (not bears_session or seconds <= self._longest_with_session):
            return
        with self._lock:
            self.longest = max(self.longest, seconds)
            if bears_session:
                self._longest_with_session = max(self._longest_with_session, seconds)

    def outlast_outage(self, seconds: float) -> None:
        """Hold what a store judges for so long too: for a process that is cut off, and asks the store only then."""
        self.brief = max(self.brief, self._apart + seconds)

    def listen(self, listener: Listener) -> None:
        """Enforce records upon this registry from now on, for as long as somebody else refers to it."""
        with self._lock:
            self._listeners = (*(each for each in self._listeners if each() is not None), weakref.ref(listener))

    @property
    def connections(self) -> int:
        """How many live connections these records are held against."""
        return sum(map(len, self._audience()))

    def apply(self, record: Record, missed: float = math.inf) -> int:
        """Remember a record and enforce it. Returns how many connections it ended; none where it is known or lapsed.

        What is no older than `missed` (POSIX seconds by the log's clock) is enforced even where it has lapsed on its way:
        this process was cut off, or suspended. A block is over then.
        """
        is_late = record.at >= missed and record.until <= self.now() and record.verb is not Verb.BLOCK
        if not (is_late or self._add(record)):
            return 0
        self.clocks.hear(record)
        return sum(listener.enforce(record) for listener in self._audience())

    def look_again(self, spread: float) -> None:
        """Something may have been missed: what a store can judge is to be judged again."""
        for listener in self._audience():
            listener.look_again(spread)

    def matching(self, keys: Sequence[Key]) -> list[Held]:
        """Return what matches an identity that bears these keys."""
        if not (self._by_home or self._covered or self._folded.number):
            return []
        bears = set(keys)
        with self._lock:
            self._forget_some()
            found = [one for key in keys for one in self._live_at(hash(key) & _BITS)]
            folded = self._folded_against(keys) if self._folded.number else []
        every = (Held(packed.unpack(one), packed.number(one)) for one in found)
        return [*(held for held in every if held.record.match <= bears), *folded]

    def slices(self, size: int = SLICE) -> Iterator[list[bytes]]:
        """Yield what handshakes are held against, packed, so many selectors at once. It says all that those say which it
        leaves out. What comes in meanwhile may be left out, and what is put off may come twice.
        """
        slices = self._homes.slices(size)
        while True:
            with self._lock:
                self._forget_some()
                if (homes := next(slices, None)) is None:
                    return
                found = [one for home in homes for one in self._live_at(home)]
            yield found

    def live(self) -> list[Record]:
        """Return all of them, the oldest first: for who wants to see them, not for what must not take long."""
        every = {one[:16]: one for some in self.slices() for one in some}
        return [packed.unpack(one) for one in sorted(every.values(), key=packed.number)]

    def knows(self, record: Record) -> bool:
        """Whether this record has been applied, and has not lapsed."""
        with self._lock:
            return self._is_known(record.id, self._live_at(home_of(record.match)))

    def forget(self, most: int = 3 * SLICE) -> None:
        """Forget what has lapsed, so many at most: however many lapse together, nobody waits for all of them."""
        with self._lock:
            self._forget_some(most)

    # For the log

    def put(self, record: Record, place: int) -> int | None:
        """Note where the log has a record. Returns its home; None where another record says all of it."""
        home = home_of(record.match)
        with self._lock:
            there = self._at(home)
            if (one := _named(record.id, there)) is None:
                return None
            new = packed.placed(one, place)
            self._by_home[home] = new if len(there) == 1 else tuple(new if each is one else each for each in there)
        return home

    def held(self, record: Record) -> bytes | None:
        """Return the record as it is packed; None where it has lapsed, or another says all of it."""
        return _named(record.id, self.at(home_of(record.match)))

    def at(self, home: int) -> tuple[bytes, ...]:
        """Return what is held at a home, packed."""
        with self._lock:
            return self._live_at(home)

    def _add(self, record: Record) -> bool:
        now, home = self.now(), home_of(record.match)
        with self._lock:
            self._forget_some()
            there = self._live_at(home)
            if record.until <= now or self._is_known(record.id, there):
                return False
            with self._numbering:
                number = Records._newest = Records._newest + 1
            # By the monotonic clock: a wall clock that jumps must not forget what still counts.
            skew = self._monotonic() - now
            new = packed.pack(record, skew, number)
            if self.is_full and record.verb is not Verb.BLOCK:
                self._folded.add(home, record, self._lapse(new), skew, number)
                return True
            if home not in self._by_home:
                self._homes.add(self._lapse(new), home)
            self._keep(home, self._among(there, new, record, number) if there else (new,))
            return True

    def _folded_against(self, keys: Sequence[Key]) -> list[Held]:
        now = self._monotonic()
        every = (self._folded.find(hash(key) & _BITS, key, now, self.longest) for key in keys)
        return [Held(record, self._folded.number) for record in every if record is not None]

    def _among(self, there: tuple[bytes, ...], new: bytes, record: Record, number: int) -> tuple[bytes, ...]:
        """Return what is kept of those at one home, now that another has come."""
        covering = next((one for one in there if packed.unpack(one).covers(record)), None)
        # Under the new number even where it says nothing new: whoever is being verified has not seen what it is about.
        kept = new if covering is None else packed.numbered(covering, number)
        says = packed.unpack(kept)
        left = tuple(one for one in there if not says.covers(packed.unpack(one)))
        for one in (new, *there):
            if one not in left and one[:16] != kept[:16]:
                self._cover(one)
        return (*left, kept)

    def _cover(self, one: bytes) -> None:
        """Remember that a record was applied, and no more of it."""
        name, lapses = int(one[:16].hex(), 16), self._lapse(one)
        self._covered[name] = lapses
        self._ids.add(lapses, name)

    def _at(self, home: int) -> tuple[bytes, ...]:
        there = self._by_home.get(home, ())
        return (there,) if isinstance(there, bytes) else there

    def _live_at(self, home: int) -> tuple[bytes, ...]:
        """What is there and has not lapsed. What has is forgotten."""
        there, now = self._at(home), self._monotonic()
        live = tuple(one for one in there if self._lapse(one) > now) if there else there
        if len(live) < len(there):
            self._keep(home, live)
        return live

    def _keep(self, home: int, live: tuple[bytes, ...]) -> None:
        """Hold these and no others at this home."""
        before = self._at(home)
        self._count += len(live) - len(before)
        for one in live:
            self._ages.come(packed.at(one))
        for one in before:
            self._ages.go(packed.at(one))
        self._by_home[home] = live[0] if len(live) == 1 else live

    def _is_known(self, record_id: str, there: tuple[bytes, ...]) -> bool:
        if _named(record_id, there) is not None:
            return True
        return bool(self._covered) and self._covered.get(int(record_id, 16), -math.inf) > self._monotonic()

    def _lapse(self, one: bytes) -> float:
        return packed.lapse(one, self.longest, self._longest_with_session)

    def _forget_some(self, most: int = SLICE) -> None:
        now = self._monotonic()
        if now >= self._homes.soonest:
            for home in self._homes.due(now, most):
                if live := self._live_at(home):  # later came to the same home, or tokens are known to live longer
                    self._homes.add(min(map(self._lapse, live)), home)
                else:
                    self._by_home.pop(home, None)
        if now >= self._ids.soonest:
            for name in self._ids.due(now, most):
                self._covered.pop(name, None)

    def _audience(self) -> list[Listener]:
        return [listener for each in self._listeners if (listener := each()) is not None]


def home_of(match: Match) -> int:
    """Return what a record is kept under: the hash of the key that it shares with the fewest.

    A token has one user, and a user many tokens.
    """
    if len(match) == 1:
        (only,) = match
        return hash(only) & _BITS
    return hash(min(match, key=_narrowness)) & _BITS


def _named(record_id: str, there: tuple[bytes, ...]) -> bytes | None:
    if not there:
        return None
    name = bytes.fromhex(record_id)
    return next((one for one in there if one.startswith(name)), None)


def _narrowness(key: Key) -> tuple[int, Key]:
    return (_NARROW.index(key[0]) if key[0] in _NARROW else len(_NARROW), key)
