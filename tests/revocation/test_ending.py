"""Ending many connections at once."""

import asyncio

import pytest

from revocation.live import Socket
from wsauth import Reason
from wsauth.revocation.ending import SLICE, end_all


def sockets(count, **fields):
    return [Socket(**fields) for _ in range(count)]


async def test_a_few_end_at_once():
    """Without a turn of the loop."""
    few = sockets(SLICE)
    end_all(few, Reason.REVOKED)
    assert all(socket.ended == [Reason.REVOKED] and not socket.stopped for socket in few)


async def test_many_stop_at_once_and_close_in_slices():
    """Nothing is delivered any more to anybody; the loop goes on between the slices."""
    many = sockets(3 * SLICE + 1)
    end_all(many, Reason.REVOKED)
    assert all(socket.stopped == [Reason.REVOKED] and not socket.ended for socket in many)
    counts = []
    for _ in range(5):
        await asyncio.sleep(0)
        counts.append(sum(len(socket.ended) for socket in many))
    assert counts == [SLICE, 2 * SLICE, 3 * SLICE, 3 * SLICE + 1, 3 * SLICE + 1]


async def test_one_that_fails_does_not_keep_the_others():
    """Whatever becomes of it."""
    loop, seen = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda loop, context: seen.append(context["exception"]))
    many = sockets(2 * SLICE)
    many[5].end = many[SLICE + 5].end = lambda reason: 1 / 0
    end_all(many, Reason.REVOKED)
    for _ in range(6):
        await asyncio.sleep(0)
    assert [type(error) for error in seen] == [ZeroDivisionError] * 2
    assert sum(len(socket.ended) for socket in many) == 2 * SLICE - 2


def test_each_closes_on_its_own_loop():
    """Whoever ended them: a signal runs in a thread, and TestClient on another loop."""
    loops = [asyncio.new_event_loop() for _ in range(2)]
    ended = {loop: [] for loop in loops}
    many = [socket for loop in loops for socket in sockets(SLICE, loop=loop)]
    for socket in many:
        socket.end = lambda reason: ended[asyncio.get_running_loop()].append(reason)
    end_all(many, Reason.REVOKED)
    for loop in loops:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert list(ended.values()) == [[Reason.REVOKED] * SLICE] * 2


def test_a_loop_that_is_closed_is_no_trouble():
    """Its connections are told, so that they leave nothing behind."""
    loop = asyncio.new_event_loop()
    loop.close()
    many = sockets(SLICE + 1, loop=loop)
    end_all(many, Reason.REVOKED)
    assert all(socket.ended == [Reason.REVOKED] for socket in many)


@pytest.mark.parametrize("count", [1, SLICE + 1])
async def test_later_means_later(count):
    """Each at a moment of its own, so that they do not come back together; many are told in slices."""
    many = sockets(count)
    end_all(many, Reason.REVOKED, after=10.0, spread=5.0)
    told = []
    for _ in range(3):
        await asyncio.sleep(0)
        told.append(sum(len(socket.later) for socket in many))
    assert told == ([1, 1, 1] if count == 1 else [SLICE, SLICE + 1, SLICE + 1])
    later = [seconds for socket in many for seconds, _ in socket.later]
    assert len(later) == count
    assert all(10 <= seconds <= 15 for seconds in later)
    assert len(set(later)) == count
    assert not any(socket.ended or socket.stopped for socket in many)
