"""The task that follows the log: when there is one, what ends it, and that nothing is left."""

from __future__ import annotations

import asyncio
import contextvars
import logging

import pytest
from redis_nodes import NEVER, NODES, revoking, until

from wsauth.redis import reader


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(reader, "LINGER", 0.3)
    monkeypatch.setattr(reader, "FAILED", 0.05)


def clients(raw) -> int:
    return len(raw.client_list(_type="normal")) - 1


async def test_there_is_one_reader_for_each_loop(node):
    """However many handshakes there are."""
    one = await node().started()
    task = one.reader._task
    for _ in range(10):
        one.log.follow()
    assert one.reader._task is task
    assert len([each for each in asyncio.all_tasks() if each.get_name() == "wsauth-redis"]) == 1


async def test_it_does_not_run_in_the_context_of_a_handshake(node):
    """Database connections, locales and request ids of one client are not for the rest of the process."""
    variable = contextvars.ContextVar("variable")
    variable.set("of the handshake")
    seen = []
    one = await node("alice").started()
    one.sockets.enforce = lambda record: seen.append(variable.get("nothing")) or 0
    await (await node().started()).log.publish(revoking("alice"))
    await until(lambda: seen)
    assert seen == ["nothing"]


async def test_it_ends_after_the_last_connection(node, raw, quick, brief):
    """And leaves no task, no socket and no lease."""
    one = await node("alice").started()
    await one.log.publish(revoking("bob"))
    assert clients(raw) == 2
    assert raw.zcard(NODES) == 1
    await asyncio.sleep(0.8)
    assert one.reader.is_running
    one.sockets.open.clear()
    await until(lambda: not one.reader.is_running)
    await until(lambda: clients(raw) == 0)
    assert raw.zcard(NODES) == 0
    assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []


async def test_it_does_not_end_with_something_in_the_outbox(own_server, node, quick, monkeypatch):
    """What was said to be tried again is tried again."""
    monkeypatch.setattr(reader, "LINGER", 1.0)  # longer than a publication asks for the time
    one = await node(url=own_server.url).started()
    own_server.kill()
    assert not (await one.log.publish(revoking("alice"))).recorded
    await asyncio.sleep(1.2)
    assert one.reader.is_running
    own_server.start()
    await until(lambda: not one.process.outbox)
    await until(lambda: not one.reader.is_running)


async def test_it_starts_again_where_it_stood(node, quick, brief, caplog):
    """After an idle time nothing is missed, and where the stream is whole it is not read again."""
    here, there = await node("bob").started(), await node().started()
    await here.log.publish(revoking("carol"))
    await until(lambda: not there.reader.is_running)
    await here.log.publish(revoking("alice"))
    assert not there.knows("alice")
    silence = there.log.silence
    await asyncio.sleep(0.1)
    assert there.log.silence > silence
    await there.started()
    assert there.knows("alice", "carol")
    assert "read again" not in caplog.text


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_it_starts_again_after_its_end(node, raw, quick, brief, monkeypatch, how, caplog):
    """Whatever ended it; until then the silence grows."""
    here, there = await node("bob").started(), await node("alice").started()
    if how == "cancelled":
        there.reader._task.cancel()
        await until(lambda: not there.reader.is_running)
        assert there.process.node.encode() not in raw.zrange(NODES, 0, -1)
    else:

        def broken(*_, **__):
            raise LookupError("no such thing")

        with monkeypatch.context() as patch:
            patch.setattr(there.log.records, "take", broken)
            await here.log.publish(revoking("carol"))
            await until(lambda: "no such thing" in caplog.text)
            assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    await here.log.publish(revoking("alice"))
    await asyncio.sleep(0.3)
    there.log.follow()
    await until(lambda: there.sockets.closed == ["alice"])
    assert await there.log.catch_up(NEVER)


async def test_a_fault_is_said_with_its_cause_and_not_each_time(node, quick, monkeypatch, caplog):
    """Whoever reads the log of the application learns why, once a minute."""
    one, attempts = node(url="redis://user:passw0rd@127.0.0.1:1/0"), []
    one.log.follow()
    step = one.reader._follower.step

    async def counted(waits):
        attempts.append(waits)
        await step(waits)

    monkeypatch.setattr(one.reader._follower, "step", counted)
    await until(lambda: len(attempts) == 4)
    said = [record.getMessage() for record in caplog.records if record.name == "wsauth"]
    assert len(said) == 1
    assert "127.0.0.1:1" in said[0]
    assert "passw0rd" not in caplog.text


async def test_cycles_leave_nothing(node, raw, quick, brief):
    """Start and end, again and again: tasks and sockets are as before."""
    one = node()
    for _ in range(5):
        await one.started()
        await until(lambda: not one.reader.is_running)
    await until(lambda: clients(raw) == 0)
    assert len(one.process.readers) == 1
