"""What the log says when something is wrong with Redis: the cause at once, what to do, and never the password."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import traceback
from contextlib import closing

import pytest
import redis
from redis_far import PASSWORD, TLSServer
from redis_nodes import LOG, NODES, Node, revoking, until
from redis_server import RedisServer, free_port

from wsauth.core.errors import ConfigurationError
from wsauth.redis import follower, process
from wsauth.redis.address import Address
from wsauth.redis.commands import TIME
from wsauth.redis.faults import FAULTS, code_of, explain
from wsauth.redis.line import Line, ThreadLine
from wsauth.revocation.log import RevocationNotRecorded

kinds = pytest.mark.parametrize("kind", [Line, ThreadLine])


def said(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "wsauth"]


async def fault_of(line: Line | ThreadLine) -> Exception:
    """What is raised when the time is asked."""
    with pytest.raises(FAULTS) as raised:
        await (line.ask(1.0, TIME) if isinstance(line, Line) else asyncio.to_thread(line.ask, 1.0, TIME))
    return raised.value


async def answered(kind, reply: bytes, url: str = "redis://127.0.0.1:{}"):
    """What is raised where each command is answered by that."""

    async def answer(reader, writer):
        with closing(writer):
            while asked_for := await reader.read(4096):
                line = reply.replace(b"<sent>", asked_for.replace(b"\r\n", b" ")) + b"\r\n"
                writer.write(line * asked_for.count(b"*"))

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = Address(url.format(server.sockets[0].getsockname()[1]))
        fault = await fault_of(kind(address))
        await asyncio.sleep(0.01)
    return fault, address


# Each cause

CAUSES = {
    b"-READONLY You can't write against a read only replica.": ("READONLY", "address of the primary"),
    b"-UNBLOCKED force unblock from blocking operation, instance state changed": ("UNBLOCKED", "become a replica"),
    b"-MASTERDOWN Link with MASTER is down": ("MASTERDOWN", "address of the primary"),
    b"-OOM command not allowed when used memory > 'maxmemory'.": ("OOM", "maxmemory"),
    b"-ERR Error running script: @user_script:4: -OOM command not allowed": ("OOM", "maxmemory"),
    b"-MISCONF Redis is configured to save RDB snapshots": ("MISCONF", "its own log"),
    b"-NOREPLICAS Not enough good replicas to write.": ("NOREPLICAS", "min-replicas-to-write"),
    b"-LOADING Redis is loading the dataset in memory": ("LOADING", "by itself"),
    b"-BUSY Redis is busy running a script.": ("BUSY", "SCRIPT KILL"),
    b"-NOAUTH Authentication required.": ("NOAUTH", "redis://user:password@"),
    b"-NOPERM User chat has no permissions to run the 'time' command": ("NOPERM", "docs/redis.md"),
    b"-DENIED Redis is running in protected mode": ("DENIED", "protected mode"),
    b"-ERR max number of clients reached": ("MAXCLIENTS", "maxclients"),
    b"-MOVED 8166 10.0.0.7:6380": ("MOVED", "redis://10.0.0.7:6380/0"),
    b"-ASK 8166 10.0.0.7:6380": ("ASK", "Redis Cluster"),
    b"-CROSSSLOT Keys in request don't hash to the same slot": ("CROSSSLOT", "Redis Cluster"),
    b"-CLUSTERDOWN Hash slot not served": ("CLUSTERDOWN", "Redis Cluster"),
    b"-TRYAGAIN Multiple keys request during rehashing of slot": ("TRYAGAIN", "Redis Cluster"),
}


@kinds
@pytest.mark.parametrize("reply", CAUSES)
async def test_a_cause_is_named_with_what_to_do(kind, reply):
    """Each is a kind of its own."""
    fault, address = await answered(kind, reply)
    code, remedy = CAUSES[reply]
    assert code_of(fault) == code
    kind_of, text = explain(fault, address)
    assert kind_of.startswith(code)
    assert remedy in text


@kinds
@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 400 Bad Request", b"-MOVED nonsense", b"\x15\x03\x03\x00\x02", b"*x", b":x", b""]
)
async def test_what_is_no_redis_is_a_fault(kind, reply):
    """And nothing else than one, whatever it answers."""
    fault, address = await answered(kind, reply) if reply else (OSError("broken"), Address("redis://h"))
    assert explain(fault, address).text


@kinds
@pytest.mark.parametrize(
    "code", [b"WRONGPASS", b"LOADING", b"NOAUTH", b"ERR", b"READONLY", b"MOVED", b"EXECABORT", b"X"]
)
async def test_no_answer_to_a_log_in_is_shown(kind, code):
    """Whatever it is called: it may quote what was sent, and that is the password."""
    fault, address = await answered(kind, b"-" + code + b" <sent>", f"redis://bob:{PASSWORD}@127.0.0.1:{{}}/3")
    for text in (str(fault), repr(fault), explain(fault, address).text, explain(fault, address).kind):
        assert PASSWORD not in text
    assert fault.__suppress_context__
    assert fault.__cause__ is None


@kinds
async def test_an_answer_cannot_forge_a_line(kind):
    """Nor fill the log."""
    fault, address = await answered(kind, b"-ERR \x1b[31m\x00" + b"x" * 5000)
    text = explain(fault, address).text
    assert text.isprintable()
    assert len(text) < 300


@kinds
async def test_no_variable_of_a_traceback_holds_the_password(kind):
    """Error reporters print them."""
    fault, _ = await answered(kind, b"-WRONGPASS <sent>", f"redis://bob:{PASSWORD}@127.0.0.1:{{}}/3")
    frames = [frame for frame, _ in traceback.walk_tb(fault.__traceback__) if "test_" not in frame.f_code.co_filename]
    assert frames
    for frame in frames:
        assert PASSWORD not in repr(frame.f_locals), frame


# One kind for each cause


def test_a_new_cause_is_said_at_once_and_an_old_one_seldom(caplog, monkeypatch):
    """However many of another were said a moment ago; and what was left out is counted."""
    now = [1000.0]
    monkeypatch.setattr(process.time, "monotonic", lambda: now[0])
    one = Node("redis://127.0.0.1:1/0").process
    for fault in (
        ConnectionResetError("a"),
        redis.exceptions.ReadOnlyError("b"),
        redis.exceptions.MovedError("1 h:2"),
    ) * 5:
        one.say_fault(logging.WARNING, "", fault)
    assert len(said(caplog)) == 3
    now[0] += 61.0
    one.say_fault(logging.WARNING, "", ConnectionResetError("a"))
    assert said(caplog)[-1].endswith("(and 4 times more in the last 61 s)")


def test_a_hostile_redis_makes_no_endless_kinds(caplog):
    """Each answer may be another one."""
    one = Node("redis://127.0.0.1:1/0").process
    for number in range(1000):
        one.say_fault(logging.WARNING, "", redis.exceptions.ResponseError(f"{number} is wrong"))
    assert len(said(caplog)) <= 101
    assert len(one._said) <= 101


async def test_the_cause_that_comes_after_another_is_said_at_once(own_server, node, quick, caplog, monkeypatch):
    """First it is away, then it is back as a replica."""
    monkeypatch.setattr(follower, "RENEW", 0.2)
    one = await node("alice", url=own_server.url).started()
    own_server.kill()
    await until(lambda: "refused" in caplog.text.lower())
    own_server.options = ("--replicaof", "127.0.0.1 1")
    own_server.start()
    await until(lambda: "ReadOnlyError" in caplog.text)
    assert one.log.silence > 0


# Keys that hold something else


async def test_a_stream_that_is_none_is_said_with_the_line_that_mends_it(node, raw, quick, caplog):
    """And when that was done, all of them see again."""
    here, there = await node().started(), await node("alice").started()
    await here.log.publish(revoking("bob"))
    await until(lambda: not here.process.outbox)
    raw.set(LOG, "something else")
    mends = f"redis-cli -h 127.0.0.1 -p {here.process.address.port} -n 0 DEL '{LOG}'"
    await until(lambda: mends in caplog.text)
    assert not (await here.log.publish(revoking("alice"))).recorded
    with pytest.raises(RevocationNotRecorded) as raised:
        await asyncio.to_thread(away(node()).log.publish_now, revoking("carol"))
    assert mends in str(raised.value)
    raw.delete(LOG)
    await until(lambda: there.sockets.closed == ["alice"])
    await until(lambda: there.knows("bob"))


def away(one: Node) -> Node:
    """A process that makes one attempt, as one that has just waited in vain."""
    one.process.gave_up()
    return one


async def test_leases_that_are_none_stop_neither_reading_nor_recording(node, raw, quick, caplog):
    """Only a receipt cannot say who did not answer."""
    raw.set(NODES, "something else")
    here, there = await node().started(), await node("alice").started()
    assert (await here.log.publish(revoking("alice"))).recorded
    await until(lambda: there.sockets.closed == ["alice"])
    receipt = await here.log.publish(revoking("bob"), 0.3)
    assert receipt.recorded
    assert receipt.missing == {"unknown"}
    assert f"DEL '{NODES}'" in caplog.text


async def test_answers_that_are_none_disturb_nobody(node, raw, quick, caplog, monkeypatch):
    """The receipt lacks them; the reader goes on where it was."""
    there = await node("alice").started()
    here = await node().started()
    record = revoking("alice")(time.time())
    monkeypatch.setattr("wsauth.redis.publication.replace", lambda made, **changed: made)
    object.__setattr__(record, "reply", record.id)
    raw.set(f"{{wsauth:test}}:reply:{record.id}", "something else")
    await here.log.publish(lambda at: record, 0.3)
    await until(lambda: there.sockets.closed == ["alice"])
    await until(lambda: f"DEL '{{wsauth:test}}:reply:{record.id}'" in caplog.text)
    assert await there.log.catch_up(2.0)
    assert "read again" not in caplog.text


# Sentinels and clusters


@pytest.fixture
def sentinel(own_server):
    with RedisServer("--sentinel", config=f"sentinel monitor mymaster 127.0.0.1 {own_server.port} 1\n") as watcher:
        yield watcher


@kinds
@pytest.mark.parametrize("path", ["/0", "/3"])
async def test_a_sentinel_is_named_with_the_address_of_its_primary(sentinel, own_server, kind, path):
    """Whether it is met at the log-in or at a command."""
    address = Address(f"redis://127.0.0.1:{sentinel.port}{path}")
    fault = await fault_of(kind(address))
    assert "Sentinel" in str(fault)
    assert f"redis://127.0.0.1:{own_server.port}{path} (mymaster)" in str(fault)


async def test_the_log_and_the_exception_name_a_sentinel(sentinel, own_server, node, caplog):
    """Who reads them, and who publishes."""
    one = node(url=sentinel.url)
    one.log.follow()
    await until(lambda: f"redis://127.0.0.1:{own_server.port}/0" in caplog.text)
    with pytest.raises(RevocationNotRecorded, match="Sentinel"):
        await asyncio.to_thread(away(node(url=sentinel.url)).log.publish_now, revoking("alice"))


@pytest.fixture
def cluster():
    """Two nodes, of which the first holds every slot."""
    options = [("--cluster-enabled", "yes", "--cluster-port", str(free_port())) for _ in range(2)]
    with RedisServer(*options[0]) as first, RedisServer(*options[1]) as second:
        with redis.Redis(port=first.port) as raw, redis.Redis(port=second.port) as other:
            raw.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            other.execute_command("CLUSTER", "MEET", "127.0.0.1", first.port, options[0][3])
            ends = time.monotonic() + 10.0
            while b"cluster_slots_ok:16384" not in other.execute_command(
                "CLUSTER", "INFO"
            ) or b"state:ok" not in raw.execute_command("CLUSTER", "INFO"):
                assert time.monotonic() < ends
                time.sleep(0.05)
        yield first, second


async def test_a_cluster_is_named_with_the_node_that_holds_the_keys(cluster, node, caplog):
    """Through another of its nodes nothing can be read; through that one it can, and the log warns of what may come."""
    first, second = cluster
    one = node(url=second.url)
    one.log.follow()
    await until(lambda: f"redis://127.0.0.1:{first.port}/0" in caplog.text)
    assert "Redis Cluster" in caplog.text
    caplog.clear()
    await node(url=first.url).started()
    await until(lambda: "Redis Cluster" in caplog.text)


async def test_a_cluster_without_slots_is_named(node, caplog):
    """A node that was just started."""
    with RedisServer("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        one = node(url=server.url)
        one.log.follow()
        await until(lambda: "Hash slot not served" in caplog.text)
        assert "Redis Cluster" in caplog.text
        assert "takes no writes" not in caplog.text


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("redis+sentinel://h:26379/mymaster/0", "Sentinel"),
        ("rediss+sentinel://u:passw0rd@h:26379", "Sentinel"),
        ("redis-sentinel://h:26379", "Sentinel"),
        ("sentinel://h:26379", "Sentinel"),
        ("redis://h:26379/0?service_name=mymaster", "Sentinel"),
        ("redis+cluster://h:6379/0", "cluster"),
        ("rediss+cluster://u:passw0rd@h:6379", "cluster"),
        ("redis-cluster://h:6379", "cluster"),
        ("redis://u:passw0rd@a:6379,b:6379,c:6379/0", "cluster"),
    ],
)
def test_what_is_no_single_redis_is_refused_at_the_start(url, word):
    """With the line to write, and without the password."""
    with pytest.raises(ConfigurationError, match=word) as raised:
        Node(url)
    assert "redis://host:6379/0" in str(raised.value)
    assert "passw0rd" not in str(raised.value)


def test_the_port_of_a_sentinel_is_hinted_at():
    """Where nothing else tells."""
    fault = ConnectionRefusedError("nobody")
    assert "port of a Sentinel" in explain(fault, Address("redis://h:26379")).text
    assert "Sentinel" not in explain(fault, Address("redis://h:6379")).text


# TLS and log-ins, with a real server


@pytest.fixture(scope="module")
def tls_server():
    with TLSServer() as server:
        yield server


LOG_INS = {
    "redis://:wrong-passw0rd@127.0.0.1:{port}/0": "user or the password of the address is wrong",
    "redis://127.0.0.1:{port}/0": "wants a user or a password",
    "redis://127.0.0.1:{port}/3": "wants a user or a password",
    "redis://:{password}@127.0.0.1:{port}/99": "no database of the number",
    "redis://:{password}@127.0.0.1:{tls}/0": "speaks TLS|closed|reset",
    "rediss://:{password}@127.0.0.1:{port}/0": "does not speak TLS",
    "rediss://:{password}@127.0.0.1:{tls}/0": "ssl_ca_certs",
    "rediss://:{password}@localhost:{tls}/0?ssl_ca_certs={ca}": "TLS failed: .*(mismatch|not valid)",
}


@kinds
@pytest.mark.parametrize("url", LOG_INS)
async def test_what_is_wrong_with_an_address_is_said(tls_server, kind, url, monkeypatch):
    """In one sentence, and never with the password."""
    monkeypatch.setitem(kind.ask.__kwdefaults__, "connecting", 0.5)
    ports = {"port": tls_server.port, "tls": tls_server.tls_port}
    address = Address(url.format(password=PASSWORD, ca=tls_server.authority, **ports))
    fault = await fault_of(kind(address))
    text = explain(fault, address).text
    assert re.search(LOG_INS[url], text)
    assert "passw0rd" not in text + repr(fault)


@kinds
@pytest.mark.parametrize(
    "options", ["ssl_ca_certs={ca}", "ssl_cert_reqs=none", "ssl_ca_certs={ca}&ssl_check_hostname=false"]
)
async def test_options_of_tls_are_followed(tls_server, kind, options):
    """As redis-py has them."""
    url = f"rediss://:{PASSWORD}@127.0.0.1:{tls_server.tls_port}/2?{options.format(ca=tls_server.authority)}"
    line = kind(Address(url))
    if isinstance(line, Line):
        assert await line.ask(1.0, ("ECHO", "a")) == [b"a"]
        await line.drop()
    else:
        assert await asyncio.to_thread(line.ask, 1.0, ("ECHO", "a")) == [b"a"]
        line.drop()


@pytest.mark.parametrize(
    "option", ["ssl_ca_certs=/no/such.pem", "ssl_certfile=/no/such.pem&ssl_keyfile=/no/such.key", "ssl_cert_reqs=maybe"]
)
def test_files_that_are_not_there_are_said_at_the_start(option):
    """Not at the first connection."""
    with pytest.raises(ConfigurationError) as raised:
        Address(f"rediss://:passw0rd@h:6380/0?{option}")
    assert "passw0rd" not in str(raised.value)


@kinds
@pytest.mark.parametrize(
    ("user", "text"),
    [("chat:secret-of-chat", "NOPERM|docs/redis.md"), ("chat:wrong", "is wrong"), ("open", ""), ("gone", "is wrong")],
)
async def test_an_account_of_redis_is_followed(tls_server, kind, user, text):
    """Also one without a password; and what it may not do is said with where to look."""
    with redis.Redis(port=tls_server.port, password=PASSWORD) as raw:
        raw.execute_command("ACL", "SETUSER", "chat", "reset", "on", ">secret-of-chat", "-@all", "+select")
        raw.execute_command("ACL", "SETUSER", "open", "reset", "on", "nopass", "+@all", "allkeys")
    address = Address(f"redis://{user}@127.0.0.1:{tls_server.port}/2")
    line = kind(address)
    if text:
        assert re.search(text, explain(await fault_of(line), address).text)
    else:
        await (line.ask(1.0, TIME) if isinstance(line, Line) else asyncio.to_thread(line.ask, 1.0, TIME))
        await line.drop() if isinstance(line, Line) else line.drop()


@kinds
async def test_too_many_clients_are_said(kind):
    """With what Redis calls the setting."""
    with RedisServer("--maxclients", "1") as server, redis.Redis(port=server.port) as raw:
        raw.ping()
        address = Address(server.url)
        text = explain(await fault_of(kind(address)), address).text
    assert "as many clients as it may" in text or "reset" in text or "closed" in text


@kinds
async def test_a_socket_in_the_file_system_and_ipv6(kind, tmp_path):
    """With a log-in and a database."""
    path = tmp_path / "redis.sock"
    with RedisServer("--unixsocket", str(path), "--requirepass", PASSWORD) as server:
        for url in (f"unix://:{PASSWORD}@{path}?db=3", f"redis://:{PASSWORD}@localhost:{server.port}?db=3"):
            line = kind(Address(url))
            setting = ("SET", "a", "b")
            got = (
                await line.ask(1.0, setting)
                if isinstance(line, Line)
                else await asyncio.to_thread(line.ask, 1.0, setting)
            )
            assert got == [b"OK"]
            await line.drop() if isinstance(line, Line) else line.drop()
        with redis.Redis(port=server.port, password=PASSWORD, db=3) as raw:
            assert raw.get("a") == b"b"


def test_addresses_are_shown_as_they_are_written():
    """IPv6 in brackets, a socket by its path."""
    assert repr(Address("redis://u:p@[::1]:7000/2")) == "[::1]:7000/2"
    assert repr(Address("unix://u:p@/run/redis.sock?db=2")) == "/run/redis.sock/2"
