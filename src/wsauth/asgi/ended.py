"""What the application still sees of a connection that wsauth has closed or refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wsauth.core.errors import ConnectionEnded

if TYPE_CHECKING:
    from wsauth.asgi.refusal import Refusal
    from wsauth.asgi.types import Message

GRACE = 1.0  # seconds after the end in which a send is dropped before it raises
PAUSE = 0.1  # seconds between two disconnects, for an application that does not heed the first


class Ended:
    """The end. `receive` and `send` stand in for the server's.

    Nobody is told before `release`, though servers would (uvicorn): of many connections that end at once, what the
    applications do about it comes after the last close.
    """

    __slots__ = ("_at", "_is_released", "_loop", "_released", "_told", "refusal")

    def __init__(self, refusal: Refusal, loop: asyncio.AbstractEventLoop, *, is_released: bool = False) -> None:
        self.refusal = refusal
        self._loop = loop
        self._at = loop.time()
        self._told = False
        self._is_released = is_released
        self._released: asyncio.Future[None] | None = None

    def release(self) -> None:
        self._is_released = True
        if self._released is not None and not self._released.done():
            self._released.set_result(None)

    def disconnect(self) -> Message:
        self._told = True
        return {"type": "websocket.disconnect", "code": self.refusal.code, "reason": self.refusal.text}

    async def receive(self) -> Message:
        if not self._is_released:
            self._released = self._released or self._loop.create_future()
            await asyncio.shield(self._released)
        if self._told:
            await asyncio.sleep(PAUSE)
        return self.disconnect()

    async def send(self, message: Message) -> None:
        """Drop the message, so that a handler can finish and read its disconnect. A later one raises."""
        if message["type"] != "websocket.send":
            return  # an accept or a close comes once; only sends can go on for ever
        if self._loop.time() - self._at >= GRACE:
            raise ConnectionEnded("wsauth has ended this connection; return after websocket.disconnect")
        await asyncio.sleep(0)
