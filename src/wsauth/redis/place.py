"""Where a reader stands in the stream, and by what it sees that entries have been lost.

Redis says nothing about loss: a stream that was flushed, trimmed or taken back by a failover is read on like any other, and
one whose ids have gone back looks empty for ever.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from wsauth.redis.commands import START, Entry, Stream, order
from wsauth.revocation.record import Record
from wsauth.revocation.records import Records

_CLOCKS = 5.0  # seconds by which processes may differ about what has lapsed
_UNREAD = 86400.0  # seconds that entries are kept which cannot be read


class Held(NamedTuple):
    """The entry that holds a record, and when that lapses."""

    entry: bytes
    until: float


class Place:
    """`cursor` is the id of the last entry that was read, `tail` its name; `deleted` what XINFO said of deletions.

    `held` are the records that the stream is known to hold, in its order. `has_unread` is whether it also holds some that
    cannot be read here, and so are not known to have lapsed.
    """

    __slots__ = ("cursor", "deleted", "has_unread", "held", "tail")

    def __init__(self) -> None:
        self.cursor = START
        self.tail = b""
        self.deleted = START
        self.held: OrderedDict[str, Held] = OrderedDict()
        self.has_unread = False

    def precedes(self, entry: Entry) -> bool:
        """Whether nothing is missing between here and the entry that was read next."""
        return entry.before == self.tail

    def move_to(self, entry: Entry) -> None:
        self.cursor, self.tail = entry.id, entry.name

    def hold(self, record: Record, entry: Entry) -> None:
        self.held[record.id] = Held(entry.id, record.until)
        self.held.move_to_end(record.id)

    def oldest_needed(self, records: Records, now: float) -> bytes | None:
        """The first entry that holds a record that counts, and that no later entry holds as well."""
        needed = (held.entry for name, held in self.held.items() if held.until > now and records.knows(name))
        return next(needed, None)

    def trim(self, records: Records, now: float) -> bytes:
        """Forget what lapsed before then, and return the first entry of the stream that is to be kept."""
        kept = self.oldest_needed(records, now) or self.cursor
        while self.held and order(next(iter(self.held.values())).entry) < order(kept):
            self.held.popitem(last=False)
        if self.has_unread:
            kept = min(kept, b"%d-0" % ((now - _UNREAD) * 1000), key=order)
        return kept

    def is_at_end(self, stream: Stream | None) -> bool:
        """Whether all of the stream has been read."""
        return stream is None or stream.last == self.cursor

    def loss(self, stream: Stream | None, records: Records) -> str | None:
        """What shows that the stream has lost entries, in words; None where nothing does."""
        if stream is None:
            return None if self.cursor == START else "the stream is gone"
        last, cursor = order(stream.last), order(self.cursor)
        newest = order(stream.newest.id) if stream.newest else (0, 0)
        needed = self.oldest_needed(records, records.now() + _CLOCKS)
        if last < cursor:
            return "its end is behind what was read"
        if stream.deleted != self.deleted:
            return "entries were deleted"
        if needed and (stream.oldest is None or order(stream.oldest.id) > order(needed)):
            return "entries were trimmed that still count"
        if last == cursor and (stream.newest.name if stream.newest else b"") != self.tail:
            return "its end is another one"
        if last > cursor >= newest:
            return "entries went before they were read"
        return None
