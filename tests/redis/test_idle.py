"""Whoever comes to a process that has been idle waits for the log, whenever it is."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from fakes import Store, knocked, knocking, named
from idle import IDLENESS, let_in
from redis_nodes import revoking, until

from wsauth import Connections, Policy
from wsauth.redis import follower, reader
from wsauth.revocation import blind

PACE = 1 / 10


@pytest.fixture
def paced(monkeypatch):
    """Every second of a reader's life takes a tenth of it."""
    for module, names in ((reader, ("LINGER",)), (follower, ("BLOCK", "CHECK")), (blind, ("STALE", "TICK"))):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name) * PACE)


async def test_nobody_gets_in_who_was_revoked_while_the_process_was_idle(node, paced):
    """Its reader has stopped, and what it has read before says nothing of what came since."""
    assert await let_in(lambda: node().log, IDLENESS, PACE) == []


@pytest.mark.full_length
async def test_nobody_gets_in_who_was_revoked_while_the_process_was_idle_at_full_length(node):
    """At the intervals that are in use."""
    assert await let_in(lambda: node().log, IDLENESS) == []


async def test_what_was_read_counts_no_more_when_the_reader_has_ended(node, quick):
    """However short the silence: cancelled, failed, or at its end."""
    here = await node("alice").started()
    assert here.log.keeps_up
    here.reader._task.cancel()
    await until(lambda: not here.log.keeps_up)
    assert here.log.silence < blind.STALE
    assert not Connections(log=here.log).sight.is_clear
    here.log.follow()
    assert not here.log.keeps_up
    assert await here.log.catch_up(5.0)
    assert here.log.keeps_up


async def test_a_reader_that_failed_is_believed_when_it_has_read_all_again(node, quick, monkeypatch):
    """What it failed at may have been a revocation."""
    here = await node("bob").started()
    monkeypatch.setattr(reader, "FAILED", 0.2)
    with monkeypatch.context() as broken:
        broken.setattr(here.log.records, "take", lambda *_, **__: 1 / 0)
        await (await node().started()).log.publish(revoking("alice"))
        await until(lambda: not here.log.keeps_up)
    await until(lambda: here.log.keeps_up)
    assert here.knows("alice")


async def test_each_loop_of_a_process_believes_its_own_reader_alone(node):
    """That of another loop may not be running, or its loop may be closed."""
    here = await node("bob").started()
    found: list[bool] = []

    async def second() -> None:
        found.append(here.log.keeps_up)
        here.log.follow()
        found.append(here.log.keeps_up)
        await here.log.catch_up(5.0)
        found.append(here.log.keeps_up)

    thread = threading.Thread(target=lambda: asyncio.run(second()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert found == [False, False, True]
    assert here.log.keeps_up


async def test_a_block_is_known_before_anybody_is_admitted(own_server, node, monkeypatch):
    """A process that has not read the log admits no session: a block is what no store knows."""
    monkeypatch.setattr(blind, "PATIENCE", 0.2)
    await Connections(log=node(url=own_server.url).log).block(subject="alice", until=time.time() + 3600)
    policy = Policy(
        [named(verifier=Store(alice=None, bob=None))], connections=Connections(log=node(url=own_server.url).log)
    )
    own_server.freeze()
    blindly = [(await knocked(policy, knocking(key=key)))[0].status for key in ("alice", "bob")]
    own_server.thaw()
    assert await policy.connections.log.catch_up(10.0)
    server, app = await knocked(policy, knocking(key="alice"))
    assert (blindly, server.status, app.calls) == ([503, 503], 403, 0)
