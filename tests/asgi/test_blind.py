"""Handshakes while the revocation log is out of reach, and while the process drains."""

import asyncio

import pytest
from fakes import ACCEPT, FakeApplication, FakeServer, Store, knocked, knocking, named, opened, turns

from wsauth import Blind, Connections, Policy, WebSocketAuthMiddleware
from wsauth.revocation.blind import PATIENCE, STALE
from wsauth.revocation.log import MemoryLog

INFINITE = float("inf")


class OutOfReach(MemoryLog):
    """A log whose silence is told, and grows with the loop's clock where it began; `catch_up` waits for its end."""

    def __init__(self, since=-1000.0):
        super().__init__()
        self.since = since
        self.waits = 0

    @property
    def silence(self):
        return 0.0 if self.since is None else now() - self.since

    async def catch_up(self, seconds):
        self.waits += 1
        deadline = now() + seconds
        while self.silence > STALE and now() < deadline:
            await asyncio.sleep(0.1)
        return self.silence <= STALE


def now():
    return asyncio.get_running_loop().time()


def policy_of(log, blind=Blind.ASK_THE_STORE, *, store=False, **terms):
    scheme = named(verifier=Store(alice=None)) if store else named()
    return Policy([scheme], connections=Connections(log=log, blind=blind), **terms)


async def test_a_token_is_refused_after_some_patience():
    """503 with Retry-After, and the next one at once: somebody has waited in vain."""
    log = OutOfReach()
    policy = policy_of(log)
    server, app = await knocked(policy)
    assert (server.status, app.calls, log.waits) == (503, 0, 1)
    assert now() == pytest.approx(PATIENCE)
    assert int(server.headers()[b"retry-after"]) > 0
    server, _ = await knocked(policy)
    assert (server.status, log.waits) == (503, 1)
    assert now() == pytest.approx(PATIENCE)


async def test_a_token_is_admitted_when_the_log_comes_back_in_time():
    """What it brought meanwhile counts."""
    for revoked in (False, True):
        log = OutOfReach()
        policy = policy_of(log)
        server, app = FakeServer(), FakeApplication()
        task = server.start(WebSocketAuthMiddleware(app, policy), knocking(server))
        await asyncio.sleep(1)
        assert app.calls == 0
        if revoked:
            policy.connections.revoke_now(subject="alice")
        log.since = None
        await asyncio.sleep(0.2)
        assert app.calls == (0 if revoked else 1)
        server.client_leaves()
        await task


@pytest.mark.parametrize(
    ("blind", "store", "admitted"),
    [
        (Blind.ASK_THE_STORE, True, True),
        (Blind.ASK_THE_STORE, False, False),
        (Blind.TRUST, True, True),
        (Blind.TRUST, False, True),
        (Blind.REFUSE, True, False),
        (Blind.REFUSE, False, False),
    ],
)
async def test_whom_to_trust_is_named(blind, store, admitted):
    """Sessions by default, nobody, or everybody."""
    policy = policy_of(OutOfReach(), blind, store=store)
    server, app = FakeServer(), FakeApplication()
    task = server.start(WebSocketAuthMiddleware(app, policy), knocking(server))
    await asyncio.sleep(PATIENCE + 0.1)
    assert app.calls == admitted
    assert server.types()[0] == (ACCEPT if admitted else "websocket.http.response.start")
    if admitted:
        server.client_leaves()
    await task


async def test_a_session_that_was_admitted_blind_is_looked_at_every_ten_seconds():
    """Its store knows what the log may have said."""
    policy = policy_of(OutOfReach(), store=True, recheck_every=600)
    live = await opened(policy=policy)
    await asyncio.sleep(PATIENCE + 60)
    assert len(policy.schemes[0].verifier.asked) >= 4
    live.server.client_leaves()
    await live.over()


async def test_a_nested_policys_log_gets_the_same_patience():
    """At the first handshake of a process no log has been read yet; nobody is called revoked for that."""
    scheme = named()
    log = OutOfReach()
    app = FakeApplication()
    inner = Policy([scheme], connections=Connections(log=log))
    guarded = WebSocketAuthMiddleware(WebSocketAuthMiddleware(app, inner), Policy([scheme]))
    server = FakeServer()
    task = server.start(guarded, knocking(server))
    await asyncio.sleep(1)
    log.since = None
    await asyncio.sleep(0.2)
    assert app.calls == 1
    server.client_leaves()
    await task
    log.since = -1000.0
    server = FakeServer()
    await server.serve(guarded, knocking(server))
    assert (server.status, app.calls) == (503, 1)


async def test_draining_closes_everybody_over_the_time_and_refuses_the_next():
    """Going away: 4012 for who is connected, 503 for who knocks."""
    policy = Policy([named()])
    lives = [await opened(policy=policy) for _ in range(20)]
    draining = asyncio.create_task(policy.connections.drain(over=30))
    await turns()
    server, app = await knocked(policy)
    assert (server.status, app.calls) == (503, 0)
    await asyncio.sleep(15)
    assert 0 < len(policy.connections) < 20
    await draining
    await asyncio.wait([live.task for live in lives])
    assert now() <= 31
    assert {live.server.code for live in lives} == {4012}
