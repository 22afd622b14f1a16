"""The set of records that each process holds."""

import gc
import itertools
import math
import random
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.live import Socket
from wsauth import Connections, Reason
from wsauth.revocation import packed
from wsauth.revocation.connections import Standing
from wsauth.revocation.lapses import STEP
from wsauth.revocation.log import MemoryLog
from wsauth.revocation.record import BRIEF, Record, Verb
from wsauth.revocation.records import SLICE, Records
from wsauth.revocation.said import home_of
from wsauth.revocation.selector import keys_of
from wsauth.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock(1000.0)


@pytest.fixture
def monotonic():
    return FakeClock(0.0)


@pytest.fixture
def records(clock, monotonic):
    return Records(clock, monotonic)


def record(at=1000.0, until=1100.0, verb=Verb.REVOKE, exact=False, **whom):
    return Record(verb, frozenset((whom or {"subject": "alice"}).items()), at, until, exact=exact)


class Audience:
    """A registry that notes what it is told."""

    def __init__(self, ends=0):
        self.ends = ends
        self.enforced = []
        self.looks = []

    def __len__(self):
        return 3

    def enforce(self, record):
        self.enforced.append(record)
        return self.ends

    def look_again(self, spread):
        self.looks.append(spread)


def test_a_record_is_enforced_once(records):
    """However often it arrives."""
    audience, one = Audience(ends=2), record()
    records.listen(audience)
    assert [records.apply(one) for _ in range(3)] == [2, 0, 0]
    assert audience.enforced == [one]
    assert records.knows(one)


def test_a_record_reaches_every_registry_of_its_log(records):
    """And counts what each of them ended, for as long as there is such a registry."""
    first, second = Audience(ends=1), Audience(ends=2)
    records.listen(first)
    records.listen(second)
    assert (records.apply(record()), records.connections) == (3, 6)
    records.look_again(30.0)
    assert (first.looks, second.looks) == ([30.0], [30.0])
    del first
    gc.collect()
    assert records.connections == 3


def test_a_record_lapses(records, clock, monotonic):
    """So that the memory does not grow for ever."""
    audience, one = Audience(), record(until=1010.0)
    records.listen(audience)
    records.apply(one)
    monotonic.advance(9.9)
    assert (records.live(), len(records.matching([("subject", "alice")]))) == ([one], 1)
    monotonic.advance(0.1)
    assert (records.live(), records.matching([("subject", "alice")]), len(records)) == ([], [], 0)
    assert not records.knows(one)
    clock.advance(10)
    records.apply(one)
    assert audience.enforced == [one]


def test_a_clock_that_jumps_forgets_nothing(records, clock, monotonic):
    """What was revoked stays so for as long as was said, by a clock that only goes on."""
    records.apply(record(until=1010.0))
    clock.advance(1e6)
    assert len(records.live()) == 1


def test_the_time_is_that_of_the_log(records, monotonic):
    """A process whose clock is wrong knows nevertheless when a record lapses."""
    records.offset = 500.0
    assert records.now() == 1500.0
    assert records.apply(record(at=1490.0, until=1499.0)) == 0
    assert len(records) == 0
    records.apply(record(at=1490.0, until=1510.0))
    monotonic.advance(10)
    assert records.live() == []


@pytest.mark.parametrize("verb", Verb)
def test_what_lapsed_while_nobody_read_is_enforced_all_the_same(records, verb):
    """A process was suspended. It is not held against anybody who comes, and a block is over."""
    audience, late = Audience(ends=1), record(at=900.0, until=950.0, verb=verb)
    records.listen(audience)
    assert records.apply(late, missed=901.0) == 0
    assert records.apply(late, missed=900.0) == (verb is not Verb.BLOCK)
    assert (len(records), records.matching([("subject", "alice")])) == (0, [])


def test_numbers_rise_over_all_logs(records, clock):
    """A position is noted once for whatever a connection comes to stand in."""
    other = Records(clock)
    before = Records.position()
    records.apply(record())
    other.apply(record())
    assert Records.position() == before + 2
    assert [held.number - before for of in (records, other) for held in of.matching([("subject", "alice")])] == [1, 2]


def test_a_later_record_takes_the_place_of_an_earlier_one(records):
    """Who logs out again and again costs one record, and no handshake looks through more."""
    every = [record(at=1000.0 + n, until=1100.0 + n) for n in range(100)]
    for one in every:
        records.apply(one)
    assert records.live() == [every[-1]]
    assert all(records.knows(one) for one in every)


def test_an_earlier_record_that_arrives_late_is_news(records):
    """It says nothing that is not known, but a store may have been asked before it was written there."""
    audience, late, early = Audience(), record(at=1001.0), record(at=1000.0)
    records.listen(audience)
    records.apply(late)
    position = Records.position()
    records.apply(early)
    assert audience.enforced == [late, early]
    [held] = records.matching([("subject", "alice")])
    assert (held.record, held.number > position) == (late, True)
    records.apply(early)
    assert records.matching([("subject", "alice")]) == [held]


def test_a_record_that_is_kept_for_longer_stays(records):
    """Neither of two says all of the other."""
    long, short = record(at=1000.0, until=1100.0), record(at=1001.0, until=1050.0)
    for one in (long, short):
        records.apply(one)
    assert records.live() == [long, short]


def test_a_record_that_says_its_own_end_takes_no_others_place(records, monotonic):
    """The other is held as long as tokens live, which may be longer than it says."""
    records.outlast(3600.0)
    one, exact = record(at=1000.0, until=1100.0), record(at=1001.0, until=1200.0, exact=True)
    for each in (one, exact):
        records.apply(each)
    monotonic.advance(3000)
    assert records.live() == [one]


def test_what_lapses_leaves_the_one_that_took_its_place(records, monotonic):
    """Their ends are not the same."""
    early, late = record(at=1000.0, until=1010.0), record(at=1001.0, until=1020.0)
    for one in (early, late):
        records.apply(one)
    monotonic.advance(10)
    assert records.live() == [late]
    assert not records.knows(early)


@pytest.mark.parametrize(
    "whom",
    [
        {"subject": "alice"},
        {"session_id": "s"},
        {"token_id": "t"},
        {"key_id": "k"},
        {"device": "phone"},
        {"subject": "alice", "session_id": "s"},
        {"subject": "alice", "device": "phone"},
        {"subject": "alice", "session_id": "s", "token_id": "t", "key_id": "k", "device": "phone"},
    ],
)
def test_a_record_is_found_by_who_bears_all_of_its_keys(records, whom):
    """And by nobody who lacks one."""
    keys = keys_of(Socket("alice", session_id="s", token_id="t", key_id="k", labels={"device": "phone"}).identity)
    one = record(**whom)
    records.apply(one)
    assert [held.record for held in records.matching(keys)] == [one]
    for kind in whom:
        assert records.matching([key for key in keys if key[0] != kind]) == []


def test_a_handshake_is_held_against_its_own_records_only(records):
    """Not against those of everybody who has the same user, tenant or key."""
    for n in range(50):
        records.apply(record(subject="alice", session_id=str(n)))
        records.apply(record(subject=str(n), tenant="acme", key_id="k"))
        records.apply(record(session_id=str(n), token_id=str(n), subject="bob"))
    keys = [*(("session_id", str(n)) for n in range(50)), *(("subject", str(n)) for n in range(50))]
    assert max(len(records.at(home_of(frozenset({key})))) for key in keys) == 1
    assert not any(records.at(home_of(frozenset({key}))) for key in (("subject", "alice"), ("key_id", "k")))


def test_how_long_tokens_live_is_never_forgotten(records):
    """A second policy of the same log with shorter tokens must not let those of the first come back."""
    for seconds in (100.0, 50.0):
        records.outlast(seconds)
    assert (records.longest, records.hold(frozenset({("subject", "alice")}))) == (100.0, 100.0)


@pytest.mark.parametrize(
    ("whom", "lives"), [({"subject": "alice"}, 600.0), ({"session_id": "s"}, 7200.0), ({"session_id": "s"}, 600.0)]
)
def test_a_revocation_is_held_as_long_as_tokens_are_known_to_live(records, monotonic, whom, lives):
    """It may come from a worker that has never seen one. What a store bears alone is kept for an hour, as ever."""
    records.outlast(lives, bears_session="session_id" in whom)
    records.apply(record(until=1100.0, **whom))
    monotonic.advance(max(lives, BRIEF if "session_id" in whom else 0.0) - 1)
    assert len(records.live()) == 1
    monotonic.advance(2)
    assert records.live() == []


def test_only_a_revocation_is_held_for_longer(records, monotonic):
    """A block says itself until when."""
    records.outlast(600.0)
    records.apply(record(until=1100.0, verb=Verb.BLOCK))
    monotonic.advance(101)
    assert records.live() == []


def test_records_come_from_any_thread():
    """Each is applied once, and none is lost."""
    records, audience = Records(), Audience()
    records.listen(audience)
    every = [
        Record(Verb.REVOKE, frozenset({("subject", str(n))}), records.now(), records.now() + 60) for n in range(200)
    ]
    barrier = threading.Barrier(4)

    def apply():
        barrier.wait()
        for one in random.sample(every, len(every)):
            records.apply(one)
            records.matching([("subject", "1")])

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(audience.enforced) == len(records) == 200
    assert len({packed.number(one) for some in records.slices() for one in some}) == 200


# What a call costs


@pytest.fixture
def looked_at(monkeypatch):
    """Counts the records that are looked at."""
    seen = []
    lapse = packed.lapse
    monkeypatch.setattr(packed, "lapse", lambda one, *longest: seen.append(one) or lapse(one, *longest))
    return seen


def many(records, count=5000, **terms):
    for number in range(count):
        records.apply(record(token_id=f"{number}", **terms))


def test_a_token_that_outlives_all_before_costs_nothing(records, looked_at, monotonic):
    """However many records there are: how long each is held is judged when it comes due."""
    records.outlast(3600.0)
    many(records)
    looked_at.clear()
    records.outlast(7200.0)
    assert looked_at == []
    monotonic.advance(7100)
    assert len(records.matching([("token_id", "77")])) == 1
    assert len(looked_at) <= 3 * SLICE


def test_however_many_lapse_at_once_a_handshake_looks_at_a_few(records, looked_at, monotonic):
    """The others are forgotten by those that come later; meanwhile none of them counts."""
    many(records)
    monotonic.advance(100 + STEP)
    sizes = [len(records)]
    while len(records):
        looked_at.clear()
        assert records.matching([("token_id", "4999")]) == []
        assert 0 < len(looked_at) <= 2 * SLICE
        sizes.append(len(records))
    assert max(before - after for before, after in itertools.pairwise(sizes)) <= SLICE
    assert (records._by_home, records._homes.soonest) == ({}, math.inf)


def test_what_is_covered_is_forgotten_too(records, monotonic):
    """Who logs out a thousand times leaves nothing."""
    for number in range(1000):
        records.apply(record(at=1000.0 + number / 1000))
    assert len(records) == 1
    monotonic.advance(100 + STEP)
    for _ in range(1000 // SLICE):
        records.matching([("subject", "alice")])
    assert (records._by_home, records._covered) == ({}, {})


def test_records_are_seen_in_slices(records, looked_at):
    """All of them, and none takes longer than another."""
    many(records, 1234)
    looked_at.clear()
    seen, turns = set(), []
    for some in records.slices():
        turns.append(len(looked_at))
        looked_at.clear()
        seen.update(packed.name(one) for one in some)
    assert len(seen) == 1234
    assert max(turns) <= SLICE


def test_what_is_put_off_while_records_are_seen_is_seen(records, monotonic):
    """A token that lives longer moves all that is due."""
    many(records, 500)
    slices = records.slices()
    seen = [next(slices)]
    records.outlast(3600.0)
    monotonic.advance(100 + 2 * STEP)
    seen += slices
    assert len({one[:16] for some in seen for one in some}) == 500


def test_a_record_weighs_little(records):
    """With what it is found by, and when it lapses."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20_000):
            records.apply(record(token_id=f"{number:032x}"))
        weighs = (tracemalloc.get_traced_memory()[0] - before) / 20_000
    finally:
        tracemalloc.stop()
    assert weighs < 250


# In any order, with duplicates

SUBJECTS, SESSIONS, ISSUED = ("alice", "bob"), ("s", "t"), (None, 0, 3, 6)
key = st.tuples(st.just("subject"), st.sampled_from(SUBJECTS)) | st.tuples(
    st.just("session_id"), st.sampled_from(SESSIONS)
)
some_records = st.lists(
    st.builds(
        Record,
        verb=st.sampled_from(Verb),
        match=st.lists(key, min_size=1, max_size=2, unique_by=lambda one: one[0]).map(frozenset),
        at=st.sampled_from([0.5, 2.0, 3.5, 5.0]),
        until=st.sampled_from([9.0, 20.0, 30.0]),  # it is 10 o'clock
        after=st.sampled_from([0.0, 60.0]),
        reason=st.sampled_from([Reason.REVOKED, Reason.FORBIDDEN]),
    ),
    max_size=8,
)


def everybody():
    return [
        Socket(subject, session_id=session, issued_at=issued, since=since, stateful=stateful, loop=object())
        for subject in SUBJECTS
        for session in SESSIONS
        for stateful in (True, False)
        for issued, since in zip(ISSUED, (0, 2.0, 4, 6), strict=True)
    ]


class Naive:
    """Every record in a list, and the rules as they are written down."""

    def __init__(self, records):
        self.records = [record for record in records if record.until > 10]

    def matching(self, socket):
        bears = {("subject", socket.identity.subject), ("session_id", socket.identity.session_id)}
        return [record for record in self.records if record.match <= bears]

    def ends(self, socket):
        return any(self._ends(record, socket) for record in self.matching(socket))

    def _ends(self, record, socket):
        issued = socket.identity.issued_at
        match record.verb:
            case Verb.BLOCK:
                return True
            case Verb.REVOKE if not socket.stateful:
                return issued is None or issued < int(record.at) + 1
            case Verb.REVOKE | Verb.DISCONNECT:
                return socket.since <= record.at
        return False

    def standing(self, socket, noted_last):
        matching = self.matching(socket)
        refusing = [
            record
            for record in matching
            if record.verb is Verb.BLOCK
            or (record.verb is Verb.REVOKE and not socket.stateful and self._ends(record, socket))
        ]
        if refusing:
            latest = max(record.at for record in refusing)
            return {record.reason for record in refusing if record.at == latest}
        asks = {Verb.RECHECK, Verb.REVOKE} if socket.stateful else {Verb.RECHECK}
        if not noted_last and any(record.verb in asks for record in matching):
            return {Standing.LOOK_AGAIN}
        return {Standing.GOOD}


@given(some_records.flatmap(lambda found: st.tuples(st.just(found), st.lists(st.sampled_from(found or [None])))))
def test_any_order_gives_the_same_end(drawn):
    """With any duplicates: who is ended, who is looked at, and how any identity stands, is as if all were kept in a list."""
    found, more = drawn
    naive, outcomes = Naive(found), []
    for order in (found, found[::-1], [*found, *filter(None, more)], [*filter(None, more), *found[::-1], *found]):
        connections = Connections(log=MemoryLog(Records(FakeClock(10.0), FakeClock(0.0))))
        before, sockets = connections.position, everybody()
        for socket in sockets:
            assert connections.open(socket, socket.identity, before, stateful=socket.stateful) is Standing.GOOD
        for one in order:
            connections.log.records.apply(one)
        ended = [bool(socket.ended or socket.later) for socket in sockets]
        assert ended == [naive.ends(socket) for socket in sockets]
        standings = []
        for socket in sockets:
            for position in (before, connections.position):
                standing = connections.open(Socket(), socket.identity, position, stateful=socket.stateful)
                assert standing in naive.standing(socket, noted_last=position != before)
                standings.append(standing)
        outcomes.append((ended, [bool(socket.looks) for socket in sockets], standings))
    assert all(outcome == outcomes[0] for outcome in outcomes)
