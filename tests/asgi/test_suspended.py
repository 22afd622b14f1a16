"""A process that was suspended finds messages before it finds what was revoked meanwhile, and looks at the log first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakes import ACCEPT, RECEIVE, SEND, Echo, FakeApplication, Store, named, opened, turns, turns_until

from wsauth import Blind, Connections, Policy
from wsauth.asgi.lease import HOLD
from wsauth.revocation import blind, passage
from wsauth.revocation.blind import TICK
from wsauth.revocation.log import MemoryLog
from wsauth.revocation.record import Record, Verb

LIMIT = 60.0


def now() -> float:
    return asyncio.get_running_loop().time()


class Elsewhere(MemoryLog):
    """A log that another process writes to. It is read each second while it `answers`, and by who waits for it."""

    reaches_others = True

    def __init__(self) -> None:
        super().__init__()
        self.read_at = now()
        self.answers = True
        self.waits = 0
        self.written: list[Record] = []

    @property
    def silence(self) -> float:
        return now() - self.read_at

    def follow(self) -> None:
        if self.answers and self.silence >= TICK:
            asyncio.get_running_loop().call_soon(self.read)

    def read(self) -> None:
        for record in self.written:
            self.records.apply(record)
        self.read_at = now()

    async def catch_up(self, seconds: float) -> bool:
        self.waits += 1
        ends = now() + seconds
        while not self.answers and now() < ends:
            await asyncio.sleep(0.1)
        if self.answers:
            await asyncio.sleep(0)
            self.read()
        return self.answers

    def revoke(self, subject: str) -> None:
        at = self.records.now()
        self.written.append(Record(Verb.REVOKE, frozenset({("subject", subject)}), at, at + 1e6))


@pytest.fixture
async def log(monkeypatch) -> AsyncIterator[Elsewhere]:
    for module in (blind, passage):
        monkeypatch.setattr(module, "elapsed", now)
    log = Elsewhere()
    yield log
    log.answers = True
    await asyncio.sleep(4 * TICK)  # for the watch to end


def policy_of(log: Elsewhere, mode: Blind = Blind.ASK_THE_STORE, *, store: bool = False) -> Policy:
    scheme = named(verifier=Store(alice=None, bob=None)) if store else named()
    return Policy([scheme], connections=Connections(log=log, blind=mode, blind_limit=LIMIT), recheck_every=None)


def suspend(seconds: float) -> None:
    """Let time pass as for a process that is stopped: nothing of it runs."""
    asyncio.get_running_loop().advance(seconds)  # type: ignore[attr-defined]


def received(live) -> list[str]:
    return [message["text"] for message in live.app.seen if message["type"] == RECEIVE]


async def test_nothing_of_a_revoked_user_is_delivered_and_nothing_of_others_is_lost(log):
    """Ten messages of each were queued while the process was suspended."""
    policy = policy_of(log)
    alice, bob = await opened(policy=policy), await opened(policy=policy, key="bob")
    log.revoke("alice")
    suspend(120)
    for number in range(10):
        alice.server.client_sends(f"{number}")
        bob.server.client_sends(f"{number}")
    await turns_until(lambda: len(received(bob)) == 10)
    await turns()
    assert (received(alice), alice.server.code) == ([], 4410)
    assert received(bob) == [f"{number}" for number in range(10)]
    assert bob.server.code is None
    assert log.waits == 1
    bob.server.client_leaves()
    await bob.over()


class Pusher(FakeApplication):
    """Sends when it is told to."""

    async def run(self, receive, send) -> None:
        await receive()
        await send({"type": ACCEPT})
        self.go_on = asyncio.Event()
        await self.go_on.wait()
        for number in range(3):
            await send({"type": SEND, "text": f"{number}"})
        while (await receive())["type"] != "websocket.disconnect":
            pass


async def test_nothing_is_sent_to_a_revoked_user_before_the_log_was_looked_at(log):
    """Nor is what is for others left out."""
    policy = policy_of(log)
    alice, bob = await opened(Pusher(), policy=policy), await opened(Pusher(), policy=policy, key="bob")
    log.revoke("alice")
    suspend(120)
    for live in (alice, bob):
        live.app.go_on.set()
    await turns_until(lambda: bob.server.types().count(SEND) == 3)
    await turns()
    assert (alice.server.types().count(SEND), alice.server.code) == (0, 4410)
    assert bob.server.code is None
    bob.server.client_leaves()
    await bob.over()


async def test_what_the_limit_allows_passes_at_once(log):
    """Nobody waits for the log within it."""
    live = await opened(policy=policy_of(log))
    suspend(LIMIT - 5)
    live.server.client_sends("in time")
    await turns_until(lambda: bool(received(live)))
    assert log.waits == 0
    live.server.client_leaves()
    await live.over()


@pytest.mark.parametrize(
    ("mode", "store", "passes"),
    [
        (Blind.ASK_THE_STORE, True, True),
        (Blind.ASK_THE_STORE, False, False),
        (Blind.TRUST, False, True),
        (Blind.REFUSE, True, False),
    ],
)
async def test_where_the_log_stays_away_the_mode_decides(log, mode, store, passes):
    """After a wait. Whoever is to be closed gets nothing more, and whoever is kept waits once."""
    live = await opened(policy=policy_of(log, mode, store=store))
    log.answers = False
    suspend(120)
    for _ in range(30):
        live.server.client_sends("again")
        await asyncio.sleep(1)
    assert bool(received(live)) is passes
    assert (live.server.code is None) is passes
    if passes:
        assert log.waits == 1
        assert len(received(live)) >= 27
        live.server.client_leaves()
    await live.over()


async def test_a_message_is_not_lost_where_the_application_gives_up_waiting(log):
    """It gets it when it asks again, as it does from a server."""

    class Impatient(FakeApplication):
        async def run(self, receive, send) -> None:
            await receive()
            await send({"type": ACCEPT})
            while True:
                try:
                    async with asyncio.timeout(0.05):
                        message = await receive()
                except TimeoutError:
                    continue
                if message["type"] == "websocket.disconnect":
                    return

    live = await opened(Impatient(), policy=policy_of(log))
    log.answers = False
    suspend(120)
    live.server.client_sends("kept")
    await asyncio.sleep(HOLD / 4)
    assert received(live) == []
    log.answers = True
    await asyncio.sleep(1)
    assert received(live) == ["kept"]
    live.server.client_leaves()
    await live.over()


async def test_the_end_reaches_an_application_whose_messages_wait(log):
    """At once, though the log does not answer."""
    live = await opened(Echo(), policy=policy_of(log))
    log.answers = False
    suspend(120)
    live.server.client_sends("waits")
    await turns()
    live.policy.connections.disconnect_now(subject="alice")
    await turns(12)
    assert (live.app.running, received(live), live.server.code) == (False, [], 4012)
    await live.over()


async def test_nobody_is_closed_for_a_silence_that_the_process_slept_through(log):
    """Also where the log was out of reach before."""
    live = await opened(policy=policy_of(log))
    log.answers = False
    await asyncio.sleep(8)
    log.answers = True
    suspend(120)
    await asyncio.sleep(3 * TICK)
    assert live.server.code is None
    live.server.client_leaves()
    await live.over()


async def test_a_machine_that_slept_looks_first_too(log, monkeypatch):
    """The loop's clock slept with it: the watch notices within a second."""
    live = await opened(policy=policy_of(log))
    await asyncio.sleep(2 * TICK)
    slept = 120.0
    for module in (blind, passage):
        monkeypatch.setattr(module, "elapsed", lambda: now() + slept)
    monkeypatch.setattr(Elsewhere, "silence", property(lambda self: now() + slept - self.read_at))
    monkeypatch.setattr(Elsewhere, "read", lambda self: setattr(self, "read_at", now() + slept))
    log.answers = False
    await asyncio.sleep(1.1 * TICK)
    live.server.client_sends("after the sleep")
    await turns()
    assert received(live) == []
    log.answers = True
    await asyncio.sleep(1)
    assert received(live) == ["after the sleep"]
    live.server.client_leaves()
    await live.over()
