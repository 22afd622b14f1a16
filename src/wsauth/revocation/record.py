"""What was said about whom, and when: the one thing that travels between processes.

A record may only end a life or ask for another look, never extend one. So applying it twice, late, or out of order does no
harm, and the worst that a forger could do is a log-out.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from wsauth.core.reasons import Reason
from wsauth.core.strict_json import loads
from wsauth.revocation.selector import MAX_KEY, Key, Match

VERSION = 1
WITH_ISSUER = 2  # the version of a record that names an issuer: a process that knows none would match nobody
MAX_BODY = 4096  # bytes
MAX_AGE = 31 * 86400.0  # seconds that a record is kept at most
BRIEF = 3600.0  # seconds: for what only a process that was cut off still needs to hear
HANDSHAKE = 60.0  # seconds that no handshake takes: by then whoever asked a store before a change of it has been told
_LATEST = 1e12  # POSIX seconds: no date is later, and none is too big to compute with


class Verb(Enum):
    REVOKE = "revoke"  # close, and refuse credentials that were issued up to now
    DISCONNECT = "disconnect"  # close
    BLOCK = "block"  # close, and refuse whoever matches
    RECHECK = "recheck"  # ask the store again


class UnknownVersion(ValueError):
    """A record of a later version of wsauth: what it ends is not known here."""


@dataclass(frozen=True, slots=True)
class Record:
    """One revocation. `at` and `until` are POSIX seconds by the log's clock: from when it counts, and when it lapses.

    Live connections end `after` seconds later than `at`, `spread` over as many seconds more; new ones are refused at once.
    `reply` names where processes say how many they closed. `exact` is whether `until` is late enough, whatever tokens are
    known to live longer: it names one whose end is known, or what a store judges.
    """

    verb: Verb
    match: Match
    at: float
    until: float
    after: float = 0.0
    spread: float = 0.0
    reason: Reason = Reason.REVOKED
    reply: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    exact: bool = False

    def covers(self, other: Record) -> bool:
        """Whether nothing is lost on a process that hears of this record only."""
        same = self.verb is other.verb and self.match == other.match and self.reason is other.reason
        as_soon = self.after + self.spread <= other.after + other.spread
        as_long = other.exact or not self.exact  # or it may be held for longer than it says
        return same and as_soon and as_long and self.at >= other.at and self.until >= other.until

    def encode(self) -> bytes:
        """Return the body that is signed and sent. Raises ValueError where it would be over 4 KiB."""
        fields: dict[str, Any] = {
            "v": WITH_ISSUER if _names_issuer(dict(self.match)) else VERSION,
            "id": self.id,
            "verb": self.verb.value,
            "match": dict(sorted(self.match)),
            "at": self.at,
            "until": self.until,
            "reason": self.reason.name,
        }
        if self.after or self.spread:
            fields.update(after=self.after, spread=self.spread)
        if self.reply:
            fields["reply"] = self.reply
        if self.exact:
            fields["exact"] = True
        body = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii")
        if len(body) > MAX_BODY:
            raise ValueError(f"a record of {len(body)} bytes, and {MAX_BODY} are the most: name fewer labels")
        return body

    @classmethod
    def decode(cls, body: bytes) -> Record:
        """Read a body. Raises UnknownVersion for one of a later version, ValueError for anything else that is no record."""
        if len(body) > MAX_BODY:
            raise ValueError("a record is too long")
        fields = loads(body.decode("utf-8"))
        if not isinstance(fields, dict):
            raise ValueError("a record is no object")
        match = fields.get("match")
        if fields.get("v") != (WITH_ISSUER if _names_issuer(match) else VERSION):
            raise UnknownVersion(f"a record is of another version than {VERSION}")
        verb, reason = _VERBS.get(_text(fields.get("verb"))), _REASONS.get(_text(fields.get("reason", "REVOKED")))
        if verb is None or reason is None:
            raise UnknownVersion("a record holds an unknown verb or reason")
        return cls(
            verb,
            _match(match),
            _seconds(fields, "at"),
            _seconds(fields, "until"),
            _seconds(fields, "after", 0.0),
            _seconds(fields, "spread", 0.0),
            reason,
            _text(fields.get("reply", "")),
            _id(fields.get("id")),
            fields.get("exact") is True,
        )


_VERBS = {verb.value: verb for verb in Verb}
_REASONS = dict(Reason.__members__)
_NAME = re.compile("[0-9a-f]{32}")


def _names_issuer(match: object) -> bool:
    return isinstance(match, dict) and "issuer" in match


def _match(value: object) -> Match:
    if not isinstance(value, dict) or not value:
        raise ValueError("a record matches nobody in particular")
    keys: list[Key] = [(_text(kind), _text(of)) for kind, of in value.items()]
    if not all(kind and of for kind, of in keys):
        raise ValueError("a record matches an empty value")
    return frozenset(keys)


def _seconds(fields: dict[str, Any], name: str, default: float | None = None) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise ValueError(f"{name} of a record is no number of seconds")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_KEY:
        raise ValueError("a record holds something other than text")
    return value


def _id(value: object) -> str:
    text = _text(value)
    if not _NAME.fullmatch(text):
        raise ValueError("the id of a record is not 128 bits in hexadecimal")
    return text
