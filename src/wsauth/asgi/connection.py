"""One WebSocket, from the opening handshake to its close, with wsauth between server and application. The rules:

1. One close, and nothing after it. The close has reached the server before the application's return does.
2. An end from outside wakes an application that waits in `receive`: servers do not (granian), or tell it 1000 (hypercorn).
3. The application always gets `websocket.connect`, then its messages, then `websocket.disconnect`.
4. After the end `send` is dropped for a moment, so that a handler can finish and read its disconnect; then it raises.
5. An application that does not return a few seconds after the end is cancelled.

Whose the connection is, and until when, is the business of its lease (`lease`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from wsauth.asgi import log
from wsauth.asgi.answer import Answer
from wsauth.asgi.ended import Ended
from wsauth.asgi.lease import Lease
from wsauth.asgi.refusal import Delivery, Refusal
from wsauth.asgi.running import Running, comes_of_the_end
from wsauth.asgi.scope import refresh
from wsauth.asgi.types import passes_for_async
from wsauth.asgi.wire import Phase, keep_back, read_on
from wsauth.core.errors import ConnectionEnded
from wsauth.core.events import Event, EventKind, emit, subject_hash
from wsauth.core.locations import Subprotocol
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wsauth.asgi.pending import Pending, Place
    from wsauth.asgi.types import ASGIApp, Message, Receive, Scope
    from wsauth.asgi.wire import Wire
    from wsauth.core.handshake import Handshake
    from wsauth.core.identity import Identity
    from wsauth.core.scheme import SecurityScheme
    from wsauth.policy import Policy


CLOSED = float("-inf")  # in the loop's time
LINGER = 3.0  # seconds after the end until an application that has not returned is cancelled
READ_ON = 0.5  # seconds to read on after the close; hypercorn hears no close behind more messages than its queue holds
CLOSE_TIMEOUT = 6.0  # seconds to wait for the close to reach the server; above SEND_TIMEOUT


class Connection:
    """One live connection. `identity` is who it belongs to; `end` closes it, from any thread.

    `handshake` and `server_scope` hold credentials. They are there for nested policies, until the application accepts;
    so is `answer`, which is what the application may still answer to the handshake. `policies` are those that admitted it,
    the outermost first, `scopes` those of the application that say whose it is.
    """

    __slots__ = (
        "__weakref__",
        "_admitted_at",
        "_clock",
        "_closing",
        "_connect",
        "_decides",
        "_delivery",
        "_ended",
        "_id",
        "_open_until",
        "_reader",
        "_receive",
        "_running",
        "_send",
        "_warning",
        "_was_waiting",
        "_wire",
        "_woken",
        "answer",
        "handshake",
        "lease",
        "loop",
        "policies",
        "scopes",
        "server_scope",
    )

    def __init__(
        self,
        handshake: Handshake,
        scope: Scope,
        receive: Receive,
        wire: Wire,
        policy: Policy,
        pending: Pending,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._id = ""
        self.policies: list[Policy] = []
        self.scopes: tuple[Scope, ...] = ()
        self.handshake: Handshake | None = handshake
        self.server_scope: Scope | None = scope
        self.answer: Answer | None = Answer(handshake.subprotocols or ())
        self.loop = asyncio.get_running_loop()
        self._open_until = CLOSED
        self.lease = Lease(self, self.loop, wall)
        self._admitted_at: float | None = None  # in the loop's time
        self._receive = receive
        self._connect: Message | None = None
        self._wire = wire
        self._decides = policy, pending
        self._delivery: Delivery | None = None
        self._send = wire.send
        # What the loop's own clock is, without the call around it: it is read for every message.
        self._clock = time.monotonic if type(self.loop).time is asyncio.BaseEventLoop.time else self.loop.time
        self._ended: Ended | None = None
        self._closing: asyncio.Task[None] | None = None
        self._warning: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[object] | None = None
        self._was_waiting = False  # in `receive`, when the end came
        self._woken: asyncio.Task[object] | None = None
        self._running = Running()

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self._wire.phase.value} of {self.identity!r}>"

    @property
    def id(self) -> str:
        """A short name for logs and events."""
        if not self._id:
            self._id = secrets.token_hex(4)
        return self._id

    @property
    def ended(self) -> bool:
        """Whether wsauth has closed or refused it."""
        return self._ended is not None

    @property
    def is_accepted(self) -> bool:
        """Whether the application has accepted it, and nobody has closed it."""
        return self._wire.phase is Phase.OPEN and self.answer is None

    @property
    def identity(self) -> Identity:
        """Who it belongs to, as it stands now."""
        return self.lease.identity

    @property
    def scheme(self) -> SecurityScheme | None:
        """The scheme that decided; None for an anonymous identity."""
        return self.lease.scheme

    def emit(self, kind: EventKind, reason: Reason | None = None, seconds: float = 0.0) -> None:
        """Tell the sinks of the outermost policy, whose events are the connection's whole life.

        A nested policy's are told only of what that policy refuses.
        """
        if self.policies and (sinks := self.policies[0].events):
            subject = subject_hash(self.identity.subject, self.identity.issuer)
            emit(sinks, Event(kind, reason, self.identity.scheme, subject, self.id, seconds))

    def release(self) -> None:
        """Leave nothing behind: no registry entry, no timer, no task."""
        self.lease.release()
        if self._warning is not None and not self.loop.is_closed():
            self._warning.cancel()
        if self._admitted_at is not None:
            began, self._admitted_at = self._admitted_at, None
            self.emit(EventKind.CLOSED, self._ended.refusal.reason if self._ended else None, self._clock() - began)

    # Ending

    def end(self, reason: Reason) -> None:
        """Close the connection now. May be called from any thread and any event loop, and more than once."""
        try:
            here = asyncio.get_running_loop() is self.loop
        except RuntimeError:
            here = False
        if here:
            self.expire(reason)
            return
        try:
            self.loop.call_soon_threadsafe(self.expire, reason)
        except RuntimeError:  # the loop is closed, and every connection of it
            self.release()

    def warn(self, text: str) -> None:
        """Send the client of an accepted connection a message that is not the application's."""
        if self._warning is not None:
            self._warning.cancel()
        self._warning = self.loop.create_task(self._wire.tell(text))

    def expire(self, reason: Reason) -> None:
        """Close the connection now; on its own event loop only."""
        if self._ended is None and self._wire.phase is not Phase.CLOSED:
            self.close(reason)
            self.wake()

    def close(self, reason: Reason) -> None:
        """Send the close, on its own event loop only. The application goes on waiting until `wake`."""
        if self._ended is None and self._wire.phase is not Phase.CLOSED:
            self._ended = Ended(self.delivery.refusal(reason), self.loop)  # first: a sink may ask for the same again
            log.closing(self.id, reason)
            if self._admitted_at is not None:
                kind = EventKind.EXPIRED if reason is Reason.EXPIRED else EventKind.REVOKED
                self.emit(kind, reason, self._clock() - self._admitted_at)
            self._begin_close(self._ended.refusal)

    def wake(self) -> None:
        """Bring an application that waits in `receive` its disconnect, if wsauth has closed; cancel one that stays."""
        if self._ended is not None:
            self._ended.release()
            self._wake()
            self._running.stop_after(LINGER)

    async def refuse(self, refusal: Refusal) -> None:
        """Refuse the handshake, or close where it is accepted already. The answer has reached the server on return."""
        if self._wire.phase is not Phase.CLOSED:
            self._ended = Ended(refusal, self.loop, is_released=True)
            await asyncio.wait({self._begin_close(refusal)})
            self._wake()  # granian never tells the application of a refusal that is not its own

    def hold(self, place: Place) -> None:
        """It was accepted and is refused, and has this place among the pending until it is gone."""
        self._wire.place = place

    async def see_off(self) -> None:
        """Wait until a client that was accepted and refused is gone, for some seconds at most."""
        if self._ended is not None:
            await self._wire.see_off(self._receive, self._ended.refusal.code)

    def keep_open(self) -> None:
        """Let messages pass from the accept on, as long as the lease does. One number: it is looked at for each message."""
        self._open_until = self.lease.passes_until if self._ended is None and self.answer is None else CLOSED

    def _begin_close(self, refusal: Refusal) -> asyncio.Task[None]:
        """In a task of its own: a handler that is cancelled half-way must not leave half a refusal."""
        self._open_until = CLOSED
        self._closing = self.loop.create_task(self._wire.close(refusal, self.delivery))
        self.release()
        return self._closing

    def _closed(self) -> None:
        """The application closed, or the client left: there is nothing more to end."""
        self._wire.phase = Phase.CLOSED
        self.release()

    def _wake(self) -> None:
        if self._reader is not None:
            self._was_waiting = True
            self._woken = self._reader
            self._reader.cancel()

    # Before the application runs

    async def begin(self) -> bool:
        """Take the server's `websocket.connect`. False: the client has left already."""
        connect = self._connect = await self._receive()
        return bool(connect["type"] == "websocket.connect")

    def admitted(self, policy: Policy, scheme: SecurityScheme | None, seconds: float) -> None:
        """A policy has let it in, by this scheme. It took so many seconds to decide."""
        self.policies.append(policy)
        if self.answer is not None and scheme is not None and isinstance(scheme.location, Subprotocol):
            self.answer.marker = scheme.location.marker
        if self._admitted_at is None:
            self._admitted_at = self._clock()
            self.emit(EventKind.ACCEPTED, seconds=seconds)

    def refresh_scopes(self, before: Identity) -> None:
        """Let them say who this is now, in place of `before`."""
        for scope in self.scopes:
            refresh(scope, self.identity, before)

    @property
    def delivery(self) -> Delivery:
        """How a refusal reaches this client, by the policy that decides at the moment."""
        if self._delivery is None:
            self._delivery = Delivery.to(self.handshake, self.server_scope, *self._decides)
        return self._delivery

    def decided_by(self, policy: Policy, pending: Pending) -> None:
        """From now on this policy decides, and says how refusals are delivered."""
        self._decides, self._delivery = (policy, pending), None

    async def accept_for_application(self, subprotocol: str | None) -> None:
        """Accept before the application exists, for a first message. Its own accept will be absorbed."""
        if self.answer is None or self._wire.phase is Phase.CLOSED:
            raise ConnectionEnded("the connection ended before its first message")
        self.answer.is_accepted = True
        self.answer.offered = (subprotocol,) if subprotocol else ()
        await self._wire.accept({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})

    async def receive_first(self) -> Message:
        """Receive a message that is for wsauth and not for the application."""
        connect, self._connect = self._connect, None
        try:
            return await self.receive()
        finally:
            self._connect = connect

    # What the application sees

    async def run(self, application: ASGIApp) -> None:
        """Run the application to its end. What it raises because the connection was ended goes no further."""
        try:
            with self._running:
                await application(self.scopes[0], self.receive, self.send)
            if self.answer is not None and self.answer.is_accepted:  # it gave none, which a server refuses
                self.release()
                await self.refuse(self.delivery.refusal(Reason.FORBIDDEN))
        except Exception as error:
            if self._ended is None or not comes_of_the_end(error):
                raise
            log.logger.debug("connection %s: the application left with %s", self.id, type(error).__name__)
        finally:
            self._closed()  # an end that comes now is too late
            self.handshake = self.server_scope = None  # of a connection that was never accepted
            if self._closing is not None:
                await asyncio.wait({self._closing}, timeout=CLOSE_TIMEOUT)
        if self._closing is not None and self.answer is None and not self._was_waiting:
            await read_on(self._receive, READ_ON)

    async def receive(self) -> Message:
        if self._connect is not None:
            message, self._connect = self._connect, None
            return message
        if self._ended is not None:
            return await self._ended.receive()
        task = self._reader = asyncio.current_task(self.loop)  # naming the loop makes it three times as fast
        assert task is not None
        before = task.cancelling()
        try:
            message = await self._receive()
            if self._clock() >= self._open_until:
                await keep_back(self, message)
        except asyncio.CancelledError:
            if self._ended is None or self._woken is not task or task.cancelling() > before + 1:
                raise
            return self._ended.disconnect()
        finally:
            self._reader = None
            if self._woken is task:
                self._woken = None
                task.uncancel()
        has_left = message["type"] == "websocket.disconnect"
        if self._ended is not None:
            self._was_waiting |= has_left  # and there is nothing more to read
            return await self._ended.receive()
        if has_left:
            self._closed()
        return message

    @passes_for_async
    def send(self, message: Message) -> Awaitable[None]:
        """Send as the server does; not a coroutine around its own, for that is half of what a message would cost."""
        if self._clock() < self._open_until:
            if message["type"] == "websocket.close":
                self._closed()
            return self._send(message)
        return self._send_in_time(message)

    async def _send_in_time(self, message: Message) -> None:
        if (ended := await self._look()) is not None:
            await ended.send(message)
        elif self.answer is not None:
            await self._send_answer(self.answer, message)
        else:
            if message["type"] == "websocket.close":
                self._closed()
            await self._send(message)

    async def _look(self, reader: asyncio.Task[object] | None = None) -> Ended | None:
        """Look at the clock too: where an application starves the event loop, no timer fires. The end wakes `reader`."""
        while self._ended is None and (held := self.lease.hold()) is not None:
            self._reader = reader or self._reader
            await asyncio.wait({held})
            self._reader = None if reader else self._reader
        self.keep_open()
        return self._ended

    async def _send_answer(self, answer: Answer, message: Message) -> None:
        is_accept = message["type"] == "websocket.accept"
        is_usual = is_accept and not answer.is_accepted
        delivered = answer.accept(message) if is_usual else answer.to(message, self.delivery)
        if is_accept:
            self.answer = self.handshake = self.server_scope = None
            self.keep_open()
        if isinstance(delivered, Refusal):
            self.release()  # first: it is over because the application says so, and not wsauth
            await self.refuse(delivered)
        elif delivered is None:
            return
        elif is_accept:
            await self._wire.accept(delivered)
        else:
            if delivered["type"] in ("websocket.close", "websocket.http.response.start"):
                self._closed()
            await self._wire.send(delivered)
