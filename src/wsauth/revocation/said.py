"""What a record says, in some thirty bytes and its selector, and what it is kept under: its home.

There may be a hundred thousand at a start, and nearly all are what `encode` makes of a revocation of one token, session or
user. Those are read without making an object of each; any other is read as JSON.
"""

from __future__ import annotations

import json
import re
import struct
from binascii import unhexlify
from uuid import UUID

from wsauth.core.reasons import Reason
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.selector import KINDS, Key, Match

Said = tuple[int, bytes]  # the home, and what is said

HEAD = struct.Struct(
    "<16s2dHB"
)  # id, at, until; verb, reason and how long it counts; form of the selector, which follows
VERB, FORM = HEAD.size - 2, HEAD.size - 1  # where those bytes are
EXACT, EXTENDS, BEARS_SESSION = 1 << 15, 1 << 14, 1 << 13
ANY = 255  # the form of a selector that is written as JSON
_TEXT, _HEX, _UUID = 0, 16, 32  # how the value of a lone selector is written; its kind is added
_BITS = (1 << 60) - 1  # of a hash: a number of as many fits into 32 bytes
_NARROW = ("token_id", "session_id", "subject", "key_id", "issuer")  # before any label

_VERB_OF = {number << 8: verb for number, verb in enumerate(Verb)}
RECHECK = list(Verb).index(Verb.RECHECK)  # in four bits of the byte at VERB
_REASON_OF = dict(enumerate(Reason))
_VERBS = {verb: number | (EXTENDS if verb is Verb.REVOKE else 0) for number, verb in _VERB_OF.items()}
_REASONS = {reason: number for number, reason in _REASON_OF.items()}
_WRITTEN = {
    (verb.value.encode(), reason.name.encode()): number | _REASONS[reason]
    for verb, number in _VERBS.items()
    for reason in Reason
}
_KINDS = {kind.encode(): (kind, number) for number, kind in enumerate(KINDS) if kind != "issuer"}
_USUAL = re.compile(
    rb'\{"v":1,"id":"([0-9a-f]{32})","verb":"(%s)",'
    rb'"match":\{"(%s)":"(?:([0-9a-f]{64}|[0-9a-f]{32})|([ !#-\[\]-~]{1,512}))"\},'
    rb'"at":([0-9]{1,12}\.[0-9]{1,9}),"until":([0-9]{1,12}\.[0-9]{1,9}),"reason":"(%s)"(,"exact":true)?\}'
    % tuple(
        b"|".join(names)
        for names in (dict.fromkeys(verb for verb, _ in _WRITTEN), _KINDS, dict.fromkeys(why for _, why in _WRITTEN))
    )
)


def read(body: bytes) -> Said:
    """Read a body. Raises UnknownVersion for one of a later version, ValueError for anything else that is no record."""
    usual = _USUAL.fullmatch(body)
    if usual is None:
        return said_by(Record.decode(body))
    name, verb, kind, digits, value, at, until, reason, exact = usual.groups()
    (named, number), what, text = _KINDS[kind], _WRITTEN[verb, reason], (digits or value).decode()
    if exact:
        what |= EXACT
    elif what & EXTENDS and named == "session_id":
        what |= BEARS_SESSION
    form, whom = (_HEX, unhexlify(digits)) if digits else _value(text)
    head = HEAD.pack(unhexlify(name), float(at), float(until), what, form + number)
    return hash((named, text)) & _BITS, head + whom


def said_by(record: Record) -> Said:
    form, whom = _whom(record)
    what = _VERBS[record.verb] | _REASONS[record.reason]
    if record.exact:
        what |= EXACT
    elif what & EXTENDS and bears_session(record.match):
        what |= BEARS_SESSION
    head = HEAD.pack(bytes.fromhex(record.id), record.at, record.until, what, form)
    return home_of(record.match), head + whom


def record_of(said: bytes) -> Record:
    """Return the record, as it was."""
    name, at, until, what, form = HEAD.unpack_from(said)
    match, after, spread, reply = _of_whom(form, said[HEAD.size :])
    verb, reason, exact = verb_of(said), _REASON_OF[what & 0xFF], bool(what & EXACT)
    return Record(verb, match, at, until, after, spread, reason, reply, name.hex(), exact)


def verb_of(said: bytes) -> Verb:
    return _VERB_OF[(said[VERB] & 0xF) << 8]


def since(said: bytes) -> float:
    """From when the record counts, by the log's clock."""
    found: float = HEAD.unpack_from(said)[1]
    return found


def ends(said: bytes) -> float:
    """Until when the record counts, by the log's clock."""
    found: float = HEAD.unpack_from(said)[2]
    return found


def reply_of(said: bytes) -> str:
    """Where the processes say how many connections they closed; empty where nobody asks."""
    return _of_whom(ANY, said[HEAD.size :])[3] if said[FORM] == ANY else ""


def delay_of(said: bytes) -> float:
    """How long (seconds) connections may live on, of what is in the form ANY."""
    _, after, spread, _ = _of_whom(ANY, said[HEAD.size :])
    return after + spread


def bears_session(match: Match) -> bool:
    """Whether only sessions, and tokens that name one, can bear it."""
    return "session_id" in dict(match)


def home_of(match: Match) -> int:
    """Return what a record is kept under: the hash of the key that it shares with the fewest.

    A token has one user, and a user many tokens.
    """
    if len(match) == 1:
        (only,) = match
        return home_of_key(only)
    return home_of_key(min(match, key=_narrowness))


def home_of_key(key: Key) -> int:
    return hash(key) & _BITS


def _whom(record: Record) -> tuple[int, bytes]:
    if len(record.match) == 1 and not (record.after or record.spread or record.reply):
        ((kind, value),) = record.match
        if kind in KINDS:
            form, text = _value(value)
            return form + KINDS.index(kind), text
    everything = [sorted(record.match), record.after, record.spread, record.reply]
    return ANY, json.dumps(everything, separators=(",", ":")).encode("ascii")


def _of_whom(form: int, whom: bytes) -> tuple[Match, float, float, str]:
    if form == ANY:
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


def _narrowness(key: Key) -> tuple[int, Key]:
    return (_NARROW.index(key[0]) if key[0] in _NARROW else len(_NARROW), key)
