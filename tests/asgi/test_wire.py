"""The way to the client: one answer, one close, and nothing after it."""

import asyncio

import pytest
from fakes import ACCEPT, CLOSE, FakeServer, knocking, named, turns

from wsauth import Policy, Reason
from wsauth.asgi.pending import Pending
from wsauth.asgi.refusal import Delivery
from wsauth.asgi.wire import Phase, Wire
from wsauth.core.handshake import Handshake


@pytest.fixture
def server():
    return FakeServer(slow=5)


@pytest.fixture
def wire(server):
    return Wire(server.send)


@pytest.fixture
def delivery(server):
    policy, scope = Policy([named()]), knocking(server)
    return Delivery.to(Handshake.from_scope(scope), scope, policy, Pending.of(policy))


async def test_closing_twice_sends_once(wire, delivery, server):
    """The second close finds it closed from the moment of the first."""
    refusal = delivery.refusal(Reason.FORBIDDEN)
    await wire.accept({"type": ACCEPT})
    await asyncio.gather(wire.close(refusal, delivery), wire.close(refusal, delivery))
    assert server.types() == [ACCEPT, CLOSE]


async def test_a_close_waits_for_the_accept_before_it(wire, delivery, server):
    """No server takes a close in the middle of an accept."""
    accepting = asyncio.create_task(wire.accept({"type": ACCEPT}))
    await turns(2)
    assert wire.phase is Phase.OPEN
    await wire.close(delivery.refusal(Reason.FORBIDDEN), delivery)
    await accepting
    assert (server.types(), server.illegal) == ([ACCEPT, CLOSE], [])


async def test_an_accept_does_not_open_what_is_closed(wire, delivery, server):
    """A client that has left stays gone, whatever the application answers."""
    wire.phase = Phase.CLOSED
    await wire.accept({"type": ACCEPT})
    assert wire.phase is Phase.CLOSED
