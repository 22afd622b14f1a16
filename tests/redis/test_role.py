"""Only a primary is believed, and one whose writes wait is one: what failovers and upgrades do to a log."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager

import pytest
import redis
from redis_nodes import LOG, revoking, until
from redis_server import RedisServer

from wsauth.redis import follower
from wsauth.revocation.blind import STALE


@pytest.fixture
def demoted(own_server):
    """The Redis of this test, and how to make it follow another one, whose entries it then gets."""
    with RedisServer() as other, redis.Redis(port=own_server.port) as raw, redis.Redis(port=other.port) as primary:
        primary.config_set("repl-diskless-sync-delay", 0)
        yield raw, primary, lambda: raw.replicaof("127.0.0.1", str(other.port))


async def test_what_a_demoted_primary_hands_on_is_not_believed(own_server, node, demoted, monkeypatch):
    """Between two looks as well: that there is something to read does not say that it is all there is."""
    raw, primary, demote = demoted
    here = await node("alice", url=own_server.url).started()
    monkeypatch.setattr(follower, "CHECK", 3600.0)  # no look but where nothing is read
    own = here.reader._follower
    here.reader._task.cancel()
    await until(lambda: not here.reader.is_running)
    demote()
    await until(lambda: raw.info("replication")["master_link_status"] == "up")
    record = revoking("alice")(time.time())
    primary.execute_command(*here.process.append(record))
    await until(lambda: raw.xlen(LOG) == 1)
    own._leased_at = own._checked_at = time.monotonic()  # as in the second after a look
    seen = here.process.seen_at
    with pytest.raises(redis.ReadOnlyError):
        await own.step(False)
    assert here.process.seen_at == seen
    await own.line.drop()


async def test_a_demoted_primary_is_left_for_where_the_address_leads(own_server, node, demoted, quick):
    """An address that always leads to the primary does so for new connections."""
    _, primary, demote = demoted
    here = await node("alice", url=own_server.url).started()
    address = here.process.address
    demote()
    address.port = address._options["port"] = primary.connection_pool.connection_kwargs["port"]
    seen = here.process.seen_at
    await until(lambda: here.process.seen_at > seen + 1.0)
    primary.execute_command(*here.process.append(revoking("alice")(time.time())))
    await until(lambda: here.sockets.closed == ["alice"])


@contextmanager
def paused(raw, milliseconds: int = 60_000):
    raw.execute_command("CLIENT", "PAUSE", str(milliseconds), "WRITE")
    try:
        yield
    finally:
        raw.execute_command("CLIENT", "UNPAUSE")


async def test_an_error_of_another_kind_does_not_end_the_question_for_the_role(own_server, node, quick, monkeypatch):
    """Somebody uses the key of the log, and it is mended: then a write that hangs still undoes nothing."""
    monkeypatch.setattr(follower, "RENEW", 0.0)
    here = node("alice", url=own_server.url)
    with redis.Redis(port=own_server.port) as raw:
        raw.set(LOG, "of somebody")
        here.log.follow()
        assert not await here.log.catch_up(1.0)
        raw.delete(LOG)
        await here.started()
        with paused(raw):
            seen = here.process.seen_at
            await until(lambda: here.process.seen_at > seen + 1.5)


async def test_nobody_waits_for_the_log_while_writes_hang(own_server, node, monkeypatch):
    """With a lease due at each look and a publication of our own: all is known again before a token would have to wait."""
    monkeypatch.setattr(follower, "RENEW", 0.0)
    here = await node("alice", url=own_server.url).started()
    hung = []
    monkeypatch.setattr(here.process, "say_fault", lambda *fault: hung.append(fault))
    with redis.Redis(port=own_server.port) as raw:
        with paused(raw):
            publishing, most = asyncio.create_task(here.log.publish(revoking("bob"))), 0
            while len(hung) < 6:
                before = len(hung)
                await here.reader.next_turn()
                most = max(most, len(hung) - before)
                assert here.log.keeps_up
            assert not (await publishing).recorded
        assert most * follower.DEADLINE + follower.BLOCK < STALE
        await until(lambda: not here.process.outbox)


async def test_a_process_starts_while_writes_hang(own_server, node):
    """It can read all there is, and admits whoever is good."""
    there = await node("alice", url=own_server.url).started()
    await there.log.publish(revoking("alice"))
    with redis.Redis(port=own_server.port) as raw, paused(raw):
        here = await node("alice", url=own_server.url).started()
        assert here.log.keeps_up
        assert here.sockets.closed == ["alice"]


async def test_without_the_role_each_look_takes_the_lease(own_server, node, quick):
    """Where an account may not use INFO, a demotion shows as soon as the stream is looked at."""
    with redis.Redis(port=own_server.port) as raw:
        raw.acl_setuser("default", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all", "-info"])
        here = await node("alice", url=own_server.url).started()
        own = here.reader._follower
        leased = own._leased_at
        await until(lambda: own._leased_at > leased)
        assert own._leased_at - leased < follower.RENEW / 2
