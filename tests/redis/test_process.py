"""What a process does with the time that Redis tells, with its outbox, and while it waits for others."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import redis
from redis_nodes import LOG, NEVER, SECRET, revoking, until

from wsauth.redis import follower
from wsauth.redis.commands import Commands
from wsauth.redis.line import Address, Line
from wsauth.redis.process import Process
from wsauth.redis.signing import Keyring
from wsauth.revocation.records import Records

NOW = 1_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def process() -> Process:
    return Process(Address("redis://localhost"), Commands("test"), Keyring([SECRET], "test"), Records(Clock()))


def test_an_answer_that_came_late_does_not_put_the_clock_wrong(process: Process):
    """Redis stood still, or this loop did: when of these seconds the time was read is not known."""
    process.set_clock(0.9, NOW)
    process.set_clock(0.9, NOW - 0.8)
    assert process.records.offset == 0.0


def test_answers_that_came_together_correct_the_clock_once(process: Process):
    """Publishers ask at the same time, and each learns the same."""
    for _ in range(10):
        process.set_clock(0.002, NOW + 5.0)
    assert process.records.offset == pytest.approx(5.0, abs=0.003)


@pytest.mark.parametrize("ahead", [-100.0, -0.5, 0.5, 100.0])
def test_the_time_of_redis_is_known_as_exactly_as_the_fastest_answer_tells(process: Process, ahead: float):
    """Slower ones change nothing any more."""
    for took in (0.8, 0.01, 0.5, 0.002, 1.0):
        process.set_clock(took, NOW + ahead - took / 2)
    assert process.records.offset == pytest.approx(ahead, abs=0.003)


def test_a_clock_that_was_set_is_learned_at_once(process: Process):
    """This machine's clock goes back by an hour; that of Redis does not."""
    process.set_clock(0.002, NOW)
    process.records._clock.now -= 3600.0
    process.set_clock(0.002, NOW)
    assert abs(process.records.now() - NOW) < 0.003


async def test_a_machine_whose_clock_is_off_says_so(node, caplog):
    """It stamps by the clock of Redis all the same."""
    one = node()
    one.log.records._clock = lambda: time.time() + 3600.0
    await one.started()
    assert one.log.clock.off_by == pytest.approx(3600.0, abs=5.0)
    assert (
        len([record for record in caplog.records if "s ahead of that of the revocation log" in record.getMessage()])
        == 1
    )
    await one.log.publish(revoking("alice"))
    assert one.log.records.live()[0].at == pytest.approx(time.time(), abs=60.0)


async def test_what_an_outage_left_in_the_outbox_is_read_elsewhere_at_once(own_server, node, monkeypatch):
    """However much it is: it goes in chunks, between two reads, each as soon as the one before has come back."""
    here = await node(url=own_server.url).started()
    there = await node("last", url=own_server.url).started()
    many = 5 * follower.CHUNK
    records = [revoking(f"user{number}")(time.time()) for number in range(many)] + [revoking("last")(time.time())]
    with redis.Redis(port=own_server.port) as raw:
        for record in records:
            here.log.records.apply(record)
            here.process.outbox[record.id] = (time.monotonic() - 30.0, record)
        vain = reads_in_vain(here, monkeypatch)
        await until(lambda: there.sockets.closed and not here.process.outbox)
        assert raw.xlen(LOG) == len(records), "each is sent once"
    assert len(vain) <= 2, "the read that waited before, and one after"


def reads_in_vain(node, monkeypatch):
    """The reads of a node that wait for a second and find nothing, from now on."""
    ask, own, vain = Line.ask, node.reader._follower.line, []

    async def asked(line, seconds, *commands):
        answers = await ask(line, seconds, *commands)
        if line is own and commands[0][0] == "XREAD" and answers == [None]:
            vain.append(commands)
        return answers

    monkeypatch.setattr(Line, "ask", asked)
    return vain


async def test_who_waits_for_others_to_add_what_was_lost_reads_on(node, raw, monkeypatch):
    """What is revoked in that second is enforced at once, and is not lost with the next accident."""
    ahead = [0.0]
    monkeypatch.setattr(follower, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0]))
    monkeypatch.setattr(follower.random, "uniform", lambda least, most: NEVER)
    here = await node("bob").started()
    await here.log.publish(revoking("alice"))
    await until(lambda: not here.process.outbox)
    raw.delete(LOG)
    await until(lambda: here.reader._follower._loss is not None)
    node().log.publish_now(revoking("bob"))
    await until(lambda: here.sockets.closed)
    assert raw.xlen(LOG) == 1, "it still waits"
    ahead[0] = 2 * NEVER
    node().log.publish_now(revoking("carol"))
    await until(lambda: raw.xlen(LOG) == 3)


def test_a_read_never_waits_for_ever():
    """BLOCK 0 would."""
    assert Commands("test").read(b"0-0", 0.0001)[3:5] == ("BLOCK", 1)
