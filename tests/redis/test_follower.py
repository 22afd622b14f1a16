"""Nothing is missed: whatever others do to the stream is noticed within seconds, and repaired."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time

import pytest
import redis
from effort import most_calls_in_a_turn
from redis_nodes import LOG, NEVER, NODES, SECRET, revoking, until

from wsauth.redis import follower
from wsauth.redis.commands import Commands
from wsauth.redis.line import Line
from wsauth.redis.place import Place
from wsauth.redis.signing import Keyring

PEOPLE = [f"user{number}" for number in range(20)]


def names(raw) -> list[bytes]:
    return [fields[b"u"] for _, fields in raw.xrange(LOG)]


def holds_all(raw, *nodes) -> bool:
    """Whether the stream holds each live record of each node."""
    wanted = {record.id.encode() for node in nodes for record in node.log.records.live()}
    return wanted <= set(names(raw))


async def two(node, **options):
    here = await node("alice", **options).started()
    there = await node("alice", **options).started()
    for name in PEOPLE:
        await here.log.publish(revoking(name))
    await until(lambda: there.knows(*PEOPLE))
    return here, there


def delete(raw):
    raw.delete(LOG)


def flush(raw):
    raw.flushdb()


def trim(raw):
    raw.xtrim(LOG, maxlen=5, approximate=False)


def trim_all(raw):
    raw.xtrim(LOG, maxlen=0, approximate=False)


def delete_one(raw):
    raw.xdel(LOG, raw.xrange(LOG)[7][0])


def delete_last(raw):
    raw.xdel(LOG, raw.xrevrange(LOG, count=1)[0][0])


def delete_every_entry(raw):
    raw.xdel(LOG, *[entry for entry, _ in raw.xrange(LOG)])


def fail_over(raw):
    """To a replica that lacks the end, and whose ids are behind."""
    kept = raw.xrange(LOG)[:10]
    raw.delete(LOG)
    for number, (_, fields) in enumerate(kept):
        raw.xadd(LOG, fields, id=f"5-{number}")


def replace_by_another(raw):
    """A stream of the same length and the same last id, with other entries."""
    entries = raw.xrange(LOG)
    raw.delete(LOG)
    for entry, fields in entries:
        raw.xadd(LOG, fields | {b"u": b"0" * 32}, id=entry)


LOSSES = [
    delete,
    flush,
    trim,
    trim_all,
    delete_one,
    delete_last,
    delete_every_entry,
    fail_over,
    replace_by_another,
]


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
async def test_what_the_stream_has_lost_is_added(node, raw, quick, lose):
    """By those who know it, so that who starts later knows it too; and stores are asked again."""
    here, there = await two(node)
    lose(raw)
    await until(lambda: holds_all(raw, here, there))
    late = await node(*PEOPLE).started()
    assert late.sockets.open == []
    await here.log.publish(revoking("alice"))
    await until(lambda: there.sockets.closed == ["alice"])
    await until(lambda: here.sockets.looks and there.sockets.looks)
    await until(lambda: here.log.silence < 1.0)


@pytest.mark.parametrize("lose", [delete, trim_all, fail_over], ids=lambda lose: lose.__name__)
async def test_a_loss_is_noticed_within_two_seconds(node, raw, monkeypatch, lose):
    """A read waits for one second, and where it was in vain the stream is looked at, the next time if not at this."""
    assert follower.BLOCK + follower.CHECK <= 2.0
    here, there = await two(node)
    own, done = here.reader._follower, []
    for name in ("_check", "_sync"):
        noted(monkeypatch, own, name, done)
    lose(raw)
    done.clear()
    await until(lambda: "_sync" in done)
    assert done.index("_sync") <= 2
    await until(lambda: holds_all(raw, here, there))


def noted(monkeypatch, of, name, done):
    """Add the name to `done` whenever this method of an object is called."""
    method = getattr(of, name)

    async def noting(*arguments):
        done.append(name)
        return await method(*arguments)

    monkeypatch.setattr(of, name, noting)


async def test_what_was_lost_unread_comes_from_who_published_it(node, raw, quick):
    """The stream goes before the other node has read it."""
    here, there = await two(node)
    there.reader._task.cancel()
    await until(lambda: not there.reader.is_running)
    await here.log.publish(revoking("alice"))
    raw.delete(LOG)
    assert there.sockets.open == ["alice"]
    there.log.follow()
    await until(lambda: there.sockets.closed == ["alice"])


async def test_an_entry_that_was_deleted_unread_is_noticed(node, raw, quick):
    """Its id was given out, and nothing bears it; nobody may hold it any more, so stores are asked again."""
    (here,) = [await node("alice").started()]
    await here.log.publish(revoking("bob"))
    await until(lambda: not here.process.outbox)
    with raw.pipeline() as at_once:
        at_once.xadd(LOG, {"u": "x", "p": "y"}, id="99999999999999-1")
        at_once.xtrim(LOG, maxlen=0, approximate=False)
        at_once.execute()
    await until(lambda: here.sockets.looks)
    await until(lambda: holds_all(raw, here))


async def test_the_stream_is_not_filled_by_those_who_repair_it(node, raw, quick):
    """Many processes notice at once, and add little twice."""
    nodes = [await node().started() for _ in range(6)]
    for number in range(1200):
        nodes[number % 6].log.records.apply(revoking(f"user{number}")(nodes[0].log.records.now()))
    for one in nodes:
        one.reader._follower.start_over("the test says so")
    await until(lambda: holds_all(raw, *nodes))
    await asyncio.sleep(0.5)
    assert raw.xlen(LOG) < 1200 * 1.8


async def test_an_entry_that_names_another_before_it_shows_a_gap(node, raw, monkeypatch, caplog):
    """At once, without a look at the stream: what it names was lost before it was read here."""
    monkeypatch.setattr(follower, "BLOCK", 3600.0)
    one = await node("alice").started()
    await one.log.publish(revoking("bob"))
    await until(lambda: not one.process.outbox)
    monkeypatch.setattr(follower, "CHECK", 0.0)
    record = revoking("alice")(time.time())
    raw.xadd(LOG, {"u": record.id, "p": "f" * 32, **signed(record.encode())})
    await until(lambda: one.sockets.looks)
    assert one.sockets.closed == ["alice"]
    assert "does not name the one before it" in caplog.text


async def test_a_lease_that_was_lost_is_taken_again(node, raw, quick):
    """Otherwise a receipt would expect nobody for ten seconds."""
    here, there = await node("bob").started(), await node("alice").started()
    await here.log.publish(revoking("carol"))
    await until(lambda: there.knows("carol"))
    raw.flushdb()
    await until(lambda: raw.zcard(NODES) == 2)
    receipt = await here.log.publish(revoking("alice"), 3.0)
    assert (receipt.closed, receipt.answered) == (1, 1)
    assert there.sockets.open == []


@pytest.mark.parametrize("empty", [False, True])
async def test_redis_is_killed_and_restarted(own_server, node, quick, empty):
    """With what it had stored, or without."""
    here, there = await two(node, url=own_server.url)
    own_server.restart(empty=empty)
    with redis.Redis(port=own_server.port) as raw:
        await until(lambda: holds_all(raw, here, there))
    await here.log.publish(revoking("alice"))
    await until(lambda: there.sockets.closed == ["alice"])
    if empty:
        await until(lambda: there.sockets.looks)
    assert bool(there.sockets.looks) is empty


async def test_connections_to_redis_are_killed(node, raw, quick):
    """The chain is intact, so one goes on from where one stood; and nobody is looked at again."""
    here, there = await two(node)
    for _ in range(10):
        raw.client_kill_filter(_type="normal", skipme=True)
        name = f"more{random.random()}"
        assert (await here.log.publish(revoking(name))).recorded
        await until(lambda name=name: there.knows(name))
    await here.log.publish(revoking("alice"))
    await until(lambda: there.sockets.closed == ["alice"])
    assert there.sockets.looks == here.sockets.looks == []


async def test_redis_is_frozen_for_seconds(own_server, node):
    """The log says how long it has been silent, and goes on when Redis does."""
    here, there = await two(node, url=own_server.url)
    own_server.freeze()
    publishing = asyncio.create_task(here.log.publish(revoking("alice")))
    await until(lambda: there.log.silence > 2.0)
    assert not await there.log.catch_up(0.1)
    own_server.thaw()
    assert await there.log.catch_up(NEVER)
    await until(lambda: there.sockets.closed == ["alice"])
    assert (await publishing).closed == 1
    assert there.sockets.looks == []


def forged(raw, **fields):
    last = raw.xrevrange(LOG, count=1)
    entry = {b"u": b"f" * 32, b"p": last[0][1][b"u"] if last else b"", b"r": b"{}", b"m": b"0" * 64}
    entry[b"k"] = Keyring([SECRET], "test")._signs_with[0]
    return raw.xadd(LOG, entry | {name.encode(): value for name, value in fields.items()})


def signed(body: bytes, secret: str = SECRET) -> dict[str, bytes]:

    name, key = Keyring([secret], "test")._signs_with
    return {"r": body, "k": name, "m": key.sign(body)}


STRANGE = {
    "nothing at all": {"r": b"", "k": b"", "m": b""},
    "forged": {"r": b'{"v":1}'},
    "no text": {"r": b"\xff\xfe", "u": b"\xc3\x28", "m": b"\xff" * 64},
    "oversized": {"r": b"x" * 100_000},
    "signed, and no text": signed(b"\xff\xfe\xc3\x28"),
    "signed, and no record": signed(b"[" * 2000),
    "signed, and of another name": signed(revoking("bob", span=86_400.0)(time.time()).encode()),
}


@pytest.mark.parametrize("entry", STRANGE.values(), ids=STRANGE)
async def test_an_entry_that_is_not_ours_is_passed_over(node, raw, quick, caplog, entry):
    """It is counted and said, neither believed nor an end of reading."""
    here, there = await two(node)
    forged(raw, **entry)
    await until(lambda: there.process.forged or there.sockets.looks)
    await here.log.publish(revoking("alice"))
    await until(lambda: there.sockets.closed == ["alice"])
    assert not there.knows("bob")
    assert len([record for record in caplog.records if "is not ours" in record.message]) <= 2


async def test_strange_entries_are_said_once_a_minute(node, raw, quick, caplog):
    """Whoever can write to Redis cannot fill the logs of the application."""
    one = await node().started()
    for _ in range(50):
        forged(raw)
    await until(lambda: one.process.forged == 50)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


@pytest.mark.parametrize(
    "entry",
    [
        signed(b'{"v":2,"id":"' + b"f" * 32 + b'"}'),
        signed(b'{"v":1,"verb":"exorcise"}'),
        signed(b"{}", "the secret of another application"),
    ],
    ids=["version", "verb", "secret"],
)
async def test_what_cannot_be_understood_is_a_gap(node, raw, quick, caplog, entry):
    """Somebody was revoked, and this process cannot know who: stores are asked again, and it is said once."""
    one = await node().started()
    forged(raw, **entry)
    forged(raw, **entry)
    await until(lambda: one.sockets.looks)
    assert one.sockets.looks == [follower.SPREAD]
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    await until(lambda: one.log.silence < 1.0)


async def test_stores_are_not_asked_without_end(node, raw, quick):
    """Losses every second do not make every connection judged every second; the last one is not forgotten either."""
    one = await node().started()
    await one.log.publish(revoking("alice"))
    for _ in range(4):
        await until(lambda: not one.process.outbox)
        raw.delete(LOG)
        await until(lambda: holds_all(raw, one))
    assert len(one.sockets.looks) == 1
    assert one.reader._follower._owes_a_look


async def test_all_is_read_again_once_a_second_at_most(node, monkeypatch):
    """Whatever somebody does to the stream, however often."""
    one = await node().started()
    monkeypatch.setattr(Place, "loss", lambda *_: "always")
    syncs, sync = [], one.reader._follower._sync

    async def counted(why):
        await sync(why)
        syncs.append(one.reader._follower._synced_at)

    monkeypatch.setattr(one.reader._follower, "_sync", counted)
    monkeypatch.setattr(follower, "BLOCK", 0.01)
    await until(lambda: len(syncs) == 3)
    assert syncs[2] - syncs[0] > 1.9


async def test_the_tail_of_the_stream_may_be_gone_at_the_start(node, raw, quick, monkeypatch):
    """A stream that holds nothing, and gave out ids: one starts behind them, and does not start again and again."""
    one = await node().started()
    await one.log.publish(revoking("alice", span=0.2))
    await until(lambda: not one.process.outbox)
    raw.xtrim(LOG, maxlen=0, approximate=False)
    late, syncs = await node().started(), []
    noted(monkeypatch, late.reader._follower, "_sync", syncs)
    await later(late)
    assert late.sockets.looks == syncs == []


async def later(*nodes):
    """Let each node find three times more that it knows every record."""
    for _ in range(3):
        await asyncio.gather(*(one.reader.next_turn() for one in nodes))


async def test_what_has_lapsed_leaves_the_stream(node, raw, quick, monkeypatch):
    """And nobody takes that for a loss."""
    monkeypatch.setattr(follower, "TRIM", 0.3)
    monkeypatch.setattr("wsauth.redis.place._CLOCKS", 0.1)
    here, there = await node().started(), await node().started()
    for number in range(300):
        await here.log.publish(revoking(f"user{number}", span=0.5))
    await here.log.publish(revoking("stays"))
    await until(lambda: raw.xlen(LOG) < 210)
    await later(here, there)
    assert here.knows("stays")
    assert holds_all(raw, here)
    assert here.sockets.looks == there.sockets.looks == []
    assert len(here.reader._follower._place) < 210


async def test_a_long_block_does_not_keep_what_came_after_it(node, raw, quick, monkeypatch):
    """It is put to the end of the stream where that has grown long."""
    monkeypatch.setattr(follower, "TRIM", 0.3)
    monkeypatch.setattr(follower, "CHUNK", 10)
    monkeypatch.setattr("wsauth.redis.place._CLOCKS", 0.1)
    monkeypatch.setattr("wsauth.revocation.lapses.STEP", 0.3)
    here, there = await node().started(), await node().started()
    await here.log.publish(revoking("stays"))
    for number in range(300):
        await there.log.publish(revoking(f"user{number}", span=0.5))
    await until(lambda: raw.xlen(LOG) < 150)
    assert holds_all(raw, here, there)
    assert here.knows("stays")
    assert here.sockets.looks == there.sockets.looks == []


async def test_a_replica_is_not_read(own_server, node, quick, caplog):
    """What follows another Redis is behind it: better to know nothing than to believe to know."""
    with redis.Redis(port=own_server.port) as raw:
        raw.replicaof("127.0.0.1", "1")
    one = node(url=own_server.url)
    one.log.follow()
    assert not await one.log.catch_up(1.0)
    assert one.log.silence == float("inf")
    assert "ReadOnlyError" in caplog.text


async def test_a_redis_that_is_full_is_still_read(own_server, node, quick, caplog):
    """Nobody can record anything; what is recorded is known all the same."""
    here = await node("alice", url=own_server.url).started()
    with redis.Redis(port=own_server.port) as raw:
        raw.config_set("maxmemory", "1")
        here.reader._follower._leased_at = -1e9
        await until(lambda: "takes no writes" in caplog.text)
        assert await here.log.catch_up(NEVER)
        assert not (await here.log.publish(revoking("alice"))).recorded
        raw.config_set("maxmemory", "0")
    await until(lambda: not here.process.outbox)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "noeviction"])
async def test_a_redis_that_evicts_is_warned_of(own_server, node, caplog, policy):
    """allkeys-lru evicts the whole stream at once."""
    with redis.Redis(port=own_server.port) as raw:
        raw.config_set("maxmemory-policy", policy)
    one = await node(url=own_server.url).started()
    one.reader._follower.start_over("again")
    await one.log.catch_up(NEVER)
    said = [record for record in caplog.records if "evicts" in record.message]
    assert [policy in record.getMessage() for record in said] == [True] * (policy != "noeviction")


async def test_the_clock_of_redis_is_the_clock(node, raw):
    """A process whose clock is wrong stamps and judges by that of Redis."""
    one = node()
    one.log.records._clock = lambda: time.time() - 1000
    await one.started()
    assert abs(one.log.records.now() - time.time()) < 0.1
    await one.log.publish(revoking("alice"))
    assert abs(one.log.records.live()[0].at - time.time()) < 1.0


async def test_reading_many_does_not_stall_the_loop(node, raw, monkeypatch):
    """A part of a page is taken in between two turns, however long the stream."""
    writer = Keyring([SECRET], "test")
    shapes = Commands("test")
    with raw.pipeline(transaction=False) as pipe:
        for number in range(5000):
            record = revoking(f"user{number}")(time.time())
            pipe.execute_command(*shapes.append(record.id, writer.seal(record)))
        pipe.execute()
    one = node()
    one.log.follow()
    turns, take = [0], follower.Follower._take

    def counted_take(self, place, entries, missed):
        turns[-1] += len(entries)
        return take(self, place, entries, missed)

    monkeypatch.setattr(follower.Follower, "_take", counted_take)
    most = await most_calls_in_a_turn(lambda: one.log.silence < float("inf"), lambda: turns.append(0))
    assert len(one.log.records) == 5000
    assert sum(turns) == 5000
    assert max(turns) <= 100
    assert most < 20 * 5000, "to take in one record takes over 80 calls"


async def test_silence_grows_where_a_reader_hangs(node, monkeypatch, quick):
    """A reader that is stuck must not look like one that sees."""
    one = await node().started()
    held = threading.Event()

    async def stuck(*_):
        await asyncio.to_thread(held.wait, NEVER)

    monkeypatch.setattr(one.reader._follower, "_check", stuck)
    await until(lambda: one.log.silence > 0.7)  # where it looks, it is 0.2
    held.set()


async def test_what_is_known_is_as_old_as_the_question(node, monkeypatch, quick):
    """A process that slept before it read the answer does not know what happened since."""
    one = await node().started()
    ask = Line.ask

    async def late(*arguments):
        answers = await ask(*arguments)
        await asyncio.sleep(0.3)
        return answers

    monkeypatch.setattr(Line, "ask", late)
    await one.reader.next_turn()
    await one.reader.next_turn()
    assert one.log.silence >= 0.3


async def test_what_came_in_meanwhile_is_not_taken_for_known(node):
    """Between a read and a look at the stream something may be added: then not every record is known."""
    here, there = await node().started(), await node().started()
    there.reader._task.cancel()
    await until(lambda: not there.reader.is_running)
    own = there.reader._follower
    await own._check()
    seen = there.process.seen_at
    await here.log.publish(revoking("alice"))
    await own._check()
    assert there.process.seen_at == seen
    await own.step(False)
    assert there.process.seen_at > seen
    assert there.knows("alice")
    await own.line.drop()


async def test_who_published_does_not_answer(node, raw):
    """It knows already, and nobody would read that."""
    one = await node("alice").started()
    receipt = await one.log.publish(revoking("alice"), 1.0)
    assert (receipt.closed, receipt.answered) == (1, 0)
    await until(lambda: not one.process.outbox)
    await asyncio.sleep(0.05)
    assert raw.keys("*reply*") == []


async def test_a_strangers_entry_breaks_no_chain(node, raw, quick, caplog):
    """Nor does a copy of one of ours that names another before it: nothing is read again."""
    here, there = await two(node)
    ours = raw.xrange(LOG)[3][1]
    for _ in range(3):
        raw.xadd(LOG, {"x": "y"})
        raw.xadd(LOG, ours | {b"p": b"f" * 32})
        await here.log.publish(revoking("alice"))
    await until(lambda: there.sockets.closed == ["alice"])
    assert "read again" not in caplog.text


async def test_a_primary_that_is_demoted_is_believed_no_more(own_server, node, quick):
    """Redis says so at once, and the next look begins with the lease."""
    here = await node("alice", url=own_server.url).started()
    with redis.Redis(port=own_server.port) as raw:
        raw.replicaof("127.0.0.1", "1")
    await until(lambda: here.log.silence > 1.5)


async def test_what_a_stranger_hides_is_noticed(node, raw, quick, caplog):
    """Entries that are trimmed before anybody read them, behind an entry of a stranger's that names nothing before it."""
    here = await node().started()
    await here.log.publish(revoking("alice"))
    await until(lambda: not here.process.outbox)
    with raw.pipeline(transaction=True) as at_once:
        at_once.xadd(LOG, {"u": "x", "p": "y"})
        at_once.xtrim(LOG, maxlen=0)
        at_once.xadd(LOG, {"u": "z", "p": "y"})
        at_once.execute()
    await until(lambda: "entries went before they were read" in caplog.text or "still count" in caplog.text)


async def test_a_write_that_hangs_undoes_nothing_that_was_read(own_server, node, quick, monkeypatch, caplog):
    """As in an upgrade that a provider manages: reads are answered, and writes wait for its end."""
    monkeypatch.setattr(follower, "RENEW", 0.0)
    here = await node("alice", url=own_server.url).started()
    with redis.Redis(port=own_server.port) as raw:
        raw.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
        await until(lambda: "it is still read" in caplog.text)
        for _ in range(2):
            seen = here.process.seen_at
            await until(lambda seen=seen: here.process.seen_at > seen)
        raw.execute_command("CLIENT", "UNPAUSE")


async def test_where_the_role_may_not_be_asked_the_lease_shows_it(own_server, node, quick):
    """A provider may not allow INFO."""
    with redis.Redis(port=own_server.port) as raw:
        raw.acl_setuser("default", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all", "-info"])
        here = await node("alice", url=own_server.url).started()
        await here.log.publish(revoking("alice"))
        raw.replicaof("127.0.0.1", "1")
    await until(lambda: here.log.silence > 1.5)


async def test_what_was_put_back_before_a_look_does_not_hide_the_loss(node, raw, quick):
    """Another process adds what it knows, which is known here as well; what only Redis knew is gone all the same."""
    here = await node().started()
    here.reader._task.cancel()
    await until(lambda: not here.reader.is_running)
    own = here.reader._follower
    appends = [here.process.append(revoking(name)(time.time())) for name in PEOPLE]
    for lost in (False, True):
        if lost:
            raw.delete(LOG)
        for append in appends:
            raw.execute_command(*append)
        own._checked_at = time.monotonic() + follower.CHECK  # so that no look follows
        await own.step(False)
    await own._check()
    assert own._loss == "entries went before they were read"
    await own.line.drop()
