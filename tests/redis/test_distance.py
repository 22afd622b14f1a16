"""Redis far away, over TLS and with a password; and what keeps a connection from being made, named by its phase."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
import time

import pytest
from redis_far import PASSWORD, TLSServer, far
from redis_nodes import Node, revoking, until
from redis_server import free_port

from wsauth.redis import connecting
from wsauth.redis.address import Address
from wsauth.redis.commands import TIME
from wsauth.redis.faults import FAULTS, Late, Unreached
from wsauth.redis.line import Line, ThreadLine

SOME = [0.0, 0.2, 0.5]  # seconds of a round trip
ALL = [0.0, 0.1, 0.2, 0.3, 0.5]
PEOPLE = ("alice", "bob", "carol", "dave")

kinds = pytest.mark.parametrize("kind", [Line, ThreadLine])


@pytest.fixture(scope="module")
def tls_server():
    with TLSServer() as server:
        yield server


async def asked(line: Line | ThreadLine, *commands, seconds: float = 1.0, **options):
    if isinstance(line, Line):
        return await line.ask(seconds, *commands, **options)
    return await asyncio.to_thread(line.ask, seconds, *commands, **options)


async def dropped(line: Line | ThreadLine) -> None:
    if isinstance(line, Line):
        await line.drop()
    else:
        line.drop()


async def revoke_over(server: TLSServer, distance: float, make) -> None:
    """Two processes that read, and one that does not, at that distance: all is recorded, enforced and answered."""
    namespace = f"far-{secrets.token_hex(4)}"  # the server has those of other tests, too
    async with far(server.tls_port, distance) as proxy:
        url = server.tls_url(proxy.port, database=3)
        here, there, idle = (make(*people, url=url, namespace=namespace) for people in (PEOPLE[:2], PEOPLE, ()))
        await asyncio.gather(here.started(), there.started())
        *receipts, carol, dave = await asyncio.gather(
            here.log.publish(revoking("alice"), 5.0),
            asyncio.to_thread(here.log.publish_now, revoking("bob"), 5.0),
            idle.log.publish(revoking("carol")),
            asyncio.to_thread(idle.log.publish_now, revoking("dave")),
        )
        for receipt in receipts:
            assert (receipt.recorded, receipt.closed, receipt.answered, receipt.missing) == (True, 2, 1, frozenset())
        assert carol.recorded
        assert dave.recorded
        await until(lambda: there.sockets.open == [])
        await until(lambda: here.knows("carol", "dave"))
        await until(lambda: not here.process.outbox)
        assert here.log.silence < 5.0
        await asyncio.gather(*(ended(each) for each in (here, there)))


async def ended(node: Node) -> None:
    node.reader._task.cancel()
    await asyncio.gather(node.reader._task, return_exceptions=True)


async def test_revocations_reach_far_away(tls_server, node, caplog):
    """Over TLS with a password, from a loop and from a thread, with and without a reader; nothing is said to be wrong."""
    await asyncio.gather(*(revoke_over(tls_server, distance, node) for distance in SOME))
    assert [record.getMessage() for record in caplog.records if record.name == "wsauth"] == []


@pytest.mark.full_length
@pytest.mark.parametrize("distance", ALL)
async def test_revocations_reach_any_distance(tls_server, node, caplog, distance):
    """The same for each distance alone."""
    await revoke_over(tls_server, distance, node)
    assert [record.getMessage() for record in caplog.records if record.name == "wsauth"] == []


async def test_a_process_that_leaves_gives_up_its_lease_from_far_away(tls_server, node):
    """Nobody waits for its answer."""
    async with far(tls_server.tls_port, 0.3) as proxy:
        here = await node(url=tls_server.tls_url(proxy.port), namespace="leaves").started()
        there = await node(url=tls_server.tls_url(), namespace="leaves").started()
        await ended(here)
        receipt = await there.log.publish(revoking("alice"), 1.0)
        assert receipt.missing == frozenset()


@kinds
async def test_a_connection_takes_few_round_trips(tls_server, kind):
    """The log-in goes in one piece: user or password and database are one round trip, and nothing else is asked for."""
    seen: list[bytes] = []

    async def record(reader, writer):
        with contextlib.closing(writer):
            while data := await reader.read(4096):
                seen.append(data)
                writer.write(b"+OK\r\n" * data.count(b"*"))

    async with await asyncio.start_server(record, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        line = kind(Address(f"redis://bob:{PASSWORD}@127.0.0.1:{port}/3?client_name=chat"))
        assert await asked(line, TIME) == [b"OK"]
        await dropped(line)
        await until(lambda: len(seen) == 2)
        await asyncio.sleep(0)
    assert [word in seen[0] for word in (b"AUTH", b"SETNAME", b"SELECT", b"SETINFO", b"TIME")] == [True] * 3 + [
        False
    ] * 2


# What takes too long, or fails, and where


@contextlib.asynccontextmanager
async def silent():
    """A port that accepts and says nothing."""
    writers = []

    async def accept(reader, writer):
        writers.append(writer)

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for writer in writers:
            writer.close()


@contextlib.contextmanager
def full():
    """A port that takes no more connections: what is sent to it is lost, as with a host that is gone."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    waiting.connect(("127.0.0.1", port))
            yield port


@kinds
@pytest.mark.parametrize(("start", "phase"), [("rediss://", "TLS"), ("redis://:secret@", "the log-in")])
async def test_a_phase_that_hangs_is_named_in_time(kind, start, phase):
    """And so are those that were done, with what they took; never the password."""
    async with silent() as port:
        with pytest.raises(Late, match=rf"TCP took \d\.\d s, .*{phase} was not done within 0\.3 s") as raised:
            await asked(kind(Address(f"{start}127.0.0.1:{port}")), TIME, connecting=0.3)
    assert "secret" not in str(raised.value)


@kinds
async def test_a_host_that_takes_no_connection_is_named_in_time(kind):
    """A host that is gone answers nothing at all."""
    with full() as port, pytest.raises(Late, match=r"TCP was not done within 0\.3 s"):
        await asked(kind(Address(f"redis://127.0.0.1:{port}")), TIME, connecting=0.3)


@kinds
async def test_a_name_that_is_not_resolved_is_named_in_time(kind, monkeypatch):
    """However long the resolver takes: one thread waits for it, however many ask, and none of the application's."""
    hangs = threading.Event()
    asked_for: list[str] = []

    def slow(host, *_, **__):
        asked_for.append(host)
        hangs.wait(10.0)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    for _ in range(3):
        with pytest.raises(Late, match=r"^the name was not done within 0\.1 s"):
            await asked(kind(Address("redis://redis.example:6379")), TIME, connecting=0.1)
    assert asked_for == ["redis.example"]
    hangs.set()
    await until(lambda: not connecting._pending)


@kinds
async def test_a_name_that_does_not_exist_is_named(kind, monkeypatch):
    """At once."""

    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreached, match=r"the name failed: gaierror: .*not known"):
        await asked(kind(Address("redis://redis.example:6379")), TIME)


@kinds
async def test_the_second_address_of_a_host_is_tried(kind, server, monkeypatch):
    """One that is gone takes its share of the time, not all of it."""
    with full() as gone:
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (gone, server.port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
        line = kind(Address("redis://redis.example:6379"))
        assert await asked(line, ("ECHO", "a"), connecting=1.0) == [b"a"]
        await dropped(line)


@kinds
async def test_a_certificate_that_is_not_trusted_is_said_with_the_remedy(kind, tls_server, node, caplog):
    """And so is a port that does not speak TLS; neither with the password."""
    url = f"rediss://:{PASSWORD}@127.0.0.1:{tls_server.tls_port}/0"
    with pytest.raises(Unreached, match="TLS failed: SSLCertVerificationError") as raised:
        await asked(kind(Address(url)), TIME)
    assert PASSWORD not in str(raised.value)


async def test_a_command_has_its_second_beyond_the_distance(tls_server):
    """A line that has learned how far away Redis is waits longer for it."""
    async with far(tls_server.tls_port, 0.4) as proxy:
        line = Line(Address(tls_server.tls_url(proxy.port)))
        with pytest.raises(Late):
            await line.ask(0.1, TIME)
        await line.ask(1.0, TIME)
        await line.ask(0.1, TIME)
        assert line._address.distance >= 0.4
        await line.drop()


def test_what_is_far_is_given_more_time_and_no_end_of_it():
    """A call that waits grants a connection eight round trips, up to what a reader grants it, and a command three."""
    address = Address("redis://h")
    granted = []
    for address.distance in (0.0, 0.1, 0.5, 60.0):
        granted.append((round(address.within(1.0), 1), round(address.connecting, 1)))
    assert granted == [(1.0, 1.0), (1.3, 1.8), (2.5, 5.0), (2.5, 5.0)]


@pytest.mark.full_length
async def test_a_far_redis_that_freezes_holds_up_nobody_for_long(node):
    """What is enforced here is enforced soon, and the call returns when a reader goes on."""
    with TLSServer() as server:
        async with far(server.tls_port, 0.2) as proxy:
            here = await node("alice", url=server.tls_url(proxy.port)).started()
            await here.log.publish(revoking("nobody"))
            server.freeze()
            began = time.monotonic()
            publishing = asyncio.create_task(here.log.publish(revoking("alice")))
            await until(lambda: here.sockets.closed)
            assert not (await publishing).recorded
            assert time.monotonic() - began < 6.0
            server.thaw()
            await until(lambda: not here.process.outbox)
            await ended(here)


def test_nobody_listens():
    """The phase, the cause and the place are in the exception, without the password."""
    line = ThreadLine(Address(f"redis://bob:{PASSWORD}@127.0.0.1:{free_port()}/2"))
    with pytest.raises(FAULTS, match="TCP failed: ConnectionRefusedError") as raised:
        line.ask(1.0, TIME)
    assert PASSWORD not in repr(raised.value)
