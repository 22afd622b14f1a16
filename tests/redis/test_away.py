"""Redis is away: who publishes waits for it once, and not again and again. How long is told by a clock of the tests."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from redis_nodes import Node, revoking, until

from wsauth.redis import process, publication
from wsauth.redis.line import Lines, ThreadLine
from wsauth.redis.publication import BRIEF, DEADLINE, TIME_DEADLINE
from wsauth.revocation.log import RevocationNotRecorded

NOWHERE = "redis://127.0.0.1:1/0"
PATIENCE = 0.6


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr("wsauth.redis.log.PATIENCE", PATIENCE)
    monkeypatch.setattr("wsauth.redis.log.PATIENCE_NOW", PATIENCE)


class Told:
    """The clock of those who publish: it goes on by what they sleep, and by what they grant a Redis that is frozen."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def sleep_on_a_loop(self, seconds: float) -> None:
        self.now += seconds

    def freeze(self, monkeypatch) -> None:
        """Have no question answered any more."""

        def hang(line, seconds, *commands, connecting):
            self.asked += 1
            self.now += seconds
            raise TimeoutError

        async def hang_on_a_loop(lines, seconds, *commands, connecting):
            hang(lines, seconds, *commands, connecting=connecting)

        monkeypatch.setattr(ThreadLine, "ask", hang)
        monkeypatch.setattr(Lines, "ask", hang_on_a_loop)


@pytest.fixture
def told(monkeypatch):
    clock = Told()
    monkeypatch.setattr(publication, "time", clock)
    monkeypatch.setattr(publication, "asyncio", SimpleNamespace(sleep=clock.sleep_on_a_loop))
    return clock


@pytest.fixture
def boot_clock(monkeypatch):
    """The clock that the pause is measured by."""
    now = [1000.0]
    monkeypatch.setattr(process, "elapsed", lambda: now[0])
    return now


def fail(node: Node, subject: str) -> None:
    with pytest.raises(RevocationNotRecorded) as raised:
        node.log.publish_now(revoking(subject))
    assert subject not in node.sockets.open, "it counts here in any case"
    assert raised.value.__cause__ is not None


def seconds_to_fail(node: Node, subject: str, told: Told) -> float:
    """Return how long its patience was; where nobody listens, the attempts themselves take no time."""
    began = told.now
    fail(node, subject)
    return told.now - began


def test_who_deletes_many_users_waits_once(told, boot_clock):
    """Each call raises and is enforced here, the first after all its patience, the others after one attempt."""
    people = [f"user{number}" for number in range(9)]
    node = Node(NOWHERE, *people)
    first, *others = [seconds_to_fail(node, name, told) for name in people]
    assert PATIENCE - 0.1 < first - TIME_DEADLINE < PATIENCE + 0.1
    assert others == [0.0] * 8
    boot_clock[0] += 4.9
    assert seconds_to_fail(node, "another", told) == 0.0


def test_five_seconds_later_it_is_waited_for_again(told, boot_clock):
    """Or one that is merely slow would never be given the time that it needs; short attempts put that off no further."""
    node = Node(NOWHERE)
    seconds_to_fail(node, "alice", told)
    boot_clock[0] += 3.0
    assert seconds_to_fail(node, "bob", told) == 0.0
    boot_clock[0] += 2.1
    assert seconds_to_fail(node, "carol", told) > PATIENCE - 0.1


async def test_one_that_is_frozen_holds_up_each_further_call_for_a_moment(told, boot_clock, monkeypatch):
    """The time and the attempt share 0.3 s, from a loop as from a thread."""
    node = Node(NOWHERE, "alice", "bob", "carol")
    told.freeze(monkeypatch)
    assert PATIENCE <= seconds_to_fail(node, "alice", told) - TIME_DEADLINE < PATIENCE + 0.1
    began, told.asked = told.now, 0
    fail(node, "bob")
    assert (told.asked, told.now - began) == (2, pytest.approx(BRIEF, abs=0.02))
    began = told.now
    with pytest.raises(RevocationNotRecorded, match=r"within 0\.3 s"):
        await node.log.publish(revoking("carol"))
    assert told.now - began == pytest.approx(BRIEF, abs=0.02)
    assert node.sockets.open == []


def test_one_attempt_is_enough_when_it_is_back_and_then_it_is_waited_for_again(own_server, told):
    """One success, and it is no longer taken to be away; its time is learned, though connections that were kept are dead."""
    node = Node(own_server.url)
    clock = node.log.records._clock
    node.log.records._clock = lambda: clock() - 100.0
    lines = [node.process.line() for _ in range(3)]
    for line in lines:
        line.ask(1.0, ("PING",))
        node.process.keep(line)
    own_server.kill()
    fail(node, "alice")
    own_server.start()
    assert node.process.is_away
    node.process.line()  # another thread takes the one that was tried
    assert node.log.publish_now(revoking("bob")).recorded
    assert not node.process.is_away
    assert node.log.records.offset == pytest.approx(100.0, abs=1.0)
    own_server.kill()
    assert seconds_to_fail(node, "carol", told) > PATIENCE - 0.1


async def test_with_a_reader_one_attempt_is_made_and_the_outbox_goes_on(own_server, node, quick, told, boot_clock):
    """Nothing is raised then, and all of it is read elsewhere when Redis is back."""
    here = await node("alice", "bob", url=own_server.url).started()
    there = await node("alice", "bob", url=own_server.url).started()
    with pytest.MonkeyPatch.context() as away:
        told.freeze(away)
        began = told.now
        assert not (await here.log.publish(revoking("alice"))).recorded
        assert told.now - began == pytest.approx(TIME_DEADLINE + DEADLINE, abs=0.1)
        began = told.now
        receipt = await asyncio.to_thread(here.log.publish_now, revoking("bob"))
        assert told.now - began == pytest.approx(BRIEF, abs=0.02)
    assert (receipt.recorded, receipt.closed, len(here.process.outbox)) == (False, 1, 2)
    await until(lambda: len(there.sockets.closed) == 2)
    await until(lambda: not here.process.outbox)


def test_a_child_finds_out_for_itself():
    """What its parent has waited for says nothing of its own connections."""
    node = Node(NOWHERE)
    fail(node, "alice")
    node.process.start_over()
    assert not node.process.is_away
