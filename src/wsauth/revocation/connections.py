"""The live connections of one policy, found by whom they belong to, and the revocations that handshakes are held against.

Both stand under one lock with no await between, so a revocation that arrives during a handshake lands: either the
registry holds the connection already, or the look-up at registration sees the record.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol

from wsauth.core.errors import ConfigurationError
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from wsauth.core.identity import Identity

Key = tuple[str, str]
KINDS = ("subject", "session_id", "token_id")
_LATEST = 1e12  # POSIX seconds: no date is later, and none is too big to compute with


class Live(Protocol):
    """What the registry needs of a connection. `end` may be called from any thread."""

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
    lives. A token that is seen to live longer extends it. `clock` gives POSIX seconds.
    """

    _newest: ClassVar[int] = 0
    _numbering: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, *, remember: float = 24 * 3600.0, clock: Callable[[], float] = time.time) -> None:
        if not remember >= 1:
            raise ConfigurationError(
                f"Connections(remember={remember!r}): write seconds, as long as the longest token lives"
            )
        self._remember = remember
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[Live, tuple[Key, ...]] = {}
        self._live: dict[Key, set[Live]] = {}
        self._records: dict[Key, dict[frozenset[Key], _Record]] = {}  # by one of the keys that they match
        self._in_order: OrderedDict[frozenset[Key], _Record] = OrderedDict()  # oldest first

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def position(self) -> int:
        """The number of the newest revocation. Note it before verifying, and hand it to `open`.

        All registries count together: one note serves also those that a connection comes to stand in later.
        """
        return Connections._newest

    def open(self, connection: Live, identity: Identity, position: int, *, stateful: bool) -> Standing:
        """Register a connection under its identity, and under no other, unless that was revoked meanwhile."""
        keys = tuple(_keys(identity))
        with self._lock:
            if not stateful and identity.expires_at is not None:
                self._remember = max(self._remember, min(identity.expires_at, _LATEST) - self._clock())
            standing = self._standing(keys, identity, position, stateful)
            if standing is Standing.GOOD:
                self._remove(connection)
                self._keys[connection] = keys
                for key in keys:
                    self._live.setdefault(key, set()).add(connection)
            return standing

    def close(self, connection: Live) -> None:
        """Take a connection out of the registry, if it is there."""
        with self._lock:
            self._remove(connection)

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
            with self._numbering:
                number = Connections._newest = Connections._newest + 1
            self._record(_Record(match, self._clock(), number))
            found = self._matching(match)
        return _end(found)

    def _remove(self, connection: Live) -> None:
        for key in self._keys.pop(connection, ()):
            found = self._live[key]
            found.discard(connection)
            if not found:
                del self._live[key]

    def _standing(self, keys: tuple[Key, ...], identity: Identity, position: int, stateful: bool) -> Standing:
        held = set(keys)
        standing = Standing.GOOD
        for record in (record for key in keys for record in self._records.get(key, {}).values()):
            if not record.match <= held:
                continue
            if stateful:
                standing = Standing.LOOK_AGAIN if record.number > position else standing
            elif not _issued_after(record.at, identity):
                return Standing.REVOKED
        return standing

    def _matching(self, match: frozenset[Key]) -> set[Live]:
        return set.intersection(*(self._live.get(key, set()) for key in match))

    def _record(self, record: _Record) -> None:
        """Remember a revocation in place of an earlier one of the same, and forget what no living token can be as old as."""
        before = self._forget(record.match)
        if before is not None and before.at > record.at:  # the clock was set back
            record = replace(record, at=before.at)
        self._records.setdefault(_home(record.match), {})[record.match] = record
        self._in_order[record.match] = record
        while (oldest := next(iter(self._in_order.values()))).at <= record.at - self._remember:
            self._forget(oldest.match)

    def _forget(self, match: frozenset[Key]) -> _Record | None:
        record = self._in_order.pop(match, None)
        if record is not None:
            records = self._records[_home(match)]
            del records[match]
            if not records:
                del self._records[_home(match)]
        return record


def _home(match: frozenset[Key]) -> Key:
    """The key that a record is kept under: a user has many sessions and tokens, and each of these one user."""
    return min(match, key=lambda key: (key[0] == "subject", key))


def _issued_after(at: float, identity: Identity) -> bool:
    """Whether a token is newer than a revocation. It carries whole seconds, so that of the same second is not."""
    return identity.issued_at is not None and identity.issued_at >= int(at) + 1


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
