"""Where revocations go that are too many to be held one by one: into slots that several share.

Memory stays what it is, and nobody who was revoked gets in: who shares a slot with somebody revoked is refused too, with a
token that was issued before. Whoever asks for a new token is let in with it.
"""

from __future__ import annotations

from array import array

from wsauth.revocation import packed
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.selector import Key

SLOTS = 1 << 16


class Folded:
    """Slots, each with the time of its latest revocation and with when that lapses by the monotonic clock."""

    def __init__(self) -> None:
        self._at, self._lapses = array("d"), array("d")
        self._skew = 0.0
        self.number = 0

    def add(self, home: int, one: bytes, lapses: float) -> None:
        """Fold one in that is packed. A disconnection leaves nothing; a re-check only that the store is to be asked."""
        self.number, record = packed.number(one), packed.unpack(one)
        if record.verb is Verb.DISCONNECT:
            return
        if not self._at:
            self._at, self._lapses = (array("d", bytes(8 * SLOTS)) for _ in range(2))
        slot, self._skew = home % SLOTS, packed.skew(one)
        self._lapses[slot] = max(self._lapses[slot], lapses)
        if record.verb is Verb.REVOKE:
            self._at[slot] = max(self._at[slot], record.at + record.after + record.spread)

    def find(self, home: int, key: Key, now: float, longest: float) -> Record | None:
        """Return what is held against a key, where tokens live so long (seconds); `now` is that of the monotonic clock."""
        if not self._at:
            return None
        slot = home % SLOTS
        at, lapses = self._at[slot], self._lapses[slot]
        if max(lapses, at + self._skew + longest if at else lapses) <= now or not lapses:
            return None
        return Record(Verb.REVOKE if at else Verb.RECHECK, frozenset((key,)), at, at + longest)
