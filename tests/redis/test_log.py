"""The log as `Connections` uses it: published here, enforced everywhere."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest
import redis
from effort import calls
from redis_nodes import LOG, NEVER, NODES, SECRET, Node, revoking, until
from revocation.live import Socket

from wsauth import ConfigurationError, Connections, Reason
from wsauth.redis import RedisLog, follower, publication
from wsauth.revocation.connections import Standing
from wsauth.revocation.log import RevocationLog, RevocationNotRecorded

NOWHERE = "redis://127.0.0.1:1/0"


def test_it_is_a_log(server):
    """A policy takes it as it takes any other."""
    log = RedisLog(server.url, secrets=[SECRET])
    assert isinstance(log, RevocationLog)
    assert Connections(log=log).log is log


async def test_a_revocation_closes_on_the_other_node_at_once(node, monkeypatch):
    """Here before the call returns, there by the read that waits for it, however long that would wait."""
    monkeypatch.setattr(follower, "BLOCK", 3600.0)
    here, there = await node("alice", "bob").started(), await node("alice", "alice", "carol").started()
    receipt = await here.log.publish(revoking("alice"))
    assert (receipt.recorded, receipt.closed) == (True, 1)
    assert here.sockets.closed == ["alice"]
    await until(lambda: there.sockets.closed)
    assert there.sockets.closed == ["alice", "alice"]
    assert there.sockets.open == ["carol"]


async def test_a_clock_that_is_ahead_is_known_on_the_other_node(node):
    """A token that was let in there before its issue time is refused here after a revocation."""
    here, there, command = await node().started(), await node().started(), node()
    first, second = Connections(log=here.log), Connections(log=there.log)
    token = Socket("alice", issued_at=first.now() + 30)
    assert first.open(token, token.identity, first.position, stateful=False) is Standing.GOOD
    first.close(token)
    await until(lambda: there.log.records.clocks.ahead(None, first.position + 1))
    assert (await asyncio.to_thread(Connections(log=command.log).revoke_now, subject="alice")).recorded
    await until(lambda: len(there.log.records) == 2)
    assert second.open(token, token.identity, second.position, stateful=False) is Reason.REVOKED


async def test_a_thread_publishes_without_a_loop(node):
    """As signals of Django do, and workers."""
    here, there = await node("alice").started(), await node("alice").started()
    receipt = await asyncio.to_thread(here.log.publish_now, revoking("alice"))
    assert (receipt.recorded, receipt.closed) == (True, 1)
    await until(lambda: there.sockets.closed)


async def test_a_command_publishes_and_goes(node):
    """No reader and no event loop: it is in Redis, or the command is told."""
    there = await node("alice").started()
    command = node("alice")
    assert (await asyncio.to_thread(command.log.publish_now, revoking("alice"))).recorded
    await until(lambda: there.sockets.closed)
    assert command.process.outbox == {}


def test_a_loop_of_its_own_for_each_call_publishes(server):
    """`async_to_sync` makes a loop and closes it; no connection is kept beyond."""
    log = RedisLog(server.url, secrets=[SECRET], namespace="test")
    for name in ("alice", "bob", "carol"):
        assert asyncio.run(log.publish(revoking(name))).recorded
    assert len(log._process.readers) == 1


async def test_who_starts_later_knows_all(node):
    """A process learns of what was revoked before it was there."""
    here = await node().started()
    for name in ("alice", "bob"):
        await here.log.publish(revoking(name))
    late = await node("alice", "bob", "carol").started()
    assert late.knows("alice", "bob")
    assert late.sockets.open == ["carol"]
    assert late.sockets.looks == []


async def test_what_has_lapsed_is_not_held(node):
    """A record counts until it lapses, for those who come later too."""
    here = await node().started()
    await here.log.publish(revoking("alice", span=0.3))
    await here.log.publish(revoking("bob"))
    await asyncio.sleep(0.4)
    late = await node("alice").started()
    assert (late.knows("alice"), late.knows("bob"), late.sockets.open) == (False, True, ["alice"])


async def test_two_loops_of_one_process(node, raw):
    """Each has its reader, all share the records; a connection on either is closed once."""
    here, there = await node("alice").started(), await node().started()
    turns: list[bool] = []
    ready, done = threading.Event(), threading.Event()

    async def second():
        here.log.follow()
        turns.append(await here.log.catch_up(5.0))
        ready.set()
        await asyncio.to_thread(done.wait, 10)

    thread = threading.Thread(target=lambda: asyncio.run(second()))
    thread.start()
    await asyncio.to_thread(ready.wait, 10)
    assert len([each for each in here.process.readers.values() if each.is_running]) == 2
    receipt = await there.log.publish(revoking("alice"), 5.0)
    assert (receipt.closed, receipt.answered, receipt.missing) == (1, 1, frozenset())
    assert here.sockets.closed == ["alice"]
    done.set()
    await asyncio.to_thread(thread.join)
    assert turns == [True]
    assert raw.zscore(NODES, here.process.node) is not None
    assert (await here.log.publish(revoking("bob"))).recorded


async def test_namespaces_share_nothing(node):
    """Two applications on one Redis do not end each other's connections."""
    here, there = await node().started(), await node("alice", namespace="other").started()
    await here.log.publish(revoking("alice"))
    await there.log.catch_up(3.0)
    assert there.sockets.open == ["alice"]
    assert len(there.log.records) == 0


async def test_silence_is_infinite_before_anything_is_known(node, quick):
    """A process that has never read the log knows nothing, and says so."""
    one = node()
    assert one.log.silence == float("inf")
    await one.started()
    await until(lambda: one.log.silence < 0.2)


async def test_catching_up_takes_no_longer_than_it_may():
    """A handshake waits a moment, and is then told."""
    log = RedisLog(NOWHERE, secrets=[SECRET])
    began = time.monotonic()
    async with asyncio.timeout(NEVER):
        assert not await log.catch_up(0.3)
    assert time.monotonic() - began > 0.25
    assert log.silence == float("inf")


async def test_following_is_cheap(node):
    """It happens at every handshake."""
    one = await node().started()
    assert calls(one.log.follow) < 20


async def test_without_a_reader_it_is_said_that_nothing_was_recorded(monkeypatch):
    """A call that cannot go on trying raises, and what was closed here stays closed."""
    monkeypatch.setattr("wsauth.redis.log.PATIENCE", 0.5)
    monkeypatch.setattr("wsauth.redis.log.PATIENCE_NOW", 0.5)
    one = Node(NOWHERE, "alice", "bob")
    with pytest.raises(RevocationNotRecorded, match=r"127\.0\.0\.1:1/0 .* 1 connections") as raised:
        await one.log.publish(revoking("alice"))
    assert raised.value.__cause__ is not None
    with pytest.raises(RevocationNotRecorded):
        await asyncio.to_thread(one.log.publish_now, revoking("bob"))
    assert one.sockets.open == []


async def test_with_a_reader_the_outbox_goes_on(own_server, node, quick):
    """While Redis is away, here it counts at once; elsewhere when it is back."""
    here = await node("alice", "bob", url=own_server.url).started()
    there = await node("alice", "bob", url=own_server.url).started()
    own_server.kill()
    receipt = await here.log.publish(revoking("alice"))
    in_a_thread = await asyncio.to_thread(here.log.publish_now, revoking("bob"))
    assert [(each.recorded, each.closed) for each in (receipt, in_a_thread)] == [(False, 1), (False, 1)]
    assert len(here.process.outbox) == 2
    own_server.start()
    await until(lambda: len(there.sockets.closed) == 2)
    await until(lambda: not here.process.outbox)


async def test_a_frozen_redis_does_not_delay_what_happens_here(own_server, node, monkeypatch):
    """The connections of this process end before Redis is told, as soon as its clock has not answered."""
    here = await node("alice", url=own_server.url).started()
    monkeypatch.setattr(publication, "DEADLINE", 2.0)
    own_server.freeze()
    publishing = asyncio.create_task(here.log.publish(revoking("alice")))
    await until(lambda: here.sockets.closed)
    assert not publishing.done()
    assert not (await publishing).recorded
    own_server.thaw()
    await until(lambda: not here.process.outbox)


async def test_many_at_once_while_redis_is_frozen(own_server, node):
    """They wait together, not one after the other, on a bounded number of connections."""
    people = [f"user{number}" for number in range(100)]
    here = await node(*people, url=own_server.url).started()
    own_server.freeze()
    async with asyncio.timeout(NEVER):  # one after the other it would be two minutes
        receipts = await asyncio.gather(*(here.log.publish(revoking(name)) for name in people))
    assert not any(receipt.recorded for receipt in receipts)
    assert here.sockets.open == []
    own_server.thaw()
    await until(lambda: not here.process.outbox)


async def test_a_receipt_counts_all_who_answered(node):
    """How many were closed, by how many others, and nobody is missing."""
    here, there, idle = [await node(*names).started() for names in (["alice"], ["alice", "alice"], ["bob"])]
    receipt = await here.log.publish(revoking("alice"), 5.0)
    assert (receipt.closed, receipt.answered, receipt.missing) == (3, 2, frozenset())
    receipt = await asyncio.to_thread(there.log.publish_now, revoking("bob"), 5.0)
    assert (receipt.closed, receipt.answered, receipt.missing) == (1, 2, frozenset())
    assert idle.sockets.open == []


async def test_a_receipt_names_who_is_missing(node, raw):
    """Whoever holds a lease and says nothing in time."""
    here, there = await node().started(), await node("alice").started()
    raw.zadd("{wsauth:test}:nodes", {"dead:1:aa": time.time() + 60, "lapsed:2:bb": time.time() - 1})
    began = time.monotonic()
    async with asyncio.timeout(NEVER):
        receipt = await here.log.publish(revoking("alice"), 0.5)
    assert time.monotonic() - began > 0.4
    assert (receipt.recorded, receipt.closed, receipt.answered) == (True, 1, 1)
    assert receipt.missing == {"dead:1:aa"}
    assert there.process.node not in receipt.missing


async def test_answers_that_are_none_are_passed_over(node, raw):
    """Anybody who writes to Redis can push something there."""
    here = await node().started()
    raw.zadd("{wsauth:test}:nodes", {"dead:1:aa": time.time() + 60})
    publishing = asyncio.create_task(here.log.publish(revoking("alice"), 1.0))
    await until(lambda: here.knows("alice"))
    (record,) = here.log.records.live()
    raw.rpush(f"{{wsauth:test}}:reply:{record.id}", b"\xff\xfe", "no number:x", "", f"{here.process.node}:7", "other:2")
    receipt = await publishing
    assert (receipt.closed, receipt.answered) == (2, 1)


async def test_a_cancelled_publication_spoils_no_connection(node):
    """CVE-2023-28858: the answer to the question of a cancelled call is not given to the next."""
    here = await node().started()
    for turns in range(30):
        task = asyncio.create_task(here.log.publish(revoking(f"user{turns}")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        receipt = await here.log.publish(revoking(f"other{turns}"))
        assert receipt.recorded
    assert abs(here.log.records.offset) < 0.5


async def test_a_selector_that_is_too_long_changes_nothing(node):
    """The caller is told before anything happens."""
    here = await node().started()
    with pytest.raises(ValueError, match="4096"):
        await here.log.publish(revoking("\U0001f600" * 400))
    assert len(here.log.records) == 0
    assert here.process.outbox == {}


async def test_what_a_child_does_not_inherit(node):
    """The records it does, and neither the readers, the outbox, the connections nor the name of its parent."""
    here = await node().started()
    await asyncio.to_thread(here.log.publish_now, revoking("alice"))
    parent = here.process.node
    readers = here.process.readers
    here.process.start_over()
    try:
        assert here.process.node != parent
        assert (here.process.readers, here.process.outbox, here.process._lines) == ({}, {}, [])
        assert here.log.silence == float("inf")
        assert here.knows("alice")
    finally:
        here.process.readers = readers


def test_a_log_is_usable_after_a_fork(server):
    """gunicorn makes the application before it forks: the child has its own connections, and its own name."""
    log = RedisLog(server.url, secrets=[SECRET], namespace="test")
    assert log.publish_now(revoking("parent")).recorded
    inherited = (log._process.node, log._process._lines[0])
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        outcome = b"no"
        try:
            recorded = log.publish_now(revoking("child")).recorded
            own = log._process.node != inherited[0] and log._process._lines[0] is not inherited[1]
            outcome = b"yes" if recorded and own else b"no"
        finally:
            os.write(writing, outcome)
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 8) == b"yes"
    assert log.publish_now(revoking("parent again")).recorded
    os.close(reading)
    os.close(writing)
    with redis.Redis(port=server.port) as client:
        assert client.xlen(LOG) == 3


FIRST, SECOND = "the first secret of all", "the second secret of all"


@pytest.mark.parametrize("secrets", [((FIRST,), (FIRST, SECOND)), ((FIRST, SECOND), (SECOND, FIRST))])
async def test_a_secret_is_changed_in_two_deploys(node, secrets):
    """The new one verifies everywhere first, and signs later: within a deploy the old and the new understand each other."""
    before, after = [await node("alice", "bob", secrets=each).started() for each in secrets]
    await before.log.publish(revoking("alice"))
    await after.log.publish(revoking("bob"))
    await until(lambda: before.sockets.open == after.sockets.open == [])
    assert before.process.forged == after.process.forged == 0


def test_neither_password_nor_secret_is_shown():
    """A representation stands in logs and tracebacks."""
    log = RedisLog("rediss://user:passw0rd@redis.example:6380/3", secrets=[SECRET], namespace="chat")
    assert repr(log) == "RedisLog(redis.example:6380/3, namespace='chat')"
    for shown in (repr(log), repr(log._process), repr(log._process.keyring), repr(vars(log))):
        assert "passw0rd" not in shown
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("url", "options", "word"),
    [
        ("http://user:passw0rd@localhost", {}, "url"),
        ("", {}, "url"),
        (None, {}, "url"),
        ("redis://localhost:port", {}, "url"),
        ("redis://localhost/0?colour=red", {}, "url"),
        ("redis://localhost", {"secrets": []}, "secrets"),
        ("redis://localhost", {"secrets": SECRET}, "list"),
        ("redis://localhost", {"secrets": ["short"]}, "at least 16"),
        ("redis://localhost", {"secrets": [SECRET, "short"]}, "at least 16"),
        ("redis://localhost", {"secrets": [12345678901234567890]}, "str or bytes"),
        ("redis://localhost", {"namespace": "a b"}, "namespace"),
        ("redis://localhost", {"namespace": "{x}"}, "namespace"),
        ("redis://localhost", {"namespace": ""}, "namespace"),
    ],
)
def test_mistakes_are_said_at_once(url, options, word):
    """And never with the password in them."""
    with pytest.raises(ConfigurationError, match=word) as raised:
        RedisLog(url, **{"secrets": [SECRET], **options})
    assert "passw0rd" not in str(raised.value)
    assert "short" not in str(raised.value)
