"""Every ordering of what can happen to a connection, played against the real middleware.

The events: the application (A) accepts, (S) sends, (C) closes, (R) receives; the client (c) sends a message, (L) leaves;
(D) the deadline passes, (E) somebody ends the connection from its own loop, (T) from another thread. Where a store vouches
for the identity: (K) it is asked again and finds it good, (X) finds it gone, (V) somebody revokes it from its own loop, (W)
from another thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count, permutations, product
from typing import Any

import pytest
from fakes import (
    ACCEPT,
    BODY,
    CLOSE,
    CONNECT,
    DISCONNECT,
    PAGE,
    RECEIVE,
    SEND,
    START,
    FakeServer,
    FakeTimeLoop,
    IllegalMessage,
    outside_the_loop,
    turns,
    turns_until,
    websocket_scope,
)

from wsauth import (
    Connection,
    ConnectionEnded,
    FirstMessage,
    Header,
    Identity,
    InvalidCredentials,
    Policy,
    Reason,
    SecurityScheme,
    WebSocketAuthMiddleware,
)
from wsauth.asgi import lease, rechecks

PEERS = count()  # refusals are rationed by peer
EVENTS = "ASCRcLDET"
ENDS = frozenset("DETXVW")
DEADLINE = 2.0  # seconds: more than the grace after an end, less than the time that a lingering application has


class FromApplication(dict[str, Any]):
    """A message of the application's own: on the wire it can be told from the middleware's."""


@dataclass
class Puppet:
    """An application that does what the ordering says, each step in a task of its own or one after the other."""

    concurrent: bool
    stubborn: bool = False
    steps: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    connection: Connection | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    illegal: bool = False
    client_is_gone: bool = False
    was_cut: bool = False
    was_told_by_send: bool = False
    receiving: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.connection = scope["wsauth"]
        self.receive, self.send = receive, send
        try:
            while (step := await self.steps.get()) != "return":
                if self.concurrent:
                    if step != "R" or not self.receiving:
                        self.tasks.add(asyncio.create_task(self.do(step)))
                else:
                    await self.do(step)
            if self.stubborn:
                await asyncio.get_running_loop().create_future()
            for task in self.tasks:
                await task
            while DISCONNECT not in [message["type"] for message in self.seen]:
                await self.do("R")
        except asyncio.CancelledError:
            self.was_cut = True
            raise
        finally:
            unfinished = [task for task in self.tasks if not task.done()]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            for task in self.tasks:
                task.cancelled() or task.exception()

    async def do(self, step: str) -> None:
        try:
            if step == "R":
                await self.do_receive()
            else:
                await self.send(FromApplication(MESSAGES[step]))
        except (
            IllegalMessage,
            AssertionError,
            RuntimeError,
        ):  # from the server, or from wsauth where it plays the server
            self.illegal = True
        except ConnectionEnded:
            self.was_told_by_send = True
            raise
        except OSError:
            self.client_is_gone = True

    async def do_receive(self) -> None:
        if self.seen and self.seen[-1]["type"] == DISCONNECT:
            return
        self.receiving = True
        try:
            message = await self.receive()
        finally:
            self.receiving = False
        self.seen.append(message)
        if self.connection.ended and message["type"] == RECEIVE:
            self.late.append(message)


MESSAGES = {
    "A": {"type": ACCEPT},
    "S": {"type": SEND, "text": "news"},
    "C": {"type": CLOSE, "code": 4000, "reason": "enough"},
}


@dataclass(frozen=True)
class Variant:
    """How server, client and application are, while the events are played."""

    name: str
    concurrent: bool = True
    gap: int = 1  # turns of the loop between two events
    slow: int = 0
    page: bool = False
    first_message: bool = False
    stubborn: bool = False
    hangs: frozenset[str] = frozenset()
    store: int | None = None  # turns of the loop until the store has answered, where there is one
    server: dict[str, Any] = field(default_factory=dict)


class Recording(FakeServer):
    """Notes every message of the application that is sent on after the end."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.puppet: Puppet | None = None
        self.late: list[Any] = []

    async def send(self, message: Any) -> None:
        connection = self.puppet and self.puppet.connection
        if isinstance(message, FromApplication) and connection and connection.ended:
            self.late.append(message)
        await super().send(message)


async def verify(credentials: Any) -> Identity:
    return Identity("alice", expires_at=DEADLINE)


class Ledger:
    """A store that knows one session, until it is told that it is gone."""

    stateful = True

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self.is_gone = False

    async def verify(self, credentials: Any, handshake: Any) -> Identity:
        return await verify(credentials)

    async def recheck(self, identities: Any) -> Any:
        is_gone = self.is_gone
        await turns(self.delay)
        finding = InvalidCredentials("gone", Reason.REVOKED) if is_gone else Identity("alice", expires_at=DEADLINE)
        return [finding] * len(identities)


def _middleware(first_message: bool, verifier: Any) -> tuple[WebSocketAuthMiddleware, Policy]:
    location = FirstMessage() if first_message else Header("x-key")
    policy = Policy([SecurityScheme("key", location, verifier)], recheck_every=600, max_pending=10**6)
    return WebSocketAuthMiddleware(lambda scope, *rest: scope["app"](scope, *rest), policy, clock=lambda: 0.0), policy


class Player:
    """Plays one ordering after the other on the running loop, and checks each."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self.ledger = Ledger(variant.store or 0)
        verifier = verify if variant.store is None else self.ledger
        self.middleware, self.policy = _middleware(variant.first_message, verifier)
        self.loop = asyncio.get_running_loop()
        assert isinstance(self.loop, FakeTimeLoop)
        self.here = asyncio.current_task()

    async def play(self, events: Iterable[str]) -> None:
        variant = self.variant
        self.ledger.is_gone = False
        server = Recording(slow=variant.slow, hangs=variant.hangs, **variant.server)
        puppet = server.puppet = Puppet(variant.concurrent, variant.stubborn)
        scope = websocket_scope(
            server, origin=PAGE if variant.page else None, client=(f"peer {next(PEERS)}", 1), app=puppet
        )
        scope["headers"].append((b"x-key", b"secret"))
        running = server.start(self.middleware, scope)
        if variant.first_message:
            server.client_sends('{"type": "auth", "token": "secret"}')
        for _ in range(4 + 2 * variant.slow):
            await asyncio.sleep(0)
        assert puppet.connection is not None
        for event in events:
            self.happens(event, server, puppet)
            for _ in range(variant.gap):
                await asyncio.sleep(0)
        puppet.steps.put_nowait("return")
        await turns(3 if variant.store is None else 8 + 3 * variant.store)  # at the deadline the store is asked
        if not puppet.connection.ended:
            server.client_leaves()
            self._tell_of_its_own_close(server)
        await turns_until(running.done, 20)
        if not running.done():
            await asyncio.wait([running], timeout=60)
        assert running.done(), "the application is still there"
        if variant.store is not None:
            await turns(variant.store + 2)  # for a look that was under way to be given up
        self.check(server, puppet, events, running)

    def _tell_of_its_own_close(self, server: Recording) -> None:
        """A server that told the application nothing of that would let it wait for ever, with or without us."""
        if server.state == "closed" and DISCONNECT not in [message["type"] for message in server.inbox]:
            server._put({"type": DISCONNECT, "code": 1005})

    def happens(self, event: str, server: Recording, puppet: Puppet) -> None:
        if event in "ASCR":
            puppet.steps.put_nowait(event)
        elif event == "c":
            server.client_sends("hello")
        elif event == "L":
            server.client_leaves()
        elif event == "D":
            self.loop.advance(DEADLINE + 0.1)
        elif event == "E":
            puppet.connection.end(Reason.REVOKED)
        elif event in "KX":
            self.ledger.is_gone |= event == "X"
            self.policy.connections.recheck_now(subject="alice")
        elif event == "V":
            self.policy.connections.revoke_now(subject="alice")
        elif event == "W":
            outside_the_loop(lambda: self.policy.connections.revoke_now(subject="alice"))
        else:
            outside_the_loop(lambda: puppet.connection.end(Reason.REVOKED))

    def check(self, server: Recording, puppet: Puppet, events: Iterable[str], running: asyncio.Task[None]) -> None:
        assert not running.cancelled()
        assert running.exception() is None, repr(running.exception())
        # One answer, one close, and nothing after it
        types = server.types()
        assert sum(kind in (CLOSE, START) for kind in types) <= 1
        assert not {CLOSE, START} & set(types) or types[-1] in (CLOSE, BODY)
        assert types.count(ACCEPT) <= 1
        assert server.late == [], "a message of the application reached the server after the end"
        assert server.illegal == [] or puppet.illegal
        # The application: connect, messages, disconnect
        seen = [message["type"] for message in puppet.seen]
        assert puppet.was_cut or puppet.was_told_by_send or seen[-1] == DISCONNECT
        assert not puppet.was_cut or puppet.stubborn or self.variant.hangs
        assert not puppet.was_told_by_send or "D" in events, "raised within the grace"
        assert seen in (
            [],
            [CONNECT],
            [CONNECT, *[RECEIVE] * (len(seen) - 2), DISCONNECT],
            [CONNECT, *[RECEIVE] * (len(seen) - 1)],
        )
        assert puppet.late == [], "a message of the client reached the application after the end"
        self.check_end(server, puppet, set(events))
        # Nothing stays
        assert len(self.policy.connections) == 0
        assert len(self.middleware._pending) == 0
        assert asyncio.all_tasks() == {self.here}
        assert self.loop.timers() == []
        assert (lease._agendas, rechecks._in_use) == ({}, {})

    def check_end(self, server: Recording, puppet: Puppet, events: set[str]) -> None:
        """Whoever ended it, client and application hear the same code."""
        connection = puppet.connection
        if not events & {"L", "C"} and not self.variant.hangs:
            assert connection.ended is bool(events & ENDS)
        if not connection.ended:
            return
        code = connection._ended.refusal.code
        if not events & {"L", "C"} and not self.variant.hangs:
            possible = {4440} if "D" in events else set()
            possible |= {4410} if events & ENDS - {"D"} or not possible else set()
            assert code in possible
        if server.state != "left" and not server.raises and not self.variant.hangs:
            heard = server.wire[-1].get("code") if server.types()[-1] == CLOSE else None
            assert heard == code or (heard is None and server.status == 401)
        assert {message["code"] for message in puppet.seen if message["type"] == DISCONNECT} <= {code}


def orderings(length: int, events: str = EVENTS) -> list[str]:
    """Every ordering of at most `length` different events."""
    return ["".join(chosen) for count in range(1, length + 1) for chosen in permutations(events, count)]


def sequences(length: int) -> list[str]:
    """Every sequence of `length` events, which may repeat. Time passes once."""
    return ["".join(events) for events in product(EVENTS, repeat=length) if events.count("D") <= 1]


def ended(length: int) -> list[str]:
    """Every ordering in which the connection is ended from outside, and by nobody else."""
    return [events for events in orderings(length) if set(events) & set("ETD") and not set(events) & set("LC")]


PLAYS = [
    (Variant("each step in a task, slow sends", slow=2), orderings(4)),
    (Variant("store that finds it gone, slow sends", slow=2, store=0), orderings(5, "ASCRLDXV")),
    (Variant("store that takes its time, slow sends", slow=2, store=3), orderings(4, "ASCRLDKXW")),
    (Variant("store, step after step", slow=2, store=3, concurrent=False), orderings(4, "ASCRLDKXV")),
    (Variant("store, no turn between", gap=0, store=2), orderings(4, "ASRLDKXVW")),
    (Variant("store, page", page=True, slow=1, store=1), orderings(3, "ASCRcLDKXVWET")),
    (Variant("each step in a task", gap=0), orderings(4)),
    (Variant("one step after the other", concurrent=False), orderings(3)),
    (Variant("one step after the other, slow sends", concurrent=False, slow=3), orderings(4)),
    (Variant("the same event again", slow=1), sequences(3)),
    (Variant("page", page=True), orderings(3)),
    (Variant("page, slow sends", page=True, slow=2), orderings(4)),
    (Variant("page, slow sends, no turn between", page=True, slow=2, gap=0), orderings(3)),
    (Variant("first message", first_message=True, slow=1), orderings(4)),
    (Variant("first message, no turn between", first_message=True, gap=0, concurrent=False), orderings(3)),
    (Variant("no HTTP", server={"http": False}), orderings(3)),
    (Variant("server that wakes nobody", slow=1, server={"wakes": False}), orderings(4)),
    (Variant("server that swallows the wake", slow=1, server={"swallows_cancel": True}), orderings(3)),
    (Variant("both", server={"swallows_cancel": True, "wakes": False}), orderings(3)),
    (Variant("server that is silent when the client has left", slow=2, server={"deaf": True}), orderings(3)),
    (Variant("application that never returns", stubborn=True, slow=1), ended(4)),
    (Variant("one that never returns, step after step", stubborn=True, slow=1, concurrent=False), ended(4)),
    (Variant("client that never reads", hangs=frozenset({SEND, CLOSE}), concurrent=False), ended(4)),
    (Variant("accept that hangs", hangs=frozenset({ACCEPT}), concurrent=False), orderings(3)),
    (Variant("close that raises", server={"raises": {CLOSE: AssertionError()}}), orderings(3)),
]


@pytest.mark.parametrize(("variant", "plays"), [pytest.param(v, plays, id=v.name) for v, plays in PLAYS])
async def test_every_ordering_ends_in_one_close(variant: Variant, plays: list[str]) -> None:
    """One answer, one close, nothing after it; connect, messages, disconnect; and nothing stays behind."""
    player = Player(variant)
    for events in plays:
        try:
            await player.play(events)
        except BaseException as error:
            error.add_note(f"ordering {events} of {variant}")
            raise
