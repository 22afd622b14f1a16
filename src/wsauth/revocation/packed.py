"""A record in some hundred bytes: what a process holds of each of them, which may be a hundred thousand.

One `bytes` holds what the record says, and before it what the process knows of it: by how much the clocks differed, the
number that it got here, and the place that the log has it in. A `Record` is made of it when somebody asks; as an object with
its texts it would weigh five times as much.
"""

from __future__ import annotations

import struct

from wsauth.revocation.record import Record, Verb
from wsauth.revocation.said import ANY, BEARS_SESSION, EXACT, EXTENDS, HEAD, delay_of, ends, record_of, since, verb_of

_KNOWN = struct.Struct("<dQQ")  # seconds from the log's clock to the monotonic one, number, place
_ALL = struct.Struct(_KNOWN.format + HEAD.format[1:])
_NUMBER = struct.Struct("<Q")
_AT_NUMBER, _AT_PLACE = 8, 16
_SAID = _KNOWN.size
_ENDS = _SAID + 16  # of the id


def pack(said: bytes, skew: float, number: int, place: int) -> bytes:
    """Return all of a record; `skew` (seconds) is what the monotonic clock showed more than the log's."""
    return _KNOWN.pack(skew, number, place) + said


def unpack(packed: bytes) -> Record:
    """Return the record, as it was."""
    return record_of(packed[_SAID:])


def name(packed: bytes) -> bytes:
    """The id of the record, in bytes."""
    return packed[_SAID:_ENDS]


def is_named(packed: bytes, name: bytes) -> bool:
    return packed.startswith(name, _SAID)


def verb(packed: bytes) -> Verb:
    return verb_of(packed[_SAID:])


def at(packed: bytes) -> float:
    """From when the record counts, by the log's clock."""
    return since(packed[_SAID:])


def until(packed: bytes) -> float:
    """Until when the record counts, by the log's clock."""
    return ends(packed[_SAID:])


def lapse(packed: bytes, longest: float, longest_with_session: float) -> float:
    """When a record lapses by the monotonic clock, where tokens live so long (seconds) at most."""
    return times(packed, longest, longest_with_session)[2]


def times(packed: bytes, longest: float, longest_with_session: float) -> tuple[float, float, float]:
    """From when a record counts, by the log's clock; by the monotonic one until when it says so, and when it lapses.

    Whoever published a revocation may not have seen how long tokens live, unless it says that it has.
    """
    skew, _, _, _, at, until, what, form = _ALL.unpack_from(packed)
    lapses = until
    if what & (EXTENDS | EXACT) == EXTENDS:
        lives = longest_with_session if what & BEARS_SESSION else longest
        if form == ANY:
            lives += delay_of(packed[_SAID:])
        if at + lives > until:
            lapses = at + lives
    return at, until + skew, lapses + skew


def skew(packed: bytes) -> float:
    found: float = _KNOWN.unpack_from(packed)[0]
    return found


def number(packed: bytes) -> int:
    """The number of what this process learned last of the record's kind."""
    found: int = _NUMBER.unpack_from(packed, _AT_NUMBER)[0]
    return found


def place(packed: bytes) -> int:
    """Where the log has it, in the log's own terms; 0 where that is not known."""
    found: int = _NUMBER.unpack_from(packed, _AT_PLACE)[0]
    return found


def numbered(packed: bytes, number: int) -> bytes:
    return packed[:_AT_NUMBER] + _NUMBER.pack(number) + packed[_AT_PLACE:]


def placed(packed: bytes, place: int) -> bytes:
    return packed[:_AT_PLACE] + _NUMBER.pack(place) + packed[_SAID:]
