"""Rooms and who is in them, in memory: one process, so a set of sockets is all the broadcasting there is."""

import asyncio
import time
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import WebSocket, WebSocketDisconnect

from shared.people import ROOMS


class Audience:
    """Sockets that hear the same frames."""

    def __init__(self) -> None:
        self._names: dict[WebSocket, str] = {}

    def join(self, websocket: WebSocket, name: str) -> None:
        self._names[websocket] = name

    def leave(self, websocket: WebSocket) -> None:
        self._names.pop(websocket, None)

    @property
    def names(self) -> list[str]:
        return sorted(set(self._names.values()))

    async def tell(self, frame: dict) -> None:
        await asyncio.gather(*(_send(websocket, frame) for websocket in list(self._names)))


async def _send(websocket: WebSocket, frame: dict) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # it has just left; its own endpoint takes it out
        await websocket.send_json(frame)


@dataclass
class Room:
    slug: str
    about: str
    members: frozenset[str]
    history: deque[dict] = field(default_factory=lambda: deque(maxlen=50))
    audience: Audience = field(default_factory=Audience)


def _room(seed: dict) -> Room:
    room = Room(seed["slug"], seed["about"], frozenset(seed["members"]))
    for age, (author, text) in enumerate(reversed(seed["history"]), start=1):
        room.history.appendleft({"author": author, "text": text, "at": time.time() - 240 * age})
    return room


rooms = {seed["slug"]: _room(seed) for seed in ROOMS}
personal: defaultdict[str, Audience] = defaultdict(Audience)  # by name
