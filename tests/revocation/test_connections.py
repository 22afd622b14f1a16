"""The registry of live connections, and the revocations that handshakes are held against."""

import asyncio
import threading

import pytest

from wsauth import ConfigurationError, Connections, Identity, Reason
from wsauth.revocation.connections import Standing
from wsauth.testing import FakeClock


class Socket:
    def __init__(self):
        self.ended = []

    def end(self, reason):
        self.ended.append(reason)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def connections(clock):
    return Connections(remember=100, clock=clock)


def opened(connections, subject="alice", *, stateful=False, position=None, **fields):
    socket = Socket()
    position = connections.position if position is None else position
    standing = connections.open(socket, Identity(subject, **fields), position, stateful=stateful)
    return socket, standing


async def test_a_revocation_ends_what_it_matches(connections):
    """And nothing else; it says how many."""
    alice, bob = [opened(connections, name)[0] for name in ("alice", "bob")]
    assert await connections.revoke(subject="alice") == 1
    assert (alice.ended, bob.ended) == ([Reason.REVOKED], [])


@pytest.mark.parametrize("selector", [{"subject": "alice"}, {"session_id": "s"}, {"token_id": "t"}])
async def test_any_selector_finds(connections, selector):
    """Subject, session and token name a connection alike."""
    socket, _ = opened(connections, session_id="s", token_id="t")
    assert await connections.disconnect(**selector) == 1
    assert socket.ended == [Reason.REVOKED]


async def test_several_selectors_must_all_match(connections):
    """They are combined with AND, for who is connected and for who will be."""
    one, _ = opened(connections, session_id="one")
    two, _ = opened(connections, session_id="two")
    assert await connections.revoke(subject="alice", session_id="one") == 1
    assert (len(one.ended), len(two.ended)) == (1, 0)
    assert opened(connections, session_id="two")[1] is Standing.GOOD
    assert opened(connections, "bob", session_id="one")[1] is Standing.GOOD
    assert opened(connections, session_id="one")[1] is Standing.REVOKED


async def test_nobody_is_found_under_another_kind(connections):
    """A subject is no session id."""
    opened(connections, "same", session_id="other")
    assert await connections.disconnect(session_id="same") == 0


@pytest.mark.parametrize("selector", [{}, {"subject": ""}, {"subject": 7}, {"subject": None}])
async def test_a_selector_that_selects_nobody_is_an_error(connections, selector):
    """An empty one would mean everybody, or nobody; both are mistakes."""
    for verb in (connections.revoke, connections.disconnect):
        with pytest.raises(ValueError, match="subject"):
            await verb(**selector)


async def test_disconnect_remembers_nothing(connections):
    """Who was disconnected may come back with the same credential."""
    opened(connections)
    position = connections.position
    assert await connections.disconnect(subject="alice") == 1
    assert connections.position == position
    assert opened(connections, stateful=True)[1] is Standing.GOOD
    assert opened(connections)[1] is Standing.GOOD


def test_disconnect_now_needs_no_loop(connections):
    """Signals run in threads without one."""
    socket, _ = opened(connections)
    thread = threading.Thread(target=lambda: connections.disconnect_now(subject="alice"))
    thread.start()
    thread.join()
    assert socket.ended == [Reason.REVOKED]


# Handshakes


async def test_a_token_issued_up_to_a_revocation_is_refused(connections, clock):
    """Whole seconds: a token of the same second is not newer."""
    clock.now = 1000.7
    await connections.revoke(subject="alice")
    for issued_at, standing in [
        (None, Standing.REVOKED),
        (0, Standing.REVOKED),
        (999, Standing.REVOKED),
        (1000, Standing.REVOKED),
        (1000.9, Standing.REVOKED),
        (1001, Standing.GOOD),
        (1e30, Standing.GOOD),
        (float("inf"), Standing.GOOD),
        (float("-inf"), Standing.REVOKED),
    ]:
        assert opened(connections, issued_at=issued_at)[1] is standing, issued_at


async def test_a_revocation_is_remembered_as_long_as_tokens_live(connections, clock):
    """And not longer, so that the memory does not grow for ever."""
    await connections.revoke(subject="alice")
    await connections.revoke(session_id="s")
    clock.advance(99)
    await connections.revoke(subject="carol")
    assert opened(connections)[1] is Standing.REVOKED
    clock.advance(1)
    await connections.revoke(subject="alice")
    assert opened(connections, "x", session_id="s")[1] is Standing.GOOD
    clock.advance(99)
    await connections.revoke(subject="bob")
    assert opened(connections)[1] is Standing.REVOKED
    assert opened(connections, "carol")[1] is Standing.GOOD
    clock.advance(200)
    await connections.revoke(subject="bob")
    assert sum(map(len, connections._records.values())) == len(connections._in_order) == 1


async def test_a_revocation_is_remembered_as_long_as_a_token_that_was_seen(connections, clock):
    """A `remember` that is too short does not bring a revoked token back to life."""
    opened(connections, issued_at=clock(), expires_at=clock() + 500)
    opened(connections, "bob", stateful=True, expires_at=clock() + 9000)  # which the store knows of
    await connections.revoke(subject="alice")
    clock.advance(499)
    await connections.revoke(subject="carol")
    assert opened(connections)[1] is Standing.REVOKED
    clock.advance(1)
    await connections.revoke(subject="carol")
    assert opened(connections)[1] is Standing.GOOD
    opened(connections, expires_at=10**400)
    await connections.revoke(subject="alice")


async def test_a_revocation_takes_the_place_of_an_earlier_one(connections, clock):
    """Who logs out again and again costs one record, and no handshake looks through more."""
    for _ in range(100):
        clock.advance(0.1)
        await connections.revoke(subject="alice")
        await connections.revoke(subject="alice", token_id="t")
    assert (len(connections._in_order), sum(map(len, connections._records.values()))) == (2, 2)
    assert opened(connections, issued_at=clock() - 5)[1] is Standing.REVOKED
    assert opened(connections, issued_at=clock() + 1)[1] is Standing.GOOD


async def test_a_revocation_under_a_clock_set_back_weakens_no_earlier_one(connections, clock):
    """What was issued up to the earlier one stays refused."""
    await connections.revoke(subject="alice")
    issued_at = clock()
    clock.advance(-60)
    await connections.revoke(subject="alice")
    assert opened(connections, issued_at=issued_at)[1] is Standing.REVOKED


async def test_a_position_holds_for_every_registry(connections):
    """A connection notes it once, before it knows where it will stand."""
    position = connections.position
    other = Connections()
    await other.revoke(subject="alice")
    assert other.open(Socket(), Identity("alice"), position, stateful=True) is Standing.LOOK_AGAIN
    assert other.open(Socket(), Identity("alice"), connections.position, stateful=True) is Standing.GOOD


async def test_a_session_is_looked_at_again_only_for_what_came_meanwhile(connections):
    """The store knows of every revocation before the position that was noted."""
    before = connections.position
    await connections.revoke(subject="alice")
    assert opened(connections, stateful=True, position=before)[1] is Standing.LOOK_AGAIN
    assert opened(connections, stateful=True)[1] is Standing.GOOD
    assert opened(connections, "bob", stateful=True, position=before)[1] is Standing.GOOD


async def test_who_is_not_good_is_not_registered(connections):
    """It is not connected, and keeps what it was registered under before."""
    await connections.revoke(subject="alice")
    assert opened(connections)[1] is Standing.REVOKED
    assert len(connections) == 0
    socket, _ = opened(connections, "bob")
    assert connections.open(socket, Identity("alice"), 0, stateful=False) is Standing.REVOKED
    assert await connections.disconnect(subject="bob") == 1


async def test_a_revocation_lands_before_or_after_the_registration():
    """Whenever it comes, from whatever thread: the connection is ended, or its handshake refused."""
    connections = Connections()
    missed = []
    for _ in range(300):
        socket = Socket()
        position = connections.position
        barrier = threading.Barrier(2)

        def revoke(barrier=barrier):
            barrier.wait()
            asyncio.run(connections.revoke(subject="alice"))

        thread = threading.Thread(target=revoke)
        thread.start()
        barrier.wait()
        standing = connections.open(socket, Identity("alice"), position, stateful=True)
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
    assert await connections.disconnect(subject="anybody") == 0
    assert await connections.disconnect(token_id="t") == 1


async def test_closing_leaves_nothing(connections):
    """However often, and also what was never there."""
    socket, _ = opened(connections, session_id="s", token_id="t")
    for one in (socket, socket, Socket()):
        connections.close(one)
    assert len(connections) == 0
    assert (connections._live, connections._keys) == ({}, {})


async def test_closing_one_leaves_the_others(connections):
    """Two tabs of one user are two connections."""
    one, _ = opened(connections)
    two, _ = opened(connections)
    connections.close(one)
    assert await connections.disconnect(subject="alice") == 1
    assert (one.ended, two.ended) == ([], [Reason.REVOKED])


async def test_an_anonymous_connection_is_counted_and_found_by_nobody(connections):
    """It has no name."""
    socket = Socket()
    connections.open(socket, Identity.anonymous(), 0, stateful=False)
    assert len(connections) == 1
    connections.close(socket)
    assert len(connections) == 0


async def test_a_connection_that_closes_while_others_are_ended_is_no_trouble(connections):
    """Ending takes a connection out of the registry."""

    class Closes(Socket):
        def end(self, reason):
            super().end(reason)
            connections.close(self)

    sockets = [Closes() for _ in range(3)]
    for socket in sockets:
        connections.open(socket, Identity("alice"), 0, stateful=False)
    assert await connections.revoke(subject="alice") == 3
    assert len(connections) == 0


@pytest.mark.parametrize("remember", [0, -1, float("nan")])
def test_a_memory_of_no_time_is_refused(remember):
    """Every stateless token would survive its revocation."""
    with pytest.raises(ConfigurationError, match="remember"):
        Connections(remember=remember)
