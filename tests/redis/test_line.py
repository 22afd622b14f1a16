"""Connections to Redis: they give up in time, and what went wrong is not used again."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import warnings

import pytest
from redis.exceptions import ResponseError
from redis_far import TLSServer
from redis_nodes import NEVER, SECRET, revoking, until

from wsauth.redis import RedisLog
from wsauth.redis.commands import TIME
from wsauth.redis.line import FAULTS, Address, Line, Lines, ThreadLine

BLOCKS = ("BLPOP", "nothing", "0")
ECHOES = ("ECHO", b"\xff")


@pytest.fixture
def address(server):
    return Address(server.url)


async def asked(line: Line | ThreadLine, seconds: float, *commands):
    if isinstance(line, Line):
        return await line.ask(seconds, *commands)
    return await asyncio.to_thread(line.ask, seconds, *commands)


kinds = pytest.mark.parametrize("kind", [Line, ThreadLine])


@kinds
async def test_answers_are_bytes_in_the_order_of_the_commands(address, kind):
    """And a stream that is not there is None."""
    line = kind(address)
    assert await asked(line, 1.0, ECHOES, ("XINFO", "STREAM", "nothing"), ("ECHO", "b")) == [b"\xff", None, b"b"]
    await drop(line)


@kinds
async def test_it_gives_up_in_time(address, kind):
    """Whatever Redis does; and the next question gets its own answer."""
    line = kind(address)
    began = time.monotonic()
    async with asyncio.timeout(NEVER):
        with pytest.raises(TimeoutError):
            await asked(line, 0.3, BLOCKS)
    assert time.monotonic() - began > 0.25
    assert await asked(line, 1.0, ECHOES) == [b"\xff"]
    await drop(line)


@kinds
async def test_it_gives_up_on_a_redis_that_is_frozen(own_server, kind):
    """Also where the connection is made by the kernel, and nobody takes it."""
    own_server.freeze()
    line = kind(Address(own_server.url))
    async with asyncio.timeout(NEVER):
        with pytest.raises(FAULTS):
            await asked(line, 0.3, TIME)
    own_server.thaw()


@kinds
async def test_an_error_among_the_answers_is_raised(address, raw, kind):
    """And none of the answers behind it is left for the next question."""
    raw.set("text", "x")
    line = kind(address)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await asked(line, 1.0, ECHOES, ("XINFO", "STREAM", "text"), ("ECHO", "behind"))
    assert await asked(line, 1.0, ECHOES) == [b"\xff"]
    await drop(line)


@kinds
async def test_a_log_in_that_is_refused_is_not_quoted(kind):
    """A server that knows no AUTH repeats what it was sent, and that is the password."""

    async def repeat(reader, writer):
        try:
            while asked_for := await reader.read(4096):
                writer.write(b"-ERR unknown command, with args beginning with: %r\r\n" % asked_for)
        finally:
            writer.close()

    async with await asyncio.start_server(repeat, "127.0.0.1", 0) as impostor:
        port = impostor.sockets[0].getsockname()[1]
        with pytest.raises(FAULTS, match="refuses the log-in") as raised:
            await asked(kind(Address(f"redis://bob:s3cret@127.0.0.1:{port}/0")), 1.0, TIME)
    assert not isinstance(raised.value, ResponseError), "it would be taken for an answer"
    assert "s3cret" not in str(raised.value)
    assert raised.value.__suppress_context__, "a traceback would show what it was"


async def test_a_cancelled_question_leaves_no_answer(address):
    """CVE-2023-28858."""
    line = Line(address)
    await line.ask(1.0, TIME)
    for turns in range(12):
        task = asyncio.create_task(line.ask(1.0, ("ECHO", f"cancelled {turns}")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await line.ask(1.0, ("ECHO", f"{turns}")) == [str(turns).encode()]
    await line.drop()


async def test_lines_are_bounded_and_closed(address, raw):
    """A thousand revocations at once make a few connections, and one is left where nobody keeps them."""
    lines = Lines(address)
    for keeps, left in ((False, 1), (True, 32)):
        lines.keeps = keeps
        answers = await asyncio.gather(*(lines.ask(5.0, ("ECHO", str(number))) for number in range(300)))
        assert answers == [[str(number).encode()] for number in range(300)]
        await until(lambda left=left: len(raw.client_list(_type="normal")) - 1 == left)
    await lines.close()


@pytest.mark.parametrize("url", ["rediss://h:1/0", "unix:///run/redis.sock", "redis://u:p@h:1/2?decode_responses=true"])
def test_addresses_of_all_kinds(url):
    """TLS, sockets in the file system; and what an address says of decoding does not count."""
    address = Address(url)
    assert not address.for_loops().encoder.decode_responses
    assert not address.for_threads().encoder.decode_responses


async def drop(line: Line | ThreadLine) -> None:
    if isinstance(line, Line):
        await line.drop()
    else:
        line.drop()


# One that is kept where nobody reads


def made(raw) -> int:
    return raw.info("stats")["total_connections_received"]


def others(raw) -> int:
    return len(raw.client_list(_type="normal")) - 1


@pytest.fixture
def log(server):
    return RedisLog(server.url, secrets=[SECRET], namespace="test")


async def test_a_process_without_a_reader_revokes_over_one_connection(log, raw):
    """It is kept for the next call; two for each were most of what a revocation costs."""
    before = made(raw)
    for number in range(20):
        assert (await log.publish(revoking(f"user{number}"))).recorded
    assert made(raw) - before == 1


async def test_it_is_closed_when_nobody_has_used_it_for_a_while(log, raw, monkeypatch):
    """And another is made when it is needed; no task is left either."""
    monkeypatch.setattr("wsauth.redis.line.IDLE", 0.1)
    for _ in range(2):
        assert (await log.publish(revoking("alice"))).recorded
        assert others(raw) == 1
        await until(lambda: others(raw) == 0)
    assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []


async def test_one_that_died_meanwhile_is_made_again(log, raw):
    """Redis closes what is idle, when it is told to."""
    assert (await log.publish(revoking("alice"))).recorded
    raw.client_kill_filter(_type="normal", skipme=True)
    assert (await log.publish(revoking("bob"))).recorded


async def test_a_reader_that_starts_takes_it_over(log, raw):
    """And closes it when it ends."""
    assert (await log.publish(revoking("alice"))).recorded
    log.follow()
    assert await log.catch_up(5.0)
    before = made(raw)
    assert (await log.publish(revoking("bob"))).recorded
    assert made(raw) == before
    reader = log._reader()
    reader._task.cancel()
    await asyncio.gather(reader._task, return_exceptions=True)
    await until(lambda: others(raw) == 0)


@pytest.mark.parametrize("tls", [False, True])
def test_a_loop_that_ends_closes_it(log, raw, tls):
    """`async_to_sync` makes one for each call. With TLS nobody waits for the other side to say good-bye."""
    if tls:
        with TLSServer() as server:
            secured = RedisLog(server.tls_url(), secrets=[SECRET])
            for _ in range(3):
                assert asyncio.run(secured.publish(revoking("alice"))).recorded
                gc.collect()
        return
    for _ in range(3):
        assert asyncio.run(log.publish(revoking("alice"))).recorded
        gc.collect()
    assert others(raw) == 0


def test_two_loops_share_nothing(log, raw):
    """Each has its own connection, and ends it."""

    async def publish(name):
        for number in range(10):
            assert (await log.publish(revoking(f"{name}{number}"))).recorded

    before = made(raw)
    threads = [threading.Thread(target=lambda name=name: asyncio.run(publish(name))) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made(raw) - before == 3
    assert others(raw) == 0


async def test_a_child_makes_its_own(log, raw):
    """What its parent keeps is left alone by it, and still works when the child has ended."""
    assert (await log.publish(revoking("parent"))).recorded
    before = made(raw)
    child = os.fork()
    if not child:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                os._exit(0 if log.publish_now(revoking("child")).recorded and log._process.readers == {} else 1)
            finally:
                os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (await log.publish(revoking("parent again"))).recorded
    assert made(raw) - before == 1, "of the child"
