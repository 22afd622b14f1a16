"""Many at once: what thousands of connections cost each other, and what they leave."""

import asyncio
import gc
import time
import tracemalloc

import pytest
from fakes import ACCEPT, DISCONNECT, FakeServer, FakeTimeLoop, Store, knocking, left_behind, named, turns

from wsauth import ExpiryWarning, Policy, WebSocketAuthMiddleware
from wsauth.asgi import lease, rechecks

MANY = 5000
LONGEST = 0.1  # seconds that the loop may stand still


@pytest.fixture(autouse=True)
def thaw():
    yield
    gc.unfreeze()


async def quiet(scope, receive, send):
    await receive()
    await send({"type": ACCEPT})
    while (await receive())["type"] != DISCONNECT:
        pass


async def longest_gap(until):
    """Return the longest CPU time of one turn of the loop, until it holds. The machine's other work does not count.

    The loop's own clock goes on by a hundredth of a second at each turn.
    """
    longest, before = 0.0, time.thread_time()
    while not until():
        asyncio.get_running_loop().advance(0.01)
        await asyncio.sleep(0)
        after = time.thread_time()
        longest, before = max(longest, after - before), after
    return longest


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
    gap = asyncio.create_task(longest_gap(lambda: all(task.done() for task in tasks)))
    await turns()
    await policy.connections.revoke(subject="alice", **terms)
    longest = await gap
    assert {server.code for server in servers} == {4410}
    assert longest < LONGEST


async def test_five_thousand_that_expire_together_do_not_stall_the_loop():
    """Tokens that were issued by one deployment end in the same second."""
    policy = Policy([named()], max_lifetime=100)
    servers, tasks = await open_many(policy)
    asyncio.get_running_loop().advance(99)
    gap = asyncio.create_task(longest_gap(lambda: all(task.done() for task in tasks)))
    await turns()
    asyncio.get_running_loop().advance(1)
    longest = await gap
    assert {server.code for server in servers} == {4440}
    assert longest < LONGEST


async def test_ten_thousand_visits_leave_nothing():
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
        await visits(1000)
        before = await visits(1000)
        after = await visits(10_000)
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
    assert (len(policy.connections), lease._agendas, rechecks._in_use) == (0, {}, {})
    assert left_behind() == []
    assert isinstance(asyncio.get_running_loop(), FakeTimeLoop)
