"""More revocations than can be held one by one."""

from __future__ import annotations

import pytest

from revocation.live import Socket
from wsauth import Connections, Reason
from wsauth.revocation.connections import Standing
from wsauth.revocation.folded import SLOTS
from wsauth.revocation.log import MemoryLog
from wsauth.revocation.record import HANDSHAKE
from wsauth.revocation.records import Records
from wsauth.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock(1_000_000.0)


@pytest.fixture
def monotonic():
    return FakeClock(5.0)


@pytest.fixture
def connections(clock, monotonic):
    """Ten are as many as it can hold."""
    connections = Connections(log=MemoryLog(Records(clock, monotonic, ceiling=10)), remember=3600.0, clock=clock)
    for number in range(10):
        connections.revoke_now(token_id=f"early{number}")
    return connections


def stands(connections, *, stateful=False, position=None, issued_at=999_999, **whom):
    socket = Socket("alice", issued_at=issued_at, stateful=stateful, **whom)
    position = connections.position if position is None else position
    standing = connections.open(socket, socket.identity, position, stateful=stateful)
    connections.close(socket)
    return standing


def test_who_is_revoked_beyond_the_ceiling_is_closed_and_stays_out(connections, clock):
    """And memory does not grow."""
    records = connections.log.records
    socket = Socket("alice", token_id="late")
    connections.open(socket, socket.identity, connections.position, stateful=False)
    for number in range(1000):
        connections.revoke_now(token_id=f"late{number}")
    assert connections.revoke_now(token_id="late").closed == 1
    assert stands(connections, token_id="late") is Reason.REVOKED
    assert all(stands(connections, token_id=f"late{number}") is Reason.REVOKED for number in range(1000))
    assert stands(connections, token_id="early3") is Reason.REVOKED
    assert (len(records), len(records._covered)) == (10, 0)


def test_hardly_anybody_else_is_refused_and_nobody_with_a_new_token(connections, clock):
    """Whoever shares a slot with one who was revoked."""
    for number in range(100):
        connections.revoke_now(token_id=f"late{number}")
    refused = [stands(connections, token_id=f"other{number}") for number in range(1000)].count(Reason.REVOKED)
    assert refused <= 20 * 1000 * 101 / SLOTS
    assert stands(connections, token_id="late7", issued_at=clock() + 1) is Standing.GOOD


def test_a_store_is_asked_again_where_a_record_was_folded_meanwhile(connections):
    """As where it is held."""
    position = connections.position
    connections.end_now(session_id="s")
    assert stands(connections, stateful=True, position=position, session_id="s") is Standing.LOOK_AGAIN
    assert stands(connections, stateful=True, session_id="s") is Standing.GOOD


def test_a_re_check_beyond_the_ceiling_refuses_no_token(connections):
    """It only asks."""
    connections.recheck_now(subject="alice")
    assert stands(connections) is Standing.GOOD
    assert stands(connections, issued_at=None) is Standing.GOOD


def test_a_block_is_held_in_any_case(connections, clock):
    """There are few, and no new token is to get in."""
    connections.block_now(subject="alice", until=clock() + 60)
    assert stands(connections, issued_at=clock() + 1) is Reason.FORBIDDEN


@pytest.mark.parametrize("remember", [3600.0, 7200.0])
def test_what_was_folded_lapses(connections, monotonic, clock, remember):
    """As late as the longest token, also where that is seen later."""
    connections.revoke_now(token_id="late")
    connections.log.records.outlast(remember)
    for clocks in (monotonic, clock):
        clocks.advance(remember - 1)
    assert stands(connections, token_id="late") is Reason.REVOKED
    for clocks in (monotonic, clock):
        clocks.advance(HANDSHAKE)
    assert stands(connections, token_id="late") is Standing.GOOD


def test_there_is_room_again_when_others_have_lapsed(connections, monotonic, clock):
    """And what comes then is held by itself."""
    for clocks in (monotonic, clock):
        clocks.advance(3600 + 2 * HANDSHAKE)
    connections.revoke_now(token_id="late")
    assert [dict(record.match) for record in connections.log.records.live()] == [{"token_id": "late"}]
