"""A record in some hundred bytes: what a process holds of each of them, which may be a hundred thousand.

One `bytes` holds all of a record, and beside it the number that the process gave it and the place that the log has it in. A
`Record` is made of it when somebody asks; as an object with its texts it would weigh five times as much.
"""

from __future__ import annotations

import json
import struct
from uuid import UUID

from wsauth.core.reasons import Reason
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.selector import KINDS, Match

# id, at, until, seconds from the log's clock to the monotonic one, number, place, verb and reason, form of the selector
_HEAD = struct.Struct("<16s3dQQHB")
_NUMBER = struct.Struct("<Q")
_AT_NUMBER, _AT_PLACE = 40, 48
_TEXT, _HEX, _UUID = 0, 16, 32  # how the value of a lone selector is written; its kind is added
_ANY = 255  # anything else: JSON
_EXACT, _EXTENDS, _BEARS_SESSION = 1 << 15, 1 << 14, 1 << 13
_VERB_OF = {number << 8: verb for number, verb in enumerate(Verb)}
_REASON_OF = dict(enumerate(Reason))
_VERBS = {verb: number | (_EXTENDS if verb is Verb.REVOKE else 0) for number, verb in _VERB_OF.items()}
_REASONS = {reason: number for number, reason in _REASON_OF.items()}


def pack(record: Record, skew: float, number: int) -> bytes:
    """Return all of a record; `skew` (seconds) is what the monotonic clock showed more than the log's."""
    form, whom = _whom(record)
    what = _VERBS[record.verb] | _REASONS[record.reason]
    if record.exact:
        what |= _EXACT
    elif what & _EXTENDS and bears_session(record.match):
        what |= _BEARS_SESSION
    return _HEAD.pack(bytes.fromhex(record.id), record.at, record.until, skew, number, 0, what, form) + whom


def unpack(packed: bytes) -> Record:
    """Return the record, as it was."""
    name, at, until, _, _, _, what, form = _HEAD.unpack_from(packed)
    match, after, spread, reply = _of_whom(form, packed[_HEAD.size :])
    verb, reason = _VERB_OF[what & 0xF00], _REASON_OF[what & 0xFF]
    return Record(verb, match, at, until, after, spread, reason, reply, name.hex(), bool(what & _EXACT))


def bears_session(match: Match) -> bool:
    """Whether only sessions, and tokens that name one, can bear it."""
    return "session_id" in dict(match)


def record_id(packed: bytes) -> str:
    return packed[:16].hex()


def at(packed: bytes) -> float:
    """From when the record counts, by the log's clock."""
    found: float = _HEAD.unpack_from(packed)[1]
    return found


def until(packed: bytes) -> float:
    """Until when the record counts, by the log's clock."""
    found: float = _HEAD.unpack_from(packed)[2]
    return found


def lapse(packed: bytes, longest: float, longest_with_session: float) -> float:
    """When a record lapses by the monotonic clock, where tokens live so long (seconds) at most.

    Whoever published a revocation may not have seen how long they live, unless it says so itself.
    """
    _, at, until, skew, _, _, what, form = _HEAD.unpack_from(packed)
    if what & (_EXTENDS | _EXACT) == _EXTENDS:
        if form == _ANY:
            _, after, spread, _ = _of_whom(form, packed[_HEAD.size :])
            at += after + spread
        until = max(until, at + (longest_with_session if what & _BEARS_SESSION else longest))
    found: float = until + skew
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
    return packed[:_AT_PLACE] + _NUMBER.pack(place) + packed[_AT_PLACE + 8 :]


def _whom(record: Record) -> tuple[int, bytes]:
    if len(record.match) == 1 and not (record.after or record.spread or record.reply):
        ((kind, value),) = record.match
        if kind in KINDS:
            form, text = _value(value)
            return form + KINDS.index(kind), text
    everything = [sorted(record.match), record.after, record.spread, record.reply]
    return _ANY, json.dumps(everything, separators=(",", ":")).encode("ascii")


def _of_whom(form: int, whom: bytes) -> tuple[Match, float, float, str]:
    if form == _ANY:
        match, after, spread, reply = json.loads(whom)
        return frozenset((kind, value) for kind, value in match), after, spread, reply
    kind = KINDS[form & 0xF]
    if form & _HEX:
        value = whom.hex()
    elif form & _UUID:
        value = str(UUID(bytes=whom))
    else:
        value = whom.decode("utf-8", "surrogatepass")
    return frozenset(((kind, value),)), 0.0, 0.0, ""


def _value(text: str) -> tuple[int, bytes]:
    """Digests and UUIDs, which most ids are, in half the bytes."""
    if len(text) in (32, 36, 64):
        try:
            if len(text) == 36:
                return (_UUID, found.bytes) if str(found := UUID(text)) == text else (_TEXT, text.encode())
            if (half := bytes.fromhex(text)).hex() == text:
                return _HEX, half
        except ValueError:
            pass
    return _TEXT, text.encode("utf-8", "surrogatepass")
