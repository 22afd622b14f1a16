"""The way to the client: one answer to the handshake, then messages, then one close, and nothing after it."""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum
from typing import TYPE_CHECKING

from wsauth.asgi.refusal import bounded

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from wsauth.asgi.connection import Connection
    from wsauth.asgi.pending import Place
    from wsauth.asgi.refusal import Delivery, Refusal
    from wsauth.asgi.types import Message, Receive, Send


GONE = 10.0  # seconds that a refused client has to go; uvicorn gives it as many to answer a close


class Phase(Enum):
    CONNECTING = "connecting"  # nobody has answered the handshake
    OPEN = "open"  # an accept was sent, or is on its way
    CLOSED = "closed"  # a close or a refusal was sent, or the client has left


class Wire:
    """The server's `send` and how far it has come. `place` is that of a refused socket that was accepted."""

    __slots__ = ("_accepting", "phase", "place", "send")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.phase = Phase.CONNECTING
        self.place: Place | None = None
        self._accepting: asyncio.Future[None] | None = None  # while an accept is on its way

    async def accept(self, message: Message) -> None:
        if self.phase is Phase.CONNECTING:
            self.phase = Phase.OPEN
        accepting = self._accepting = asyncio.get_running_loop().create_future()
        try:
            await self.send(message)
        finally:
            self._accepting = None
            accepting.set_result(None)

    async def tell(self, text: str) -> None:
        """Send a message that is not the application's. Takes a few seconds at most and raises nothing."""
        await bounded(self.send_after_accept, [{"type": "websocket.send", "text": text}])

    def close(self, refusal: Refusal, delivery: Delivery) -> Coroutine[None, None, None]:
        """Refuse the handshake by this delivery, or close what is accepted; once: closed from now on, sent when awaited.

        Takes a few seconds at most and raises nothing.
        """
        before, self.phase = self.phase, Phase.CLOSED
        return self._close(before, refusal, delivery)

    async def _close(self, before: Phase, refusal: Refusal, delivery: Delivery) -> None:
        if before is Phase.OPEN:
            await bounded(self.send_after_accept, [refusal.close()])
        elif before is Phase.CONNECTING:
            self.place = delivery.place(refusal.reason)
            await bounded(self.send, delivery.messages(refusal, self.place is not None))

    async def see_off(self, receive: Receive, code: int) -> None:
        """Wait until a socket that was accepted and refused is gone, for some seconds at most: so long it has its place.

        uvicorn tells its own close, of this code, as if the client had left.
        """
        if self.place is not None:
            try:
                await read_on(receive, GONE, echo=code)
            finally:
                self.place.free()

    async def send_after_accept(self, message: Message) -> None:
        """An accept may still be on its way, and a server takes nothing else before it is done."""
        if self._accepting is not None:
            await asyncio.wait({self._accepting})
        await self.send(message)


async def read_on(receive: Receive, seconds: float, echo: int | None = None) -> None:
    """Take what the client had still sent, until it is gone or so many seconds are over.

    A disconnect of the code `echo` that is there at once has not come from the client: nothing does without a turn of the
    loop.
    """
    with contextlib.suppress(Exception):  # TimeoutError among them
        async with asyncio.timeout(seconds):
            while True:
                turned = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_soon(turned.set_result, None)
                message = await receive()
                if message["type"] == "websocket.disconnect" and (turned.done() or message.get("code") != echo):
                    return


async def keep_back(connection: Connection, message: Message) -> None:
    """Keep a message until it may be delivered; for later, where the application gives up waiting meanwhile."""
    reader, connection._reader = connection._reader, None
    if message["type"] == "websocket.disconnect":
        return
    try:
        await connection._look(reader)
    except asyncio.CancelledError:
        if connection._ended is None:
            connection._receive = put_back(message, connection._receive)
        raise


def put_back(message: Message, receive: Receive) -> Receive:
    """Return what receives this message, and then as before."""
    kept = [message]

    async def receive_again() -> Message:
        return kept.pop() if kept else await receive()

    return receive_again
