"""One WebSocket, from the opening handshake to its close, with wsauth between server and application. The rules:

1. One close, and nothing after it. The close has reached the server before the application's return does.
2. An end from outside wakes an application that waits in `receive`: servers do not (granian), or tell it 1000 (hypercorn).
3. The application always gets `websocket.connect`, then its messages, then `websocket.disconnect`.
4. After the end `send` is dropped for a moment, so that a handler can finish and read its disconnect; then it raises.
5. An application that does not return a few seconds after the end is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from enum import Enum
from typing import TYPE_CHECKING

from wsauth.asgi import refusal as refusals
from wsauth.asgi.refusal import Delivery, Refusal
from wsauth.core.errors import ConnectionEnded
from wsauth.core.identity import Identity
from wsauth.core.locations import Subprotocol
from wsauth.core.reasons import Reason
from wsauth.revocation.connections import Connections, Standing

if TYPE_CHECKING:
    from wsauth.asgi.types import ASGIApp, Message, Receive, Scope, Send
    from wsauth.core.decision import Allow
    from wsauth.core.handshake import Handshake
    from wsauth.core.scheme import SecurityScheme
    from wsauth.policy import Policy

logger = logging.getLogger("wsauth")

GRACE = 1.0  # seconds after the end in which a send is dropped before it raises
LINGER = 3.0  # seconds after the end until an application that has not returned is cancelled
CLOSE_TIMEOUT = 6.0  # seconds to wait for the close to reach the server; above SEND_TIMEOUT


class Phase(Enum):
    CONNECTING = "connecting"  # the application has not answered the handshake
    ACCEPTING = "accepting"  # its accept is on the way
    OPEN = "open"
    CLOSED = "closed"  # a close or a refusal was sent, or the client has left


class Connection:
    """One live connection. `identity` is who it belongs to; `end` closes it, from any thread."""

    __slots__ = (
        "__weakref__",
        "_application",
        "_connect",
        "_cut",
        "_deadline",
        "_delivery",
        "_ended",
        "_ended_at",
        "_limit",
        "_loop",
        "_marker",
        "_phase",
        "_reader",
        "_receive",
        "_registries",
        "_send",
        "_swallow_body",
        "_timer",
        "_wire",
        "_woken",
        "accepted_for_application",
        "handshake",
        "id",
        "identity",
        "offered",
        "policies",
        "policy",
        "scheme",
    )

    def __init__(
        self, handshake: Handshake, policy: Policy, delivery: Delivery, receive: Receive, send: Send, connect: Message
    ) -> None:
        self.id = secrets.token_hex(4)
        self.policy = policy
        self.policies = [policy]
        self.handshake: Handshake | None = handshake
        self.identity = Identity.anonymous()
        self.scheme: SecurityScheme | None = None
        self.offered: tuple[str, ...] = handshake.subprotocols or ()
        self._registries: list[Connections] = []
        self._delivery = delivery
        self._receive = receive
        self._send = send
        self._connect: Message | None = connect
        self._loop = asyncio.get_running_loop()
        self._phase = Phase.CONNECTING
        self.accepted_for_application = False  # the middleware accepted; the application's accept is still to come
        self._swallow_body = False
        self._marker: str | None = None
        self._deadline = float("inf")
        self._timer: asyncio.TimerHandle | None = None
        self._ended: Refusal | None = None
        self._ended_at = 0.0
        self._reader: asyncio.Task[object] | None = None
        self._application: asyncio.Task[object] | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._woken = False
        self._cut = False
        self._wire: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self._phase.value} of {self.identity!r}>"

    @property
    def ended(self) -> bool:
        return self._ended is not None

    # Ending

    def end(self, reason: Reason) -> None:
        """Close the connection now. May be called from any thread and any event loop, and more than once."""
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._end(reason)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed, and every connection of it
            self._loop.call_soon_threadsafe(self._end, reason)

    def end_after(self, seconds: float) -> None:
        """End as expired in `seconds`, unless it already ends earlier."""
        deadline = self._loop.time() + seconds
        if deadline < self._deadline:
            self._deadline = deadline
            self._cancel_timer()
            self._timer = self._loop.call_later(max(0.0, seconds), self._end, Reason.EXPIRED)

    def _end(self, reason: Reason) -> None:
        if self._ended is not None or self._phase is Phase.CLOSED:
            return
        self._ended = Refusal.of(reason, self.policy)
        self._ended_at = self._loop.time()
        logger.info("closing connection %s: %s", self.id, reason.text)
        if self._phase is not Phase.ACCEPTING:  # else the sender of the accept closes afterwards
            self._wire = self._loop.create_task(self._close())
        if self._reader is not None:
            self._woken = True
            self._reader.cancel()
        if self._application is not None:
            self._limit = self._loop.call_later(LINGER, self._cut_off)

    async def _close(self) -> None:
        assert self._ended is not None
        answered, self._phase = self._phase is Phase.OPEN, Phase.CLOSED
        if answered:
            await refusals.bounded(self._send, self._ended.close())
        else:
            await self._delivery.deliver(self._ended, self._send)

    def _cut_off(self) -> None:
        if self._application is not None:
            self._cut = True
            self._application.cancel()

    # Refusing

    async def refuse(self, refusal: Refusal) -> None:
        """Refuse the handshake, or close where it is accepted already."""
        if self._phase is Phase.CLOSED or self._ended is not None:
            return
        answered, self._phase = self._phase is Phase.OPEN, Phase.CLOSED
        if answered:
            await refusals.bounded(self._send, refusal.close())
        else:
            await self._delivery.deliver(refusal, self._send)

    # What the middleware does before the application runs

    async def accept_for_application(self, subprotocol: str | None) -> None:
        """Accept before the application exists, for a first message. Its own accept will be absorbed."""
        self._phase = Phase.ACCEPTING
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})
        self.accepted_for_application = True
        self._phase = Phase.OPEN
        self.offered = (subprotocol,) if subprotocol else ()

    async def receive_first(self) -> Message:
        """Receive a message that is for wsauth and not for the application."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._phase = Phase.CLOSED
        return message

    def belong_to(self, allow: Allow, connections: Connections, position: int) -> Standing:
        """Take the identity and register under it, here and with every outer policy, without an await between.

        `position` is the registry's, noted before the identity was verified.
        """
        positions = {registry: registry.position for registry in self._registries} | {connections: position}
        self.release()
        self.identity, self.scheme = allow.identity, allow.scheme
        if allow.scheme is not None and isinstance(allow.scheme.location, Subprotocol):
            self._marker = allow.scheme.location.marker
        self._registries = list(positions)
        stateful = allow.scheme is not None and allow.scheme.stateful
        found = {registry.open(self, at, stateful=stateful) for registry, at in positions.items()}
        return next(
            standing for standing in (Standing.REVOKED, Standing.LOOK_AGAIN, Standing.GOOD) if standing in found
        )

    def release(self) -> None:
        """Leave nothing behind: no registry entry, no timer."""
        for registry in self._registries:
            registry.close(self)
        self._registries = []
        self._cancel_timer()

    # What the application sees

    async def run(self, application: ASGIApp, scope: Scope) -> None:
        """Run the application to its end; when the connection was ended, keep what that made it raise from the server."""
        task = self._application = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        try:
            await application(scope, self.receive, self.send)
        except asyncio.CancelledError:
            if task.cancelling() > before + self._cut:
                raise
        except Exception as error:
            if self._ended is None or not _comes_of_the_end(error):
                raise
        finally:
            self._application = None
            if self._cut:
                task.uncancel()
            if self._limit is not None:
                self._limit.cancel()
            if self._wire is not None:
                await asyncio.wait({self._wire}, timeout=CLOSE_TIMEOUT)

    async def receive(self) -> Message:
        if self._connect is not None:
            message, self._connect = self._connect, None
            return message
        if self._is_over():
            return self._disconnect()
        task = self._reader = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if task.cancelling() > before + self._woken:
                raise
            return self._disconnect()
        finally:
            self._reader = None
            if self._woken:
                self._woken = False
                task.uncancel()
        if self._is_over():
            return self._disconnect()
        if message["type"] == "websocket.disconnect":
            self._phase = Phase.CLOSED
        return message

    async def send(self, message: Message) -> None:
        if self._is_over():
            await self._send_after_the_end(message)
        elif self._phase is Phase.OPEN and not self.accepted_for_application:
            if message["type"] == "websocket.close":
                self._phase = Phase.CLOSED
            await self._send(message)
        else:
            await self._send_answer(message)

    def _is_over(self) -> bool:
        """Look at the clock too: where an application starves the event loop, no timer fires."""
        if self._ended is None and self._loop.time() >= self._deadline:
            self._end(Reason.EXPIRED)
        return self._ended is not None

    def _disconnect(self) -> Message:
        assert self._ended is not None
        return {"type": "websocket.disconnect", "code": self._ended.code, "reason": self._ended.text}

    async def _send_after_the_end(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            return
        if self._loop.time() - self._ended_at < GRACE:
            await asyncio.sleep(0)
            return
        raise ConnectionEnded("wsauth has ended this connection; return after websocket.disconnect")

    # The application's answer to the handshake

    async def _send_answer(self, message: Message) -> None:
        kind = message["type"]
        if self._phase is Phase.CLOSED:
            if not (self._swallow_body and kind == "websocket.http.response.body"):
                await self._send(message)
        elif kind == "websocket.accept":
            await self._accept(message)
        elif kind in ("websocket.close", "websocket.http.response.start"):
            await self._refuse_for_application(message)
        else:
            await self._send(message)

    async def _accept(self, message: Message) -> None:
        self.handshake = None
        chosen = self._chosen(message.get("subprotocol"))
        if self.accepted_for_application:
            await self._absorb_accept(message, chosen)
            return
        if chosen != message.get("subprotocol"):
            message = {**message, "subprotocol": chosen}
        self._phase = Phase.ACCEPTING
        await self._send(message)
        if self._phase is Phase.ACCEPTING:
            self._phase = Phase.OPEN
            if self._ended is not None:
                self._wire = self._loop.create_task(self._close())

    def _chosen(self, subprotocol: str | None) -> str | None:
        """Never answer what the client did not offer (RFC 6455 §4.2.2): it would fail the connection."""
        if subprotocol is None or subprotocol in self.offered:
            return subprotocol or self._marker
        logger.warning("connection %s: the application chose a subprotocol that was not offered; not sent", self.id)
        return self._marker

    async def _absorb_accept(self, message: Message, chosen: str | None) -> None:
        self.accepted_for_application = False
        if message.get("headers"):
            logger.warning("headers of websocket.accept are lost: FirstMessage accepts before the application does")
        already = self.offered[0] if self.offered else None
        if message.get("subprotocol") not in (None, already):
            logger.error(
                "the application chose a subprotocol other than %r, which was accepted before the first message;"
                " name it first in Policy(subprotocols=...)",
                already,
            )
            await self.refuse(Refusal.of(Reason.FORBIDDEN, self.policy))

    async def _refuse_for_application(self, message: Message) -> None:
        refusal = refusals.of_application(message, self.policy)
        is_close = message["type"] == "websocket.close"
        ours = (
            self._phase is Phase.OPEN  # accepted for a first message
            or self._delivery.by_close_code(refusal.reason)
            or (is_close and refusal.listed and self._delivery.http)
        )
        if ours:
            self._swallow_body = not is_close
            await self.refuse(refusal)
        else:
            self._phase = Phase.CLOSED
            await self._send(message)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _comes_of_the_end(error: BaseException | None) -> bool:
    """Whether an exception is, or was raised because of, our ConnectionEnded."""
    seen: set[int] = set()
    stack = [error]
    while stack:
        found = stack.pop()
        if found is None or id(found) in seen:
            continue
        if isinstance(found, ConnectionEnded):
            return True
        seen.add(id(found))
        stack += [found.__cause__, found.__context__]
        if isinstance(found, BaseExceptionGroup):
            stack += found.exceptions
    return False
