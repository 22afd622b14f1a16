"""The live connections of a policy, the verbs that end them, and what handshakes are held against."""

import asyncio
import gc
import threading
from dataclasses import replace

import pytest
from fakes import in_a_thread

from revocation.live import Socket
from wsauth import ConfigurationError, Connections, Identity, Reason
from wsauth.revocation.connections import Standing
from wsauth.revocation.draft import Draft
from wsauth.revocation.log import MemoryLog, Receipt
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.records import Records
from wsauth.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def monotonic():
    return FakeClock(0.0)


@pytest.fixture
def connections(clock, monotonic):
    return Connections(log=MemoryLog(Records(clock, monotonic)), remember=100)


def opened(connections, subject="alice", *, position=None, stateful=False, since=None, **fields):
    since = connections.now() if since is None else since
    socket = Socket(subject, stateful=stateful, since=since, **fields)
    position = connections.position if position is None else position
    return socket, connections.open(socket, socket.identity, position, stateful=stateful)


# The verbs


async def test_a_revocation_ends_what_it_matches(connections):
    """And nothing else; it says how many."""
    alice, bob = [opened(connections, name)[0] for name in ("alice", "bob")]
    assert await connections.revoke(subject="alice") == Receipt(recorded=True, closed=1)
    assert (alice.ended, bob.ended) == ([Reason.REVOKED], [])


@pytest.mark.parametrize(
    "selector",
    [
        {"subject": "alice"},
        {"session_id": "s"},
        {"token_id": "t"},
        {"key_id": "k"},
        {"issuer": "i"},
        {"labels": {"device": "phone"}},
    ],
)
async def test_any_selector_finds(connections, selector):
    """Subject, session, token, key and label name a connection alike."""
    socket, _ = opened(connections, session_id="s", token_id="t", key_id="k", issuer="i", labels={"device": "phone"})
    opened(connections, "bob")
    assert (await connections.disconnect(**selector)).closed == 1
    assert socket.ended == [Reason.GOING_AWAY]  # and so it may come back


async def test_a_subject_of_one_issuer_is_refused_and_that_of_another_is_not(connections):
    """Two issuers' "alice" are two people; without an issuer both are meant."""
    await connections.revoke(subject="alice", issuer="a")
    assert opened(connections, issuer="a")[1] is Reason.REVOKED
    assert opened(connections, issuer="b")[1] is opened(connections)[1] is Standing.GOOD
    await connections.revoke(subject="alice")
    assert {opened(connections, issuer=issuer)[1] for issuer in ("a", "b", None)} == {Reason.REVOKED}


async def test_several_selectors_must_all_match(connections):
    """They are combined with AND, for who is connected and for who will be."""
    one, _ = opened(connections, session_id="one")
    two, _ = opened(connections, session_id="two")
    assert (await connections.revoke(subject="alice", session_id="one")).closed == 1
    assert (len(one.ended), len(two.ended)) == (1, 0)
    assert opened(connections, session_id="two")[1] is Standing.GOOD
    assert opened(connections, "bob", session_id="one")[1] is Standing.GOOD
    assert opened(connections, session_id="one")[1] is Reason.REVOKED


VERBS = ["revoke", "disconnect", "block", "recheck"]


def terms_of(verb, connections, **terms):
    return {**terms, "until": connections.now() + 60} if verb == "block" else terms


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "selector", [{}, {"subject": ""}, {"subject": 7}, {"subject": None}, {"subjet": "alice"}, {"spread": -1}]
)
async def test_odd_terms_are_an_error(connections, verb, selector):
    """Before anything is published. Without a selector they would mean everybody, or nobody; both are mistakes."""
    position = connections.position
    terms = terms_of(verb, connections, **selector)
    with pytest.raises(ValueError):
        await getattr(connections, verb)(**terms)
    with pytest.raises(ValueError):
        getattr(connections, f"{verb}_now")(**terms)
    assert connections.position == position


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_without_a_loop_does_the_same(connections, clock, verb):
    """Signals run in threads that have none."""
    terms = terms_of(verb, connections, subject="alice", spread=5)
    await getattr(connections, verb)(**terms)
    [first] = connections.log.records.live()
    clock.advance(1)
    in_a_thread(lambda: getattr(connections, f"{verb}_now")(**terms))
    [second] = [record for record in connections.log.records.live() if record.id != first.id]
    assert first.verb.value == verb
    assert replace(first, id="", at=0.0, until=0.0) == replace(second, id="", at=0.0, until=0.0)


async def test_a_thread_without_a_loop_ends_connections(connections):
    """Also where they live on another loop."""
    socket, _ = opened(connections)
    in_a_thread(lambda: connections.disconnect_now(subject="alice"))
    assert socket.ended == [Reason.GOING_AWAY]


async def test_who_was_disconnected_may_come_back(connections):
    """With the same credential."""
    before = connections.position
    opened(connections)
    assert (await connections.disconnect(subject="alice")).closed == 1
    for stateful in (True, False):
        assert opened(connections, stateful=stateful)[1] is Standing.GOOD
        assert opened(connections, stateful=stateful, position=before)[1] is Standing.GOOD


async def test_who_came_back_is_not_disconnected_by_a_late_record(connections, clock):
    """It names those who were open when it was said."""
    late = Record(Verb.DISCONNECT, frozenset({("subject", "alice")}), clock(), clock() + 60)
    old, _ = opened(connections, stateful=True)
    clock.advance(1)
    new, _ = opened(connections, stateful=True)
    assert connections.log.records.apply(late) == 1
    assert (len(old.ended), len(new.ended), new.looks) == (1, 0, [])


async def test_who_logged_in_again_is_looked_at_when_a_revocation_is_late(connections, clock):
    """A sync after an outage must not close somebody whom the store has admitted since."""
    late = Record(Verb.REVOKE, frozenset({("subject", "alice")}), clock(), clock() + 60, spread=3.0)
    old, _ = opened(connections, stateful=True)
    clock.advance(1)
    new, _ = opened(connections, stateful=True)
    fixed, _ = opened(connections, stateful=True, can_look_again=False)
    assert connections.log.records.apply(late) == 1
    assert (len(old.later), new.later, new.looks) == (1, [], [3.0])
    assert (fixed.later, fixed.looks) == ([], [])


async def test_a_newer_token_is_looked_at_where_somebody_can_be_asked(connections, clock):
    """It is not ended, and what was revoked may concern it."""
    revoked = Draft.of(Verb.REVOKE, {"subject": "alice"}, connections.log.records)(clock())
    clock.advance(1)
    newer, _ = opened(connections, since=clock(), issued_at=clock(), can_look_again=True)
    older, _ = opened(connections, since=clock(), issued_at=clock() - 1, can_look_again=True)
    connections.log.records.apply(revoked)
    assert (newer.ended, newer.looks) == ([], [0.0])
    assert (older.ended, older.looks) == ([Reason.REVOKED], [])


async def test_a_block_refuses_everybody(connections, clock, monotonic):
    """Whatever the credential, and until then."""
    sockets = [opened(connections, stateful=stateful, since=clock() + 50)[0] for stateful in (True, False)]
    assert (await connections.block(subject="alice", until=clock() + 60)).closed == 2
    assert all(socket.ended == [Reason.FORBIDDEN] for socket in sockets)
    for stateful in (True, False):
        assert opened(connections, stateful=stateful, issued_at=clock() + 50)[1] is Reason.FORBIDDEN
    monotonic.advance(60)
    assert opened(connections)[1] is Standing.GOOD


async def test_a_recheck_ends_nobody(connections):
    """It has whoever can be asked about looked at, and a handshake under way verified once more."""
    before = connections.position
    session, _ = opened(connections, stateful=True)
    token, _ = opened(connections)
    assert (await connections.recheck(subject="alice", spread=7)).closed == 0
    assert (session.ended, session.looks, token.ended, token.looks) == ([], [7], [], [])
    for stateful in (True, False):
        assert opened(connections, stateful=stateful, position=before)[1] is Standing.LOOK_AGAIN
        assert opened(connections, stateful=stateful)[1] is Standing.GOOD


async def test_an_end_can_be_put_off(connections, clock):
    """For those who are connected: who comes is refused at once."""
    socket, _ = opened(connections)
    await connections.revoke(subject="alice", after=10, spread=5, reason=Reason.REPLACED)
    [(seconds, reason)] = socket.later
    assert 10 <= seconds <= 15
    assert reason is Reason.REPLACED
    assert opened(connections)[1] is Reason.REPLACED


@pytest.mark.parametrize(("late", "left"), [(4, 6), (10, 0), (50, 0)])
async def test_a_late_record_puts_off_for_what_is_left(connections, clock, late, left):
    """All processes end their connections at the same time."""
    socket, _ = opened(connections)
    record = Record(Verb.REVOKE, frozenset({("subject", "alice")}), clock(), clock() + 60, after=10.0)
    clock.advance(late)
    connections.log.records.apply(record)
    assert socket.ended == ([] if left else [Reason.REVOKED])
    assert [round(seconds) for seconds, _ in socket.later] == ([left] if left else [])


# Handshakes


@pytest.mark.parametrize(("issued", "standing"), [(None, Reason.REVOKED), (0, Reason.REVOKED), (1, Standing.GOOD)])
async def test_a_token_issued_up_to_a_revocation_is_refused(connections, clock, issued, standing):
    """Whether it was verified before or after."""
    before = connections.position
    clock.now = 1000.7
    await connections.revoke(subject="alice")
    issued_at = None if issued is None else 1000 + issued
    for position in (before, connections.position):
        assert opened(connections, issued_at=issued_at, position=position)[1] is standing


async def test_the_latest_reason_is_told(connections, clock):
    """Where several records refuse."""
    for reason in (Reason.REPLACED, Reason.FORBIDDEN, Reason.REVOKED):
        clock.advance(1)
        await connections.revoke(subject="alice", reason=reason)
        assert opened(connections)[1] is reason


async def test_issuers_may_be_ahead(clock):
    """Their tokens are issued in the future."""
    connections = Connections(issuer_ahead=2.0, clock=clock)
    socket, _ = opened(connections, issued_at=int(clock()) + 2)
    await connections.revoke(subject="alice")
    assert socket.ended == [Reason.REVOKED]
    assert opened(connections, issued_at=int(clock()) + 2)[1] is Reason.REVOKED
    assert opened(connections, issued_at=int(clock()) + 3)[1] is Standing.GOOD


async def test_a_revocation_is_remembered_as_long_as_tokens_live(connections, monotonic):
    """And not longer, so that the memory does not grow for ever."""
    await connections.revoke(subject="alice")
    monotonic.advance(99)
    assert opened(connections)[1] is Reason.REVOKED
    monotonic.advance(1)
    assert opened(connections)[1] is Standing.GOOD
    assert len(connections.log.records) == 0


async def test_a_revocation_is_remembered_as_long_as_a_token_that_was_seen(connections, clock, monotonic):
    """A `remember` that is too short does not bring a revoked token back to life."""
    opened(connections, expires_at=clock() + 500)
    opened(connections, "bob", stateful=True, expires_at=clock() + 9000)  # which the store knows of
    await connections.revoke(subject="alice")
    monotonic.advance(499)
    assert opened(connections)[1] is Reason.REVOKED
    monotonic.advance(52)  # a tenth more
    assert opened(connections)[1] is Standing.GOOD


@pytest.mark.parametrize("whom", [{"subject": "alice"}, {"session_id": "s"}])
async def test_a_revocation_is_held_on_to_where_such_a_token_is_seen_later(connections, clock, monotonic, whom):
    """Also by the handshake that it refuses."""
    await connections.revoke(**whom)
    token = {"expires_at": clock() + 30 * 86400, "issued_at": clock() - 1, "session_id": "s"}
    assert opened(connections, **token)[1] is Reason.REVOKED
    monotonic.advance(30 * 86400 - 1)
    assert opened(connections, **token)[1] is Reason.REVOKED
    monotonic.advance(30 * 86400)
    assert connections.log.records.live() == []


async def test_a_token_that_outlives_what_is_remembered_is_told_once(clock, caplog):
    """A process that starts later has not seen it."""
    connections = Connections(remember=3600, clock=clock)
    opened(connections, expires_at=clock() + 0.9 * 3600)
    for subject in ("alice", "bob"):
        opened(connections, subject, expires_at=clock() + 30 * 86400)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "write remember=2592000" in line


async def test_a_token_that_lives_for_ever_does_no_harm(connections, clock):
    """30 days are the most, and a record says when it lapses."""
    opened(connections, expires_at=10**400, session_id="s")
    opened(connections, expires_at=float("inf"))
    opened(connections, expires_at=float("-inf"))
    await connections.revoke(subject="alice", after=3600, spread=3600)
    await connections.revoke(session_id="s")
    assert [record.until - clock() for record in connections.log.records.live()] == [30 * 86400 + 7200, 30 * 86400]


async def test_policies_that_share_a_log_share_what_it_brings(clock):
    """Each with its own connections. A revocation is remembered as long as the longest-lived tokens of them all."""
    log = MemoryLog(Records(clock, monotonic := FakeClock(0.0)))
    short, long = Connections(log=log, remember=100), Connections(log=log, remember=1000)
    sockets = [opened(here)[0] for here in (short, long)]
    assert (await short.revoke(subject="alice")).closed == 2
    assert all(socket.ended for socket in sockets)
    monotonic.advance(999)
    assert opened(long)[1] is Reason.REVOKED


async def test_a_position_holds_for_every_registry(connections):
    """A connection notes it once, before it knows where it will stand."""
    position = connections.position
    other = Connections()
    await other.revoke(subject="alice")
    assert opened(other, stateful=True, position=position)[1] is Standing.LOOK_AGAIN
    assert opened(other, stateful=True, position=connections.position)[1] is Standing.GOOD


async def test_a_session_is_looked_at_again_only_for_what_came_meanwhile(connections):
    """The store knows of every revocation before the position that was noted."""
    before = connections.position
    await connections.revoke(subject="alice")
    assert opened(connections, stateful=True, position=before)[1] is Standing.LOOK_AGAIN
    assert opened(connections, stateful=True)[1] is Standing.GOOD
    assert opened(connections, "bob", stateful=True, position=before)[1] is Standing.GOOD


async def test_who_is_not_good_is_not_registered(connections):
    """Under no identity."""
    socket, _ = opened(connections, "bob")
    await connections.revoke(subject="alice")
    assert connections.open(socket, Identity("alice"), 0, stateful=False) is Reason.REVOKED
    assert len(connections) == 0
    assert connections.open(socket, Identity("alice"), 0, stateful=True) is Standing.LOOK_AGAIN
    assert len(connections) == 0


async def test_a_revocation_lands_before_or_after_the_registration():
    """Whenever it comes, from whatever thread: the connection is ended, or its handshake refused."""
    connections = Connections()
    missed = []
    for _ in range(300):
        socket = Socket(stateful=True, since=connections.now())
        position = connections.position
        barrier = threading.Barrier(2)

        def revoke(barrier=barrier):
            barrier.wait()
            connections.revoke_now(subject="alice")

        thread = threading.Thread(target=revoke)
        thread.start()
        barrier.wait()
        standing = connections.open(socket, socket.identity, position, stateful=True)
        thread.join()
        if standing is Standing.GOOD and not socket.ended:
            missed.append(socket)
        connections.close(socket)
    assert missed == []


# Bookkeeping


async def test_opening_again_moves_the_registration(connections):
    """One connection stands under one identity."""
    socket, _ = opened(connections, "anybody")
    connections.open(socket, Identity("alice", token_id="t"), 0, stateful=False)
    assert len(connections) == 1
    assert (await connections.disconnect(subject="anybody")).closed == 0
    assert (await connections.disconnect(token_id="t")).closed == 1


async def test_closing_leaves_nothing(connections):
    """However often, and also what was never there."""
    socket, _ = opened(connections, session_id="s", token_id="t")
    for one in (socket, socket, Socket()):
        connections.close(one)
    assert len(connections) == 0
    assert (await connections.disconnect(session_id="s")).closed == 0


async def test_moving_follows_the_identity(connections):
    """A session gets another key while its connection lives; what is closed stays out."""
    socket, _ = opened(connections, session_id="old", stateful=True)
    connections.move(socket, Identity("alice", session_id="new"))
    assert (await connections.disconnect(session_id="old")).closed == 0
    assert (await connections.disconnect(session_id="new")).closed == 1
    connections.close(socket)
    connections.move(socket, Identity("alice"))
    assert len(connections) == 0


@pytest.mark.parametrize(
    ("stateful", "verb", "reason", "looks"),
    [
        (True, "revoke", None, [0.0]),
        (True, "recheck", None, [0.0]),
        (True, "disconnect", None, []),
        (True, "block", Reason.FORBIDDEN, []),
        (False, "revoke", Reason.REVOKED, []),
    ],
)
async def test_who_moves_is_held_against_what_it_moves_to(connections, stateful, verb, reason, looks):
    """A record may have come while it was looked at, and matched nobody then."""
    socket, _ = opened(connections, session_id="old", stateful=stateful)
    await getattr(connections, verb)(**terms_of(verb, connections, session_id="new"))
    new = Identity("alice", session_id="new")
    assert connections.move(socket, new) is reason
    assert connections.move(socket, new) is None  # and once is enough
    assert (socket.ended, socket.looks) == ([], looks)


async def test_staying_the_same_asks_nobody(connections, clock):
    """Or each look would lead to the next."""
    late = Record(Verb.REVOKE, frozenset({("subject", "alice")}), clock() - 1, clock() + 60)
    connections.log.records.apply(late)
    socket, standing = opened(connections, stateful=True)
    assert standing is Standing.GOOD
    connections.move(socket, Identity("alice", claims={"role": "clerk"}))
    assert socket.looks == []


async def test_a_connection_that_closes_while_others_are_ended_is_no_trouble(connections):
    """Ending takes a connection out of the registry."""

    class Closes(Socket):
        def end(self, reason):
            super().end(reason)
            connections.close(self)

    sockets = [Closes() for _ in range(3)]
    for socket in sockets:
        connections.open(socket, Identity("alice"), 0, stateful=False)
    assert (await connections.revoke(subject="alice")).closed == 3
    assert len(connections) == 0


async def test_a_sync_has_everybody_looked_at(connections):
    """Whoever can be asked about: something may have been missed."""
    session, _ = opened(connections, stateful=True)
    token, _ = opened(connections)
    connections.log.records.look_again(30.0)
    assert (session.looks, token.looks) == ([30.0], [])


# Deploys


class Closing(Socket):
    """A connection that closes when it is ended, or later."""

    connections: Connections

    def end(self, reason):
        super().end(reason)
        self.connections.close(self)

    def end_in(self, seconds, reason):
        super().end_in(seconds, reason)
        asyncio.get_running_loop().call_later(seconds, self.end, reason)


async def test_draining_closes_everybody_and_lets_nobody_in(connections):
    """Spread over the time that was given; it returns when the last is closed."""
    sockets = [Closing(str(n)) for n in range(20)]
    for socket in sockets:
        socket.connections = connections
        connections.open(socket, socket.identity, 0, stateful=False)
    draining = asyncio.create_task(connections.drain(over=0.1))
    await asyncio.sleep(0)
    for stateful in (True, False):
        assert opened(connections, stateful=stateful)[1] is Reason.GOING_AWAY
    await draining
    assert len(connections) == 0
    assert all(socket.ended == [Reason.GOING_AWAY] and 0 <= socket.later[0][0] <= 0.1 for socket in sockets)


async def test_who_comes_while_draining_begins_is_closed_or_refused(connections):
    """Whenever its handshake ends, on whatever thread."""
    records, drains = connections.log.records, connections.drain(over=0.0)
    look_up = records.matching

    def meanwhile(keys):  # after it was registered, and before it is judged
        drains.send(None)
        return look_up(keys)

    records.matching = meanwhile
    socket, standing = opened(connections)
    drains.close()
    assert socket.ended or standing is Reason.GOING_AWAY


@pytest.mark.parametrize("over", [-1, 3601, float("nan"), "30"])
async def test_an_odd_time_to_drain_is_an_error(connections, over):
    """And nobody is refused for it."""
    with pytest.raises(ValueError, match="over="):
        await connections.drain(over=over)
    assert opened(connections)[1] is Standing.GOOD


# All policies


def test_every_policy_of_the_process_is_known():
    """For as long as it is there; those that share a log once, where one is enough."""
    log = MemoryLog()
    one, two, other = Connections(log=log), Connections(log=log), Connections()
    assert {one, two, other} <= set(Connections.everywhere())
    ours = [connections for connections in Connections.of_each_log() if connections in (one, two, other)]
    assert {connections.log for connections in ours} == {log, other.log}
    assert len(ours) == 2
    count = len(Connections.everywhere())
    del one, two, other, ours
    gc.collect()
    assert len(Connections.everywhere()) <= count - 3


@pytest.mark.parametrize(
    "settings",
    [
        {"remember": 0},
        {"remember": -1},
        {"remember": float("nan")},
        {"remember": 31 * 86400},
        {"remember": True},
        {"issuer_ahead": -1},
        {"issuer_ahead": 61},
    ],
)
def test_odd_seconds_are_refused(settings):
    """With a memory of no time every stateless token would survive its revocation."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(settings))}=.*write seconds"):
        Connections(**settings)
