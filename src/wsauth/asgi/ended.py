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
    """The end, from `at` on in the loop's time. `receive` and `send` stand in for the server's."""

    __slots__ = ("_at", "_loop", "_told", "refusal")

    def __init__(self, refusal: Refusal, loop: asyncio.AbstractEventLoop) -> None:
        self.refusal = refusal
        self._loop = loop
        self._at = loop.time()
        self._told = False

    def disconnect(self) -> Message:
        self._told = True
        return {"type": "websocket.disconnect", "code": self.refusal.code, "reason": self.refusal.text}

    async def receive(self) -> Message:
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
