"""The live connections of one policy, found by whom they belong to, and the revocations that handshakes are held against.

Both stand under one lock with no await between, so a revocation that arrives during a handshake lands: either the
registry holds the connection already, or the look-up at registration sees the record.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from wsauth.core.identity import Identity

Key = tuple[str, str]
KINDS = ("subject", "session_id", "token_id")


class Live(Protocol):
    """What the registry needs of a connection. `end` may be called from any thread."""

    @property
    def identity(self) -> Identity: ...

    def end(self, reason: Reason) -> None: ...


class Standing(Enum):
    """What the recorded revocations say of an identity that has just been verified."""

    GOOD = "good"
    REVOKED = "revoked"
    LOOK_AGAIN = "look again"  # the store was asked before the revocation came in


@dataclass(frozen=True, slots=True)
class _Record:
    match: frozenset[Key]
    at: float
    number: int


class Connections:
    """The live connections of one policy, in this process.

    `remember` is how long (seconds) a revocation is held against stateless credentials: as long as the longest token
    lives. `clock` gives POSIX seconds.
    """

    def __init__(self, *, remember: float = 24 * 3600.0, clock: Callable[[], float] = time.time) -> None:
        self._remember = remember
        self._clock = clock
        self._lock = threading.Lock()
        self._live: dict[Key, set[Live]] = {}
        self._records: dict[Key, list[_Record]] = {}
        self._number = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def position(self) -> int:
        """The number of the newest revocation. Note it before verifying, and hand it to `open`."""
        return self._number

    def open(self, connection: Live, position: int, *, stateful: bool) -> Standing:
        """Register a connection and say whether its identity was revoked meanwhile."""
        with self._lock:
            keys = list(_keys(connection.identity))
            for key in keys:
                self._live.setdefault(key, set()).add(connection)
            self._count += 1
            return self._standing(keys, connection.identity, position, stateful)

    def close(self, connection: Live) -> None:
        """Take a connection out of the registry, under the identity that it was opened with."""
        with self._lock:
            self._count -= 1
            for key in _keys(connection.identity):
                found = self._live.get(key)
                if found is not None:
                    found.discard(connection)
                    if not found:
                        del self._live[key]

    async def disconnect(
        self, *, subject: str | None = None, session_id: str | None = None, token_id: str | None = None
    ) -> int:
        """Close the matching connections now and remember nothing. Returns how many. See `disconnect_now`."""
        return self.disconnect_now(subject=subject, session_id=session_id, token_id=token_id)

    def disconnect_now(
        self, *, subject: str | None = None, session_id: str | None = None, token_id: str | None = None
    ) -> int:
        """Do what `disconnect` does, from any thread and without an event loop."""
        match = _match(subject, session_id, token_id)
        with self._lock:
            found = self._matching(match)
        return _end(found)

    async def revoke(
        self, *, subject: str | None = None, session_id: str | None = None, token_id: str | None = None
    ) -> int:
        """Close the matching connections, and refuse credentials that were issued up to now. Returns how many it closed.

        Several selectors must all match. Sessions and stored tokens are judged by their store at the next handshake; a token
        without an issue time is refused. Raises ValueError without a selector.
        """
        match = _match(subject, session_id, token_id)
        with self._lock:
            self._number += 1
            now = self._clock()
            self._forget(now)
            record = _Record(match, now, self._number)
            self._records.setdefault(min(match), []).append(record)
            found = self._matching(match)
        return _end(found)

    def _standing(self, keys: list[Key], identity: Identity, position: int, stateful: bool) -> Standing:
        held = set(keys)
        standing = Standing.GOOD
        for record in (record for key in keys for record in self._records.get(key, ())):
            if not record.match <= held:
                continue
            if stateful:
                standing = Standing.LOOK_AGAIN if record.number > position else standing
            elif identity.issued_at is None or int(identity.issued_at) <= record.at:
                return Standing.REVOKED
        return standing

    def _matching(self, match: frozenset[Key]) -> set[Live]:
        return set.intersection(*(self._live.get(key, set()) for key in match))

    def _forget(self, now: float) -> None:
        for key, records in list(self._records.items()):
            records[:] = [record for record in records if record.at > now - self._remember]
            if not records:
                del self._records[key]


def _keys(identity: Identity) -> Iterator[Key]:
    for kind in KINDS:
        value = getattr(identity, kind)
        if value:
            yield kind, value


def _match(subject: str | None, session_id: str | None, token_id: str | None) -> frozenset[Key]:
    given = {"subject": subject, "session_id": session_id, "token_id": token_id}
    match = frozenset((kind, value) for kind, value in given.items() if value is not None)
    if not match:
        raise ValueError("name whom: revoke(subject=...), revoke(session_id=...) or revoke(token_id=...)")
    for kind, value in match:
        if not isinstance(value, str) or not value:
            raise ValueError(f"{kind} must be a non-empty str, as in Identity; write str(user.pk)")
    return match


def _end(found: set[Live]) -> int:
    for connection in found:
        connection.end(Reason.REVOKED)
    return len(found)
