"""The live connections of this process, found by any key that their identity bears."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from wsauth.core.reasons import Reason
from wsauth.revocation.selector import Key, Match, keys_of

if TYPE_CHECKING:
    from wsauth.core.identity import Identity


class Live(Protocol):
    """What the registry needs of a connection. Its methods may be called from any thread, and raise nothing.

    `since` is when the verification began that let it in, in POSIX seconds by the log's clock. `stateful` is whether a store
    was asked, `can_look_again` whether something can be asked again. They and `identity` are right before the connection is
    registered, and from then on.
    """

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def since(self) -> float: ...
    @property
    def stateful(self) -> bool: ...
    @property
    def can_look_again(self) -> bool: ...
    @property
    def identity(self) -> Identity: ...

    def end(self, reason: Reason) -> None:
        """Close now."""

    def close(self, reason: Reason) -> None:
        """Send the close, on the loop only. A `wake` follows."""

    def wake(self) -> None:
        """Let the application know, on the loop only."""

    def stop(self, reason: Reason) -> None:
        """Deliver nothing from now on. An `end` follows."""

    def reconsider(self) -> None:
        """Have the next message wait for the log, where that has been silent for too long."""

    def end_in(self, seconds: float, reason: Reason) -> None:
        """Close in so many seconds, or earlier where that was said."""

    def look_again(self, within: float = 0.0, after: float = 0.0) -> None:
        """Have the identity judged anew `after` so many seconds, at a random moment of as many more as `within`."""


class Registry:
    """Connections by key. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[Live, tuple[Key, ...]] = {}
        self._live: dict[Key, set[Live]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Live]:
        with self._lock:
            return iter(list(self._keys))

    def add(self, connection: Live, identity: Identity) -> tuple[Key, ...]:
        """Register a connection under its identity, and under no other. Returns the keys."""
        keys = keys_of(identity)
        with self._lock:
            self._remove(connection)
            self._keys[connection] = keys
            for key in keys:
                self._live.setdefault(key, set()).add(connection)
        return keys

    def keys(self, connection: Live) -> tuple[Key, ...] | None:
        """Return the keys that a connection is registered under; None for one that is not."""
        return self._keys.get(connection)

    def remove(self, connection: Live) -> None:
        """Take a connection out, if it is there."""
        with self._lock:
            self._remove(connection)

    def matching(self, match: Match) -> list[Live]:
        """Return the connections whose identity bears all of these keys."""
        with self._lock:
            return list(set.intersection(*(self._live.get(key, set()) for key in match)))

    def _remove(self, connection: Live) -> None:
        for key in self._keys.pop(connection, ()):
            found = self._live[key]
            found.discard(connection)
            if not found:
                del self._live[key]
