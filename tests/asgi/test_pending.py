"""The ration of sockets that are accepted but not authenticated."""

import asyncio
import gc
from contextlib import ExitStack

import pytest
from fakes import FakeTimeLoop, in_a_thread, named

from wsauth import Policy
from wsauth.asgi.pending import REFUSALS, WINDOW, Pending, _of_policies
from wsauth.testing import FakeClock


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def waiting(stack, pending, peer):
    return stack.enter_context(pending.wait(peer, asyncio.timeout(None)))


async def test_below_the_cap_nobody_goes(stack):
    """The cap counts sockets, whoever holds them."""
    pending = Pending(3)
    sockets = [waiting(stack, pending, "a") for _ in range(3)]
    assert [socket.evicted for socket in sockets] == [False] * 3
    assert len(pending) == 3


async def test_at_the_cap_the_oldest_of_the_greediest_peer_goes(stack):
    """One peer that opens many cannot push out the others."""
    pending = Pending(4)
    b = waiting(stack, pending, "b")
    first, second, third = [waiting(stack, pending, "a") for _ in range(3)]
    waiting(stack, pending, "c")
    assert [socket.evicted for socket in (b, first, second, third)] == [False, True, False, False]
    assert len(pending) == 4


async def test_a_newcomer_counts_with_what_it_holds(stack):
    """A peer that is to become the greediest makes room for itself."""
    pending = Pending(2)
    other, own = waiting(stack, pending, "b"), waiting(stack, pending, "a")
    waiting(stack, pending, "a")
    assert (other.evicted, own.evicted) == (False, True)


async def test_among_equals_the_oldest_goes(stack):
    """Where nobody is greedy, waiting longest is what counts."""
    pending = Pending(3)
    sockets = [waiting(stack, pending, peer) for peer in "abc"]
    waiting(stack, pending, "d")
    assert [socket.evicted for socket in sockets] == [True, False, False]


async def test_who_has_left_holds_nothing():
    """Also one that was evicted before it left."""
    pending = Pending(1)
    with pending.wait("a", asyncio.timeout(None)) as one:
        with pending.wait("b", asyncio.timeout(None)):
            assert one.evicted
        assert len(pending) == 0
    assert len(pending) == 0


async def test_where_all_places_are_refusals_nobody_is_evicted(stack):
    """A socket that is being closed cannot be hurried."""
    pending = Pending(1)
    assert stack.enter_context(pending.refusing("a", accepting=True))
    assert not waiting(stack, pending, "b").evicted
    assert len(pending) == 2


async def test_an_eviction_from_another_loop_expires_the_wait():
    """Sockets of one policy may wait on several event loops."""
    pending = Pending(1)
    sockets = []

    async def newcomer():
        with pending.wait("b", asyncio.timeout(None)):
            pass

    async def wait():
        async with asyncio.timeout(60) as timeout:
            with pending.wait("a", timeout) as socket:
                sockets.append(socket)
                in_a_thread(lambda: asyncio.run(newcomer()))
                await asyncio.sleep(30)

    with pytest.raises(TimeoutError):
        await wait()
    assert sockets[0].evicted
    assert asyncio.get_running_loop().time() < 1


def test_an_eviction_from_a_loop_that_has_closed_is_nothing():
    """What waited there is gone."""
    pending = Pending(1)

    async def abandon():
        waits.append(pending.wait("a", asyncio.timeout(None)))
        waits[0].__enter__()

    async def newcomer():
        with pending.wait("b", asyncio.timeout(None)):
            assert len(pending) == 1

    waits = []
    for step in (abandon, newcomer):
        loop = FakeTimeLoop()
        loop.run_until_complete(step())
        loop.close()


async def test_the_refusals_of_a_peer_are_counted_for_a_while():
    """After five in ten seconds nothing is accepted for it; then it starts anew."""
    clock = FakeClock()
    pending = Pending(100, clock)

    def refused(peer):
        with pending.refusing(peer, accepting=True) as granted:
            return granted

    assert [refused("a") for _ in range(REFUSALS + 2)] == [True] * REFUSALS + [False] * 2
    assert refused("b")
    clock.advance(WINDOW)
    assert refused("a")


async def test_a_refusal_that_is_not_to_be_accepted_counts_and_takes_no_place():
    """HTTP refusals are refusals of the peer too."""
    pending = Pending(100)
    for _ in range(REFUSALS):
        with pending.refusing("a", accepting=False) as granted:
            assert not granted
            assert len(pending) == 0
    with pending.refusing("a", accepting=True) as granted:
        assert not granted


def test_the_ration_belongs_to_the_policy():
    """It is the same for every application that the policy guards, and goes with it."""
    one, two = Policy([named()]), Policy([named()])
    assert Pending.of(one) is Pending.of(one)
    assert Pending.of(one) is not Pending.of(two)
    count = len(_of_policies)
    del one
    gc.collect()
    assert len(_of_policies) < count
