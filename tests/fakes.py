"""What tests of the middleware run against: a loop whose time is told, a strict server, and small applications."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from wsauth import (
    Connection,
    Credentials,
    Header,
    Identity,
    InvalidCredentials,
    Policy,
    Reason,
    SecurityScheme,
    WebSocketAuthMiddleware,
)
from wsauth.asgi.types import ASGIApp, Message, Receive, Scope, Send

CONNECT = "websocket.connect"
RECEIVE = "websocket.receive"
DISCONNECT = "websocket.disconnect"
ACCEPT = "websocket.accept"
SEND = "websocket.send"
CLOSE = "websocket.close"
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: when nothing is ready, its clock jumps to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__()
        self._clock_resolution = 1e-6
        self._waiting, self._selector.select = self._selector.select, self._select  # type: ignore[has-type]

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass without a turn of the loop, as when a handler computes for long."""
        self.now += seconds

    def timers(self) -> list[asyncio.TimerHandle]:
        return [handle for handle in self._scheduled if not handle.cancelled()]

    def _select(self, timeout: float | None) -> Any:
        if timeout is None:  # only another thread can go on
            events = self._waiting(0.5)
            if not events:
                raise RuntimeError("everybody waits, and nothing will ever happen")
            return events
        events = self._waiting(0)
        if not events:
            self.now += timeout
        return events


def left_behind() -> list[object]:
    """Tasks and timers of the running loop, other than the caller."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FakeTimeLoop)
    return [*(asyncio.all_tasks() - {asyncio.current_task()}), *loop.timers()]


async def turns(count: int = 8) -> None:
    """Let everybody else go on for some turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def turns_until(condition: Callable[[], bool], most: int = 100) -> None:
    """Let everybody else go on until the condition holds, for some turns at most."""
    for _ in range(most):
        if condition():
            return
        await asyncio.sleep(0)


def in_a_thread(function: Callable[[], object]) -> None:
    """Call it in another thread, and return when it has returned."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def outside_the_loop(function: Callable[[], object]) -> None:
    """Call it as another thread would, where no loop runs; a hundred times faster than a thread."""
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        function()
    finally:
        asyncio._set_running_loop(loop)


class IllegalMessage(Exception):
    """What a server raises for a message that its state does not allow."""


class FakeServer:
    """The server side of one WebSocket.

    `wire` is what the client got. Whatever is illegal in its state raises IllegalMessage and stands in `illegal`. A send
    takes `slow` turns of the loop before it is on the wire, in the order of the calls. `wakes` is whether a waiting
    application is told of a close of its own side, `swallows_cancel` what hypercorn does, `hangs` the message types whose
    send never returns, `raises` what the send of a type raises; `deaf` a server that says nothing about a client that has
    left or answered a close.
    """

    def __init__(
        self,
        *,
        http: bool = True,
        slow: int = 0,
        wakes: bool = True,
        swallows_cancel: bool = False,
        deaf: bool = False,
        hangs: Iterable[str] = (),
        raises: Mapping[str, Exception] | None = None,
    ) -> None:
        self.http = http
        self.slow = slow
        self.wakes = wakes
        self.swallows_cancel = swallows_cancel
        self.deaf = deaf
        self.hangs = frozenset(hangs)
        self.raises = dict(raises or {})
        self.state = "connecting"
        self.wire: list[Message] = []
        self.calls: list[Message] = []
        self.illegal: list[tuple[str, str]] = []
        self.inbox: deque[Message] = deque([{"type": CONNECT}])
        self.returned = False  # set by `serve`
        self._reader: asyncio.Future[None] | None = None
        self._queue: deque[asyncio.Future[None]] = deque()

    # The client

    def client_sends(self, text: str = "", **message: Any) -> None:
        if self.state not in ("closed", "left"):
            self._put({"type": RECEIVE, "text": text, **message})

    def client_leaves(self, code: int = 1001) -> None:
        if self.state not in ("closed", "left"):
            self.state = "left"
            self._put({"type": DISCONNECT, "code": code, "reason": ""})

    def _put(self, message: Message) -> None:
        self.inbox.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # What the application sees

    async def receive(self) -> Message:
        while not self.inbox:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            except asyncio.CancelledError:
                if not self.swallows_cancel:
                    raise
                return {"type": DISCONNECT, "code": 1000}
            finally:
                self._reader = None
        return self.inbox.popleft()

    async def send(self, message: Message) -> None:
        kind = message["type"]
        self.calls.append(message)
        if self.state == "left" and not self.returned:
            if self.deaf:
                return
            raise OSError("the client has left")
        self._check(message)
        self.state = {ACCEPT: "accepting", SEND: self.state, START: "responding"}.get(kind, "closed")
        if kind == BODY and message.get("more_body"):
            self.state = "responding"
        if kind in self.raises:
            raise self.raises[kind]
        await self._put_on_the_wire(message)

    def _check(self, message: Message) -> None:
        kind, state = message["type"], "returned" if self.returned else self.state
        legal = kind in _LEGAL.get(state, ()) and (self.http or kind != START)
        if kind == CLOSE and state == "open":
            legal &= 3000 <= message.get("code", 1000) <= 4999 or message["code"] == 1000
            legal &= len((message.get("reason") or "").encode()) <= 123
        if not legal:
            self.illegal.append((state, kind))
            raise IllegalMessage(f"{kind} while {state}")

    async def _put_on_the_wire(self, message: Message) -> None:
        kind = message["type"]
        try:
            if kind in self.hangs:
                await asyncio.get_running_loop().create_future()
            if self.slow or self._queue:
                await self._in_turn()
        finally:
            if self.state == "accepting":  # also where the wait for it was given up
                self.state = "open"
        if self.state == "left":
            return
        self.wire.append(message)
        if self.state == "closed" and self.wakes:
            self._put({"type": DISCONNECT, "code": message.get("code", 1006), "reason": ""})
            if (
                ACCEPT in [call["type"] for call in self.calls] and not self.deaf
            ):  # and again, as uvicorn does, when the client has answered
                asyncio.get_running_loop().call_soon(self._put, {"type": DISCONNECT, "code": 1005})

    async def _in_turn(self) -> None:
        """Take some turns of the loop, after every earlier send has taken its own."""
        before = self._queue[-1] if self._queue else None
        done = asyncio.get_running_loop().create_future()
        self._queue.append(done)
        try:
            if before is not None:
                await asyncio.wait([before])
            for _ in range(self.slow):
                await asyncio.sleep(0)
        finally:
            self._queue.remove(done)
            done.set_result(None)

    # What the client saw

    def types(self) -> list[str]:
        return [message["type"] for message in self.wire]

    @property
    def code(self) -> int | None:
        """The close code that the client read: None where there was none, or it was not accepted before."""
        codes = [message.get("code", 1000) for message in self.wire if message["type"] == CLOSE]
        return codes[0] if codes and ACCEPT in self.types() else None

    @property
    def reason(self) -> str | None:
        reasons: list[str] = [message.get("reason", "") for message in self.wire if message["type"] == CLOSE]
        return reasons[0] if reasons else None

    @property
    def status(self) -> int | None:
        """The HTTP status that the client read: 403 for a close before accept, None where it was accepted."""
        for message in self.wire:
            if message["type"] == START:
                return int(message["status"])
            if message["type"] == ACCEPT:
                return None
        return 403 if self.wire else None

    def headers(self) -> dict[bytes, bytes]:
        return dict(next(message["headers"] for message in self.wire if message["type"] == START))

    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.wire if message["type"] == BODY)

    async def serve(self, app: ASGIApp, scope: Scope) -> None:
        """Run an application as servers do: what it sends after it has returned is illegal."""
        try:
            await app(scope, self.receive, self.send)
        finally:
            self.returned = True

    def start(self, app: ASGIApp, scope: Scope) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self.serve(app, scope))


_LEGAL = {
    "connecting": (ACCEPT, CLOSE, START),
    "open": (SEND, CLOSE),
    "responding": (BODY,),
}


def websocket_scope(server: FakeServer | None = None, *, origin: str | None = None, **entries: Any) -> dict[str, Any]:
    """Return the scope of a handshake. With `origin` it comes from a page, else from a native client."""
    headers = [(b"host", b"app.example.com"), *entries.pop("headers", ())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if protocols := entries.get("subprotocols"):
        headers.append((b"sec-websocket-protocol", ", ".join(protocols).encode()))
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/chat",
        "raw_path": b"/chat",
        "query_string": b"",
        "root_path": "",
        "subprotocols": [],
        "client": ("203.0.113.7", 50123),
        "server": ("127.0.0.1", 8000),
        "state": {},
        "extensions": {"websocket.http.response": {}} if server is None or server.http else {},
        **entries,
        "headers": headers,
    }


PAGE = "http://app.example.com"


class FakeApplication:
    """Base of small applications. `seen` is what it received, `error` what its sends or its run raised."""

    def __init__(self) -> None:
        self.calls = 0
        self.scope: Scope = {}
        self.seen: list[Message] = []
        self.error: BaseException | None = None
        self.running = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        self.scope = scope
        self.running = True

        async def recorded() -> Message:
            message = await receive()
            self.seen.append(message)
            return message

        try:
            await self.run(recorded, send)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.running = False

    async def run(self, receive: Receive, send: Send) -> None:
        """Accept and wait until it is over."""
        await receive()
        await send({"type": ACCEPT})
        while (await receive())["type"] != DISCONNECT:
            pass

    def types(self) -> list[str]:
        return [message["type"] for message in self.seen]

    @property
    def disconnect(self) -> Message:
        return self.seen[-1]


class Echo(FakeApplication):
    async def run(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": ACCEPT})
        while (message := await receive())["type"] != DISCONNECT:
            await send({"type": SEND, "text": message["text"]})


class PushOnly(FakeApplication):
    """Sends for ever, as a dashboard does, and never receives. `pause` is the seconds between; None starves the loop."""

    def __init__(self, pause: float | None = 0.1) -> None:
        super().__init__()
        self.pause = pause
        self.sent = 0

    async def run(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": ACCEPT})
        while True:
            await send({"type": SEND, "bytes": b"x" * 1024})
            self.sent += 1
            if self.pause is not None:
                await asyncio.sleep(self.pause)
            else:
                loop = asyncio.get_running_loop()
                assert isinstance(loop, FakeTimeLoop)
                loop.advance(0.01)


class NeverReturns(FakeApplication):
    async def run(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": ACCEPT})
        await asyncio.get_running_loop().create_future()


class Wraps(PushOnly):
    """Pushes until a send raises, and lets it out inside another exception, as frameworks do."""

    def __init__(self, wrap: Callable[[BaseException], Awaitable[None]]) -> None:
        super().__init__()
        self.wrap = wrap

    async def run(self, receive: Receive, send: Send) -> None:
        try:
            await super().run(receive, send)
        except OSError as error:
            await self.wrap(error)


class Answers(FakeApplication):
    """Answers the handshake with the given messages, then waits until it is over."""

    def __init__(self, *messages: Message) -> None:
        super().__init__()
        self.messages = messages

    async def run(self, receive: Receive, send: Send) -> None:
        await receive()
        for message in self.messages:
            await send(message)
        while (await receive())["type"] != DISCONNECT:
            pass


async def by_name(credentials: Credentials) -> Identity:
    """Believe everybody: the credential is the name."""
    return Identity(credentials.secret)


def named(location: Any = None, verifier: Any = by_name, name: str = "key") -> SecurityScheme:
    return SecurityScheme(name, location or Header("x-key"), verifier)


def knocking(server: FakeServer | None = None, *, key: str | None = "alice", **entries: Any) -> dict[str, Any]:
    """Return the scope of a client that presents `key` in a header."""
    scope = websocket_scope(server, **entries)
    if key is not None:
        scope["headers"].append((b"x-key", key.encode()))
    return scope


class Store:
    """A verifier that asks a store, and may be asked again.

    `expires` says until when (in the loop's time) the session of each name lasts; a name that is not in it has none. `asked`
    is who was asked about again, call by call. `delay` is how long an answer takes, `fails` what is raised instead of one,
    `findings` what is answered instead of the truth.
    """

    stateful = True

    def __init__(self, **expires: float | None) -> None:
        self.expires = expires
        self.asked: list[list[str]] = []
        self.at: list[float] = []
        self.delay = 0.0
        self.fails: BaseException | None = None
        self.findings: Any = None
        self.running = 0

    async def verify(self, credentials: Credentials, handshake: Any) -> Identity:
        return Identity(credentials.secret, expires_at=self.expires[credentials.secret])

    async def recheck(self, identities: Any) -> Any:
        assert self.running == 0, "asked twice at once"
        self.asked.append([identity.subject for identity in identities])
        self.at.append(asyncio.get_running_loop().time())
        self.running += 1
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.running -= 1
        if self.fails is not None:
            raise self.fails
        return [self._find(i.subject) for i in identities] if self.findings is None else self.findings(identities)

    def _find(self, name: str) -> Identity | InvalidCredentials:
        if name not in self.expires:
            return InvalidCredentials("no such session", Reason.REVOKED)
        return Identity(name, expires_at=self.expires[name])


class Opened:
    """A client that a policy has let in, with its server and application. See `opened`."""

    def __init__(self, server: FakeServer, app: FakeApplication, policy: Policy, task: asyncio.Task[None]) -> None:
        self.server = server
        self.app = app
        self.policy = policy
        self.task = task

    @property
    def connection(self) -> Connection:
        connection: Connection = self.app.scope["wsauth"]
        return connection

    async def over(self) -> None:
        """Wait until the server has the application back, and see that nothing of the connection is left."""
        await asyncio.wait([self.task])
        assert len(self.policy.connections) == 0
        assert self.server.illegal == []
        self.task.result()


async def opened(
    app: FakeApplication | None = None,
    server: FakeServer | None = None,
    policy: Policy | None = None,
    clock: Callable[[], float] = time.time,
    **entries: Any,
) -> Opened:
    server, app, policy = server or FakeServer(), app or Echo(), policy or Policy([named()])
    task = server.start(WebSocketAuthMiddleware(app, policy, clock=clock), knocking(server, **entries))
    await turns_until(lambda: app.running and server.state != "connecting")
    await turns(server.slow + 4)
    return Opened(server, app, policy, task)


async def knocked(
    policy: Policy, scope: Scope | None = None, server: FakeServer | None = None, app: FakeApplication | None = None
) -> tuple[FakeServer, FakeApplication]:
    """Let a client knock whose application, if it runs, refuses or whose policy does, and wait until it is over."""
    server, app = server or FakeServer(), app or FakeApplication()
    scope = knocking(server) if scope is None else scope
    await asyncio.wait_for(server.serve(WebSocketAuthMiddleware(app, policy), scope), 60)
    return server, app
