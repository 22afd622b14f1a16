"""Every record that has not lapsed: a set that only grows, in memory, which each process holds for itself.

A log is only how these sets meet. Each record is enforced once. What handshakes are held against is kept once per selector
and verb, where the later record says all of the earlier. No call takes longer where there are more of them, but for `live`.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, repeat
from typing import ClassVar, NamedTuple, Protocol

from wsauth.revocation import packed
from wsauth.revocation.ages import Ages
from wsauth.revocation.clocks import Clocks
from wsauth.revocation.folded import Folded
from wsauth.revocation.lapses import Lapses
from wsauth.revocation.record import BRIEF, HANDSHAKE, Record, Verb
from wsauth.revocation.said import (
    RECHECK,
    VERB,
    Said,
    bears_session,
    ends,
    home_of,
    home_of_key,
    record_of,
    said_by,
    since,
    verb_of,
)
from wsauth.revocation.selector import Key, Match

CEILING = 500_000  # records: some 120 MB
SLICE = 100  # records that are looked at in one go


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


class Taken(NamedTuple):
    """What became of a record: whether it was new, whether it is held under its own name, and how many it closed."""

    is_new: bool
    is_held: bool
    closed: int = 0


_NEW, _OTHERWISE = Taken(is_new=True, is_held=True), Taken(is_new=True, is_held=False)
_KNOWN, _NOTHING = Taken(is_new=False, is_held=True), Taken(is_new=False, is_held=False)


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
        self.came = 0  # how many there were, those that have lapsed or were folded too
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
        return self._longest_with_session if bears_session(match) else self.longest

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
        return self.take([said_by(record)], missed)[0].closed

    def take(self, several: Sequence[Said], missed: float = math.inf, places: Iterable[int] = repeat(0)) -> list[Taken]:
        """Apply records, and note where the log has them."""
        taken = self._add_all(several, places)
        listeners = [listener for listener in self._audience() if len(listener)]
        for number, (_, said) in enumerate(several):
            if (listeners or said[VERB] & 0xF == RECHECK) and (taken[number].is_new or self._is_late(said, missed)):
                record = record_of(said)
                self.clocks.hear(record)
                closed = sum(listener.enforce(record) for listener in listeners)
                taken[number] = taken[number]._replace(closed=closed)
        return taken

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
            found = [one for key in keys for one in self._live_at(home_of_key(key))]
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
        every = {packed.name(one): one for some in self.slices() for one in some}
        return [packed.unpack(one) for one in sorted(every.values(), key=packed.number)]

    def knows(self, record: Record) -> bool:
        """Whether this record has been applied, and has not lapsed."""
        with self._lock:
            name, there = bytes.fromhex(record.id), self._live_at(home_of(record.match))
            return _named(name, there) is not None or self._was_covered(name, self._monotonic())

    def forget(self, most: int = 3 * SLICE) -> None:
        """Forget what has lapsed, so many at most: however many lapse together, nobody waits for all of them."""
        with self._lock:
            self._forget_some(most)

    # For the log

    def held(self, record: Record) -> bytes | None:
        """Return the record as it is packed; None where it has lapsed, or another says all of it."""
        return _named(bytes.fromhex(record.id), self.at(home_of(record.match)))

    def at(self, home: int) -> tuple[bytes, ...]:
        """Return what is held at a home, packed."""
        with self._lock:
            return self._live_at(home)

    def _add_all(self, several: Sequence[Said], places: Iterable[int]) -> list[Taken]:
        with self._numbering:
            number = Records._newest + 1
            Records._newest += len(several)
        with self._lock:
            self._forget_some(SLICE + len(several))
            # By the monotonic clock: a wall clock that jumps must not forget what still counts.
            monotonic = self._monotonic()
            skew = monotonic - self.now()
            numbered = zip(several, count(number), places, strict=False)
            taken = [
                self._add(home, packed.pack(said, skew, at, place), monotonic) for (home, said), at, place in numbered
            ]
            self.came += sum(one.is_new for one in taken)
            return taken

    def _add(self, home: int, new: bytes, now: float) -> Taken:
        there = self._live_at(home) if home in self._by_home else None
        if there and (known := _named(packed.name(new), there)):
            if place := packed.place(new):
                self._exchange(home, there, known, packed.placed(known, place))
            return _KNOWN
        at, until, lapses = packed.times(new, self.longest, self._longest_with_session)
        if until <= now or (self._covered and self._was_covered(packed.name(new), now)):
            return _NOTHING
        if self.is_full and packed.verb(new) is not Verb.BLOCK:
            self._folded.add(home, new, lapses)
            return _OTHERWISE
        if there is None:  # nearly always
            self._homes.add(lapses, home)
            self._ages.come(at)
            self._count += 1
            self._by_home[home] = new
            return _NEW
        live = self._among(there, new) if there else (new,)
        self._keep(home, live)
        return _NEW if live[-1] is new else _OTHERWISE

    def _folded_against(self, keys: Sequence[Key]) -> list[Held]:
        now = self._monotonic()
        every = (self._folded.find(home_of_key(key), key, now, self.longest) for key in keys)
        return [Held(record, self._folded.number) for record in every if record is not None]

    def _exchange(self, home: int, there: tuple[bytes, ...], one: bytes, other: bytes) -> None:
        self._by_home[home] = other if len(there) == 1 else tuple(other if each is one else each for each in there)

    def _among(self, there: tuple[bytes, ...], new: bytes) -> tuple[bytes, ...]:
        """Return what is kept of those at one home, now that another has come: the one that says it last."""
        record = packed.unpack(new)
        covering = next((one for one in there if packed.unpack(one).covers(record)), None)
        # Under the new number even where it says nothing new: whoever is being verified has not seen what it is about.
        kept = new if covering is None else packed.numbered(covering, packed.number(new))
        says = packed.unpack(kept)
        left = tuple(one for one in there if not says.covers(packed.unpack(one)))
        for one in (new, *there):
            if one not in left and packed.name(one) != packed.name(kept):
                self._cover(one)
        return (*left, kept)

    def _cover(self, one: bytes) -> None:
        """Remember that a record was applied, and no more of it."""
        name, lapses = int.from_bytes(packed.name(one)), self._lapse(one)
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

    def _was_covered(self, name: bytes, now: float) -> bool:
        return self._covered.get(int.from_bytes(name), -math.inf) > now

    def _is_late(self, said: bytes, missed: float) -> bool:
        """Whether a record has lapsed on its way here, since this process read last."""
        return verb_of(said) is not Verb.BLOCK and since(said) >= missed and ends(said) <= self.now()

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


def _named(name: bytes, there: tuple[bytes, ...]) -> bytes | None:
    return next((one for one in there if packed.is_named(one, name)), None)
