"""The server without sockets, against applications of a few lines."""

import asyncio

import pytest
from benchmarks.driver import Driver
from benchmarks.people import REFUSED, Presented, token
from benchmarks.processes import cpu_of, cpu_of_family
from benchmarks.subjects import bare, guarded


@pytest.fixture
def good() -> Presented:
    return Presented(query=f"token={token(1)}")


async def test_a_handshake_that_is_accepted(good):
    """Connect, accept, disconnect; the application returns by itself."""
    clients = await Driver(bare, [good]).run(5, 2)
    assert [client.kinds for client in clients] == [["websocket.accept"]] * 5


async def test_a_token_is_admitted_by_wsauth(good):
    """What is measured as admitted was verified, and what as refused, refused."""
    policed = guarded("wsauth-jwt", bare)
    assert all(client.accepted for client in await Driver(policed, [good]).run(3, 3))
    for presented in REFUSED.values():
        assert not any(client.accepted for client in await Driver(policed, [presented]).run(2, 1))


async def test_messages_come_back(good):
    """Each of them is received and sent once."""
    sent = []

    async def counting(scope, receive, send):
        async def note(message):
            sent.append(message["type"])
            await send(message)

        await bare(scope, receive, note)

    driver = Driver(counting, [good])
    await driver.finish([driver.client(3)])
    assert sent == ["websocket.accept", *["websocket.send"] * 3]


async def test_connections_that_stay_until_they_are_revoked(good):
    """They are idle when they are held, and each close is noted once."""
    policed = guarded("wsauth-jwt", bare)
    driver = Driver(policed, [good])
    _, tasks = await driver.hold(150)
    assert not any(task.done() for task in tasks)
    await policed.policy.connections.revoke(subject="1")
    await asyncio.wait(tasks, timeout=60)
    assert len(driver.closes) == 150


async def test_a_connection_that_does_not_stay_is_an_error():
    """Memory is never measured of connections that are not there."""
    with pytest.raises(RuntimeError, match="was to stay open"):
        await Driver(guarded("wsauth-jwt", bare), [REFUSED["missing"]]).hold(1)


def test_the_cpu_of_a_process_counts_what_it_did():
    """By its own clock, children included."""
    import os

    before = cpu_of(os.getpid())
    while cpu_of(os.getpid()) == before:
        sum(range(300_000))
    assert cpu_of_family(os.getpid()) >= cpu_of(os.getpid()) - 0.1
