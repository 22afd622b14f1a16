"""Sockets by the peer that holds them, with the peer that holds the most always at hand. Every step takes constant time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsauth.asgi.pending import Place


class Crowd:
    """The sockets that wait. Not thread-safe: `Pending` has the lock."""

    __slots__ = ("_count", "_of", "_ranks")

    def __init__(self) -> None:
        self._of: dict[str, dict[Place, None]] = {}  # by peer, in order of arrival
        self._ranks: list[dict[str, None]] = [{}]  # at each number the peers that hold so many, the longest first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def held_by(self, peer: str) -> int:
        return len(self._of.get(peer, ()))

    def add(self, place: Place) -> None:
        places = self._of.setdefault(place.peer, {})
        places[place] = None
        self._count += 1
        self._rank(place.peer, len(places) - 1, len(places))

    def discard(self, place: Place) -> bool:
        """Take it out. Returns whether it was there."""
        places = self._of.get(place.peer, {})
        if place not in places:
            return False
        del places[place]
        self._count -= 1
        self._rank(place.peer, len(places) + 1, len(places))
        if not places:
            del self._of[place.peer]
        return True

    def oldest_of(self, peer: str) -> Place:
        return next(iter(self._of[peer]))

    def greediest(self, newcomer: str) -> str:
        """Return the peer that would hold the most, counting the newcomer; among equals who has done so for longest."""
        return newcomer if self.held_by(newcomer) >= len(self._ranks) - 1 else next(iter(self._ranks[-1]))

    def _rank(self, peer: str, before: int, now: int) -> None:
        self._ranks[before].pop(peer, None)
        if now == len(self._ranks):
            self._ranks.append({})
        if now:
            self._ranks[now][peer] = None
        if not self._ranks[-1] and len(self._ranks) > 1:  # the top falls by one at most
            self._ranks.pop()
