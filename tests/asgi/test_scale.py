"""Many at once: what thousands of connections cost each other, and what they leave."""

import asyncio
import gc
import time
import tracemalloc

import pytest
from effort import most_calls_in_a_turn
from fakes import ACCEPT, DISCONNECT, FakeServer, FakeTimeLoop, Store, knocking, left_behind, named, turns

from wsauth import ExpiryWarning, Policy, WebSocketAuthMiddleware
from wsauth.asgi import lease, rechecks

MANY = 5000
MOST = 40 * MANY  # calls within one turn of the loop: to end a connection takes 300, and asyncio may sort its timers


@pytest.fixture(autouse=True)
def thaw():
    yield
    gc.unfreeze()


async def quiet(scope, receive, send):
    await receive()
    await send({"type": ACCEPT})
    while (await receive())["type"] != DISCONNECT:
        pass


async def most_work(until):
    """Return the most calls of one turn of the loop, whose clock goes on by a hundredth of a second at each."""
    loop = asyncio.get_running_loop()
    return await most_calls_in_a_turn(until, lambda: loop.advance(0.01))


async def open_many(policy, clock=time.time):
    middleware = WebSocketAuthMiddleware(quiet, policy, clock=clock)
    servers = [FakeServer() for _ in range(MANY)]
    tasks = [server.start(middleware, knocking(server)) for server in servers]
    await turns(20)
    assert len(policy.connections) == MANY
    gc.collect()
    gc.freeze()  # a full collection of so many objects takes 0.2 s by itself, whoever holds them
    return servers, tasks


@pytest.mark.parametrize("terms", [{}, {"spread": 5.0}, {"after": 5.0}], ids=["now", "spread", "announced"])
async def test_five_thousand_revoked_at_once_do_not_stall_the_loop(terms):
    """One subject, one call: every connection closes, and nobody else waits for long."""
    policy = Policy([named(verifier=Store(alice=None))], expiry_warning=ExpiryWarning(20))
    servers, tasks = await open_many(policy)
    work = asyncio.create_task(most_work(lambda: all(task.done() for task in tasks)))
    await turns()
    await policy.connections.revoke(subject="alice", **terms)
    most = await work
    assert {server.code for server in servers} == {4410}
    assert most < MOST


async def test_five_thousand_that_expire_together_do_not_stall_the_loop():
    """Tokens that were issued by one deployment end in the same second."""
    policy = Policy([named()], max_lifetime=100)
    servers, tasks = await open_many(policy)
    asyncio.get_running_loop().advance(99)
    work = asyncio.create_task(most_work(lambda: all(task.done() for task in tasks)))
    await turns()
    asyncio.get_running_loop().advance(1)
    most = await work
    assert {server.code for server in servers} == {4440}
    assert most < MOST


async def test_thousands_of_visits_leave_nothing():
    """Registry, agenda, re-checks and tasks are as at the start, and memory is flat."""
    policy = Policy([named(verifier=Store(alice=None))], expiry_warning=ExpiryWarning(20))
    middleware = WebSocketAuthMiddleware(quiet, policy)

    async def visits(count):
        for _ in range(count // 10):
            servers = [FakeServer() for _ in range(10)]
            tasks = [server.start(middleware, knocking(server)) for server in servers]
            await turns(6)
            for server in servers:
                server.client_leaves()
            await asyncio.wait(tasks)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        await visits(500)
        before = await visits(500)
        after = await visits(4000)
    finally:
        tracemalloc.stop()
    assert after - before < 8_000  # bytes: two for each
    assert (len(policy.connections), lease._agendas, rechecks._in_use) == (0, {}, {})
    assert left_behind() == []
    assert isinstance(asyncio.get_running_loop(), FakeTimeLoop)
