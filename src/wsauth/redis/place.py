"""Where a reader stands in the stream, and by what it sees that entries have been lost.

Redis says nothing about loss: a stream that was flushed, trimmed or taken back by a failover is read on like any other, and
one whose ids have gone back looks empty for ever.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import count, islice

from wsauth.redis.commands import START, Entry, Stream, order
from wsauth.revocation import packed
from wsauth.revocation.record import Record
from wsauth.revocation.records import Records, Taken
from wsauth.revocation.said import Said

_CLOCKS = 5.0  # seconds by which processes may differ about what has lapsed
_UNREAD = 86400.0  # seconds that entries are kept which cannot be read


_OUTLIVES = 60.0  # seconds that an entry outlives its record
_STEPS = 2000  # entries that one call goes over at most
_MARK = (1 << 44) - 1
_PASSES = count(1)  # each reads all of the stream; of 20 bits, above the mark


class Place:
    """`cursor` is the id of the last entry that was read, `tail` its name; `deleted` what XINFO said of deletions.

    `_read` counts the entries that were read in this pass, and `_unseen` those that the stream had and lost before it;
    `_news` counts the records that it brought, and `_others` those that had come before.

    `has_unread` is whether the stream also holds entries that cannot be read here, and so are not known to have lapsed.
    Which records the stream holds stands with the records: the entry that each is in, and the pass in which it was read.
    Here stands their order, without those at the front that nobody needs.
    """

    __slots__ = (
        "_homes",
        "_milliseconds",
        "_news",
        "_numbers",
        "_others",
        "_pass",
        "_read",
        "_soon",
        "_start",
        "_unseen",
        "cursor",
        "deleted",
        "has_unread",
        "tail",
    )

    def __init__(self) -> None:
        self.cursor = START
        self.tail = b""
        self.deleted = START
        self.has_unread = False
        self._read = self._news = 0
        self._others = -math.inf
        self._unseen = 0
        self._pass = next(_PASSES) << 44
        self._milliseconds, self._numbers, self._homes = array("Q"), array("Q"), array("Q")
        self._start = self._soon = 0  # before them nothing is needed: any more, and in a moment

    def __len__(self) -> int:
        return len(self._homes) - self._start

    def begin(self, stream: Stream | None, records: Records) -> None:
        """Note what the stream had lost before it is read from its start, and whether anything is known otherwise."""
        self._others = records.came if len(records) == 0 else -math.inf
        if stream is not None:
            self.deleted = stream.deleted
            self._unseen = (stream.added or 0) - stream.length

    def move_past(self, entries: Sequence[Entry]) -> list[bool]:
        """Go on behind them. Returns of each whether nothing is missing before it: whether it names the last one."""
        follows = []
        for entry in entries:
            follows.append(entry.before == self.tail)
            self.tail = entry.name
        if entries:
            self.cursor = entries[-1].id
        self._read += len(entries)
        return follows

    def take(self, several: Sequence[tuple[Entry, Said]], records: Records, missed: float) -> list[Taken]:
        """Apply records, and note in which entries the stream has them. What it said of them before counts no more."""
        ids = [order(entry.id) for entry, _ in several]
        taken = records.take([said for _, said in several], missed, [self._pass | hash(each) & _MARK for each in ids])
        self._news += sum(one.is_new for one in taken)
        for each, (_, (home, _)), one in zip(ids, several, taken, strict=True):
            if one.is_held:
                self._milliseconds.append(each[0])
                self._numbers.append(each[1])
                self._homes.append(home)
            else:
                self.has_unread |= records.is_full  # nobody here knows when it lapses
        return taken

    def brought_all(self, records: Records) -> bool:
        """Whether every record that counts was brought by this pass, as at the start of a process."""
        return records.came == self._others + self._news

    def lacks(self, one: bytes) -> bool:
        """Whether the stream was not seen to hold what is packed there, since this pass began."""
        return packed.place(one) < self._pass

    def oldest_needed(self, records: Records, now: float) -> bytes | None:
        """The first entry that holds a record that counts, and that no later entry holds as well.

        None also where so many have lapsed together that one call does not get past them.
        """
        at = self._seek(self._start, records, now)
        return self._entry(at) if self._needed(at, records, now) else None

    def first(self, records: Records, most: int) -> list[Record]:
        """The first records that the stream holds and that count, so many at most."""
        now, ends = records.now(), min(self._start + _STEPS, len(self._homes))
        every = (self._needed(at, records, now) for at in range(self._start, ends))
        return [packed.unpack(one) for one in islice(filter(None, every), most)]

    def trim(self, records: Records, now: float) -> bytes:
        """Forget what lapsed before then, and return the first entry of the stream that is to be kept."""
        self._forget(records, now)
        kept = self._entry(self._start) if self._start < len(self._homes) else self.cursor
        if self.has_unread:
            kept = min(kept, b"%d-0" % ((now - _UNREAD) * 1000), key=order)
        return kept

    def _forget(self, records: Records, now: float) -> None:
        self._start = self._seek(self._start, records, now)
        self._soon = max(self._soon, self._start)
        if self._start > len(self._homes) // 2:
            for column in (self._milliseconds, self._numbers, self._homes):
                del column[: self._start]
            self._start, self._soon = 0, self._soon - self._start

    def _seek(self, at: int, records: Records, now: float) -> int:
        """Return where the first stands that is needed, or how far one call goes."""
        ends = min(at + _STEPS, len(self._homes))
        while at < ends and not self._needed(at, records, now):
            at += 1
        return at

    def _needed(self, at: int, records: Records, now: float) -> bytes | None:
        """What is packed at a place, where it counts then and the stream holds it last there."""
        if at >= len(self._homes):
            return None
        mark = hash((self._milliseconds[at], self._numbers[at])) & _MARK  # two of one selector hardly share it
        there = (one for one in records.at(self._homes[at]) if packed.place(one) & _MARK == mark)
        return next((one for one in there if packed.until(one) > now), None)

    def _entry(self, at: int) -> bytes:
        return b"%d-%d" % (self._milliseconds[at], self._numbers[at])

    def is_at_end(self, stream: Stream | None) -> bool:
        """Whether all of the stream has been read."""
        return stream is None or stream.last == self.cursor

    def loss(self, stream: Stream | None, records: Records) -> str | None:
        """What shows that the stream has lost entries, in words; None where nothing does."""
        if stream is None:
            return None if self.cursor == START else "the stream is gone"
        last, cursor = order(stream.last), order(self.cursor)
        newest = order(stream.newest.id) if stream.newest else (0, 0)
        needed = self._needed_soon(records)
        if last < cursor:
            return "its end is behind what was read"
        if stream.deleted != self.deleted:
            return "entries were deleted"
        if needed and (stream.oldest is None or order(stream.oldest.id) > order(needed)):
            return "entries were trimmed that still count"
        if last == cursor and (stream.newest.name if stream.newest else b"") != self.tail:
            return "its end is another one"
        if last > cursor >= newest or (last == cursor and self._has_missed(stream)):
            return "entries went before they were read"
        return None

    def _has_missed(self, stream: Stream) -> bool:
        """Whether entries came and went between those that were read: a stranger's, which no chain names, can hide that."""
        return stream.added is not None and stream.added - self._read != self._unseen

    def _needed_soon(self, records: Records) -> bytes | None:
        """The first entry that will still be needed in a moment. What lapsed long enough ago is forgotten meanwhile."""
        now = records.now()
        self._forget(records, now - _OUTLIVES)
        self._soon = self._seek(self._soon, records, now + _CLOCKS)
        return self._entry(self._soon) if self._needed(self._soon, records, now + _CLOCKS) else None
