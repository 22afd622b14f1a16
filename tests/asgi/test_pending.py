"""The ration of sockets that are accepted but not authenticated."""

import asyncio
import gc
import sys

import pytest
from fakes import FakeTimeLoop, in_a_thread, named

from wsauth import Policy
from wsauth.asgi.pending import LEAVING, PEERS, REFUSALS, SHARE, WINDOW, Pending, _of_policies
from wsauth.testing import FakeClock


def waiting(pending, peer):
    return pending.wait(peer, asyncio.timeout(None))


async def test_below_the_cap_nobody_goes():
    """The cap counts sockets, whoever holds them."""
    pending = Pending(4)
    sockets = [waiting(pending, peer) for peer in "abcd"]
    assert [socket.evicted for socket in sockets] == [False] * 4
    assert len(pending) == 4


async def test_a_peer_at_its_share_makes_room_for_itself():
    """A fourth of the places, long before the cap; in all it holds twice as many, with those on their way out."""
    pending = Pending(4 * SHARE)
    sockets = [waiting(pending, "a") for _ in range(2 * 4)]
    assert [socket.evicted for socket in sockets] == [True] * 4 + [False] * 4
    assert waiting(pending, "a") is None
    assert not waiting(pending, "b").evicted
    sockets[0].free()
    assert waiting(pending, "a") is not None


async def test_at_the_cap_the_oldest_of_the_greediest_peer_goes():
    """One peer that opens many cannot push out the others."""
    pending = Pending(2 * SHARE)
    first = waiting(pending, "greedy")
    others = [waiting(pending, f"peer {number}") for number in range(2 * SHARE - 2)]
    second = waiting(pending, "greedy")
    newcomer = waiting(pending, "b")
    assert [socket.evicted for socket in (first, second, newcomer, *others)] == [True] + [False] * (2 * SHARE)


async def test_among_equals_the_oldest_goes():
    """Where nobody is greedy, waiting longest is what counts."""
    pending = Pending(3)
    sockets = [waiting(pending, peer) for peer in "abc"]
    waiting(pending, "d")
    assert [socket.evicted for socket in sockets] == [True, False, False]


async def test_who_has_left_holds_nothing():
    """Also one that was evicted before it left."""
    pending = Pending(1)
    one, two = waiting(pending, "a"), waiting(pending, "b")
    assert (one.evicted, one.leave()) == (True, True)
    two.free()
    one.free()
    assert len(pending) == 0
    assert not one.leave()


async def test_there_are_never_more_than_twice_the_cap():
    """Whoever was evicted or refused and does not go keeps its place, and then a newcomer is refused."""
    pending = Pending(10)
    places = [waiting(pending, f"peer {number}") for number in range(20)]
    assert None not in places
    assert waiting(pending, "another") is None
    assert pending.refuse("another", accepting=True) is None
    assert len(pending) == 20
    places[3].free()
    assert waiting(pending, "another") is not None


async def test_a_refused_socket_that_nobody_sees_go_counts_for_a_while():
    """No exception and no server keeps a place for ever."""
    clock = FakeClock()
    pending = Pending(1, clock)
    assert pending.refuse("a", accepting=True)
    assert pending.refuse("b", accepting=True) is None
    clock.advance(LEAVING)
    assert pending.refuse("c", accepting=True)
    assert len(pending) == 1


async def test_an_eviction_from_another_loop_expires_the_wait():
    """Sockets of one policy may wait on several event loops."""
    pending = Pending(1)
    sockets = []

    async def newcomer():
        waiting(pending, "b")

    async def wait():
        async with asyncio.timeout(60) as timeout:
            sockets.append(pending.wait("a", timeout))
            in_a_thread(lambda: asyncio.run(newcomer()))
            await asyncio.sleep(30)

    with pytest.raises(TimeoutError):
        await wait()
    assert sockets[0].evicted
    assert asyncio.get_running_loop().time() < 1


def test_an_eviction_from_a_loop_that_has_closed_is_nothing():
    """What waited there is gone."""
    pending = Pending(1)

    async def knock(peer):
        return waiting(pending, peer)

    for peer in "ab":
        loop = FakeTimeLoop()
        assert loop.run_until_complete(knock(peer))
        loop.close()


async def test_the_refusals_of_a_peer_are_counted_for_a_while():
    """After five in ten seconds nothing is accepted for it; then it starts anew."""
    clock = FakeClock()
    pending = Pending(100, clock)

    def refused(peer):
        return pending.refuse(peer, accepting=True) is not None

    assert [refused("a") for _ in range(REFUSALS + 2)] == [True] * REFUSALS + [False] * 2
    assert refused("b")
    clock.advance(WINDOW)
    assert refused("a")


@pytest.mark.parametrize(
    "addresses",
    [
        [""],
        [f"2001:db8:1:2::{number:x}" for number in range(1, 9)],
        ["203.0.113.7", "::ffff:203.0.113.7"],
        ["203.0.113.7:1", "203.0.113.7:2"],
    ],
    ids=["a Unix socket", "one network", "mapped", "with ports"],
)
async def test_all_addresses_of_one_peer_share_its_ration(addresses):
    """What one subscriber has is one peer, and so is everybody whom the server does not name."""
    pending = Pending(100)
    granted = [pending.refuse(addresses[n % len(addresses)], accepting=True) for n in range(REFUSALS + 1)]
    assert [place is not None for place in granted] == [True] * REFUSALS + [False]


async def test_a_refusal_that_is_not_to_be_accepted_counts_and_takes_no_place():
    """HTTP refusals are refusals of the peer too."""
    pending = Pending(100)
    for _ in range(REFUSALS):
        assert pending.refuse("a", accepting=False) is None
        assert len(pending) == 0
    assert pending.refuse("a", accepting=True) is None


async def test_the_memory_of_refusals_is_bounded():
    """Beyond ten thousand peers the others share one ration."""
    pending = Pending(100)
    for number in range(3 * PEERS):
        pending.refuse(f"peer {number}", accepting=False)
    assert len(pending._refused) <= PEERS + 1
    assert pending.refuse("a newcomer", accepting=True) is None
    assert pending.refuse("peer 0", accepting=True)


def steps(function):
    """How many lines of Python a call takes."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("peers", [1, 100], ids=["greedy", "many"])
async def test_making_room_takes_as_long_among_ten_as_among_ten_thousand(peers):
    """It happens under the lock, for each newcomer."""
    counts = []
    for limit in (40, 10_000):
        pending = Pending(limit)
        for number in range(limit):
            waiting(pending, f"peer {number if peers == 1 else number % (limit // 4)}")
        counts.append(steps(lambda pending=pending: waiting(pending, "newcomer")))
        assert len(pending) == limit + 1
    assert counts[0] == counts[1]


def test_the_ration_belongs_to_the_policy():
    """It is the same for every application that the policy guards, and goes with it."""
    one, two = Policy([named()]), Policy([named()])
    assert Pending.of(one) is Pending.of(one)
    assert Pending.of(one) is not Pending.of(two)
    count = len(_of_policies)
    del one
    gc.collect()
    assert len(_of_policies) < count
