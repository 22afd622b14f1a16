"""Redis is away: who publishes waits for it once, and not again and again."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis_nodes import Node, revoking, until

from wsauth.redis import process
from wsauth.redis.publication import BRIEF, DEADLINE, TIME_DEADLINE
from wsauth.revocation.log import RevocationNotRecorded

NOWHERE = "redis://127.0.0.1:1/0"
PATIENCE = 0.6


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr("wsauth.redis.log.PATIENCE", PATIENCE)
    monkeypatch.setattr("wsauth.redis.log.PATIENCE_NOW", PATIENCE)


@pytest.fixture
def boot_clock(monkeypatch):
    """The clock that the pause is measured by."""
    now = [1000.0]
    monkeypatch.setattr(process, "clock", lambda: now[0])
    return now


def seconds_to_fail(node: Node, subject: str) -> float:
    began = time.monotonic()
    with pytest.raises(RevocationNotRecorded) as raised:
        node.log.publish_now(revoking(subject))
    assert subject not in node.sockets.open, "it counts here in any case"
    assert raised.value.__cause__ is not None
    return time.monotonic() - began


def test_who_deletes_many_users_waits_once(boot_clock):
    """Each call raises and is enforced here, the first after all its patience, the others after one attempt."""
    people = [f"user{number}" for number in range(9)]
    node = Node(NOWHERE, *people)
    first, *others = [seconds_to_fail(node, name) for name in people]
    assert first + 0.1 > PATIENCE
    assert sum(others) < BRIEF
    boot_clock[0] += 4.9
    assert seconds_to_fail(node, "another") < BRIEF


def test_five_seconds_later_it_is_waited_for_again(boot_clock):
    """Or one that is merely slow would never be given the time that it needs; short attempts put that off no further."""
    node = Node(NOWHERE)
    seconds_to_fail(node, "alice")
    boot_clock[0] += 3.0
    assert seconds_to_fail(node, "bob") < BRIEF
    boot_clock[0] += 2.1
    assert seconds_to_fail(node, "carol") > PATIENCE - 0.1


async def test_one_that_is_frozen_holds_up_each_further_call_for_a_moment(own_server):
    """The time and the attempt share 0.3 s, from a loop as from a thread."""
    node = Node(own_server.url, "alice", "bob", "carol")
    await asyncio.to_thread(node.log.publish_now, revoking("nobody"))
    own_server.freeze()
    assert await asyncio.to_thread(seconds_to_fail, node, "alice") > PATIENCE
    assert BRIEF - 0.1 < await asyncio.to_thread(seconds_to_fail, node, "bob") < BRIEF + 0.2
    began = time.monotonic()
    with pytest.raises(RevocationNotRecorded, match=r"within 0\.3 s"):
        await node.log.publish(revoking("carol"))
    assert time.monotonic() - began < BRIEF + 0.2
    assert node.sockets.open == []
    own_server.thaw()


def test_one_attempt_is_enough_when_it_is_back_and_then_it_is_waited_for_again(own_server):
    """One success, and it is no longer taken to be away; its time is learned, though connections that were kept are dead."""
    node = Node(own_server.url)
    node.log.records._clock = lambda: time.time() - 100.0
    lines = [node.process.line() for _ in range(3)]
    for line in lines:
        line.ask(1.0, ("PING",))
        node.process.keep(line)
    own_server.kill()
    seconds_to_fail(node, "alice")
    own_server.start()
    assert node.process.is_away
    node.process.line()  # another thread takes the one that was tried
    assert node.log.publish_now(revoking("bob")).recorded
    assert not node.process.is_away
    assert node.log.records.offset == pytest.approx(100.0, abs=1.0)
    own_server.kill()
    assert seconds_to_fail(node, "carol") > PATIENCE - 0.1


async def test_with_a_reader_one_attempt_is_made_and_the_outbox_goes_on(own_server, node, quick):
    """Nothing is raised then, and all of it is read elsewhere when Redis is back."""
    here = await node("alice", "bob", url=own_server.url).started()
    there = await node("alice", "bob", url=own_server.url).started()
    own_server.freeze()
    assert not (await here.log.publish(revoking("alice"))).recorded
    began = time.monotonic()
    receipt = await asyncio.to_thread(here.log.publish_now, revoking("bob"))
    assert time.monotonic() - began < BRIEF + 0.2 < TIME_DEADLINE + DEADLINE
    assert (receipt.recorded, receipt.closed, len(here.process.outbox)) == (False, 1, 2)
    own_server.thaw()
    await until(lambda: len(there.sockets.closed) == 2)
    await until(lambda: not here.process.outbox)


def test_a_child_finds_out_for_itself():
    """What its parent has waited for says nothing of its own connections."""
    node = Node(NOWHERE)
    seconds_to_fail(node, "alice")
    node.process.start_over()
    assert not node.process.is_away
