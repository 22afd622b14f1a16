"""An end from outside reaches application and client on every server, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from patience import HANG, TooLate, before, in_time
from websockets import ConnectionClosed

from servers.client import all_of, close_of, connect, fresh, presenting, token, token_until
from servers.process import NOTHING, Server
from servers.raw import frame, handshake

LIVES = (1.5, 6.0, 24.0, 96.0)  # seconds, of tokens: the shortest in which this machine gets so far
APPLICATIONS = ("fastapi", "async", "sync")
ACTIVITIES = ("waiting", "busy", "push")
MESSAGES = 100  # for a busy application: more than it can handle before the end


async def _closed_by(
    server: Server, application: str, activity: str, secret: str, name: str, end: Any, until: float
) -> Any:
    """Connect, let the application do its activity, end it; return close code, reason and what the application saw."""
    kind = "echo" if activity == "waiting" or (activity == "push" and application != "fastapi") else activity
    async with AsyncExitStack() as stack:
        with before(until):
            opening = connect(server, f"/{application}/{kind}/{name}", presenting("query", secret))
            connection = await stack.enter_async_context(opening)
            await connection.recv()
            if activity == "busy":
                for _ in range(MESSAGES):
                    await connection.send("work")
                await connection.recv()
            elif activity == "push":
                if application != "fastapi":
                    await server.tell(f"push/{name}")
                await connection.recv()
            await end(name)
        code, reason = await close_of(connection)
        return code, reason, await server.visit(name)


def _combinations() -> dict[str, tuple[str, str]]:
    return {f"{application} {kind}": (application, kind) for application in APPLICATIONS for kind in ACTIVITIES}


async def _end_every_application(server: Server, secret_of: Any, end: Any, until: float = math.inf) -> dict[str, Any]:
    situations = {}
    for situation, (application, kind) in _combinations().items():
        name = fresh("live")
        situations[situation] = _closed_by(server, application, kind, secret_of(name), name, end, until)
    return await all_of(**situations)


def _check(server: Server, situation: str, found: Any, code: int, reason: str) -> None:
    heard, text, visit = found
    assert heard == code, (situation, found)
    assert text == (reason if server.facts.sends_close_reason else ""), (situation, found)
    assert (visit["running"], visit["error"]) == (False, ""), (situation, visit)
    application, activity = _combinations()[situation]
    # An endpoint that only sends learns from its send, as of a client that has gone; everyone else from `receive`.
    assert visit["disconnected"] == [1006 if (application, activity) == ("fastapi", "push") else code], situation
    if activity == "busy":
        assert len(visit["received"]) - 1 <= visit["handled"] <= len(visit["received"]) < MESSAGES, (situation, visit)


async def test_revoked_connection_is_closed_whatever_the_application_does(server: Server):
    """Waiting, busy and push-only applications are closed with 4410 at once; disconnect() runs; nothing is left."""

    async def revoke(name: str) -> None:
        assert await server.tell(f"revoke/{name}") == 1

    results = await _end_every_application(server, token, revoke)
    for situation, found in results.items():
        _check(server, situation, found, 4410, "credentials revoked")
    assert await server.left() == NOTHING


async def test_expired_connection_is_closed_whatever_the_application_does(servers: dict[str, Server]):
    """At `expires_at` waiting, busy and push-only applications are closed with 4440; nothing is left."""

    async def play(seconds: float) -> None:
        await all_of(**{name: _expire_every_application(server, seconds) for name, server in servers.items()})

    await in_time(play, *LIVES)


async def _expire_every_application(server: Server, seconds: float) -> None:

    async def nothing(name: str) -> None: ...

    until = time.time() + seconds
    results = await _end_every_application(server, lambda name: token_until(name, seconds), nothing, until)
    for situation, found in results.items():
        _check(server, situation, found, 4440, "credentials expired")
    assert await server.left() == NOTHING


async def test_consumer_that_never_leaves_its_handler_is_closed_and_freed(server: Server):
    """The client reads our code at once. Its next send after the grace raises; Channels runs no disconnect() then."""
    name = fresh("looping")
    async with connect(server, f"/async/loop/{name}", presenting("query", token(name))) as connection:
        await connection.recv()
        await connection.send("go")
        await connection.recv()
        await server.tell(f"revoke/{name}")
        assert (await close_of(connection))[0] == 4410
    visit = await server.visit(name)
    assert (visit["running"], visit["disconnected"], visit["error"]) == (False, [], "ConnectionEnded")
    assert await server.left() == NOTHING
    assert "ConnectionEnded" not in server.printed


@pytest.mark.parametrize("application", ["async", "sync"])
async def test_consumer_that_closes_itself_is_freed(server: Server, application: str):
    """A close of the application's own goes out as it is; disconnect() runs, and nothing is left."""
    name = fresh("leaving")
    async with connect(server, f"/{application}/leave/{name}", presenting("query", token(name))) as connection:
        await connection.recv()
        await connection.send("4123")
        assert (await close_of(connection))[0] == 4123
    visit = await server.visit(name)
    assert (visit["running"], len(visit["disconnected"])) == (False, 1)
    assert await server.left() == NOTHING


@pytest.mark.parametrize("application", APPLICATIONS)
async def test_client_that_leaves_is_forgotten(server: Server, application: str):
    """When the client closes, the application is told and nothing is left."""
    name = fresh("leaving")
    async with connect(server, f"/{application}/echo/{name}", presenting("query", token(name))) as connection:
        await connection.recv()
        await connection.close(4321, "bye")
    visit = await server.visit(name)
    assert (visit["running"], visit["disconnected"]) == (False, [server.facts.tells_client_code or 4321])
    assert await server.left() == NOTHING


async def test_client_that_never_reads_holds_neither_application_nor_registry(servers: dict[str, Server]):
    """A client whose buffers are full cannot keep what it is no longer entitled to; its transport may live on."""
    await all_of(
        **{
            f"{name} {application}": _end_a_client_that_never_reads(server, application)
            for name, server in servers.items()
            for application in ("fastapi", "async")
        }
    )


async def _end_a_client_that_never_reads(server: Server, application: str) -> None:
    name = fresh("deaf")
    async with handshake(server.port, f"/{application}/flood/{name}?token={token(name)}") as wire:
        assert wire.response.status == 101
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
        wire.writer.write(frame(1, b"go"))
        await _until_buffers_are_full(server, name)
        assert await server.tell(f"revoke/{name}") == 1
        assert not (await server.visit(name))["running"]
        assert await server.left() == NOTHING


async def _until_buffers_are_full(server: Server, name: str) -> None:
    """Wait until the server takes no more; daphne takes everything, so two seconds are enough."""
    sent = -1
    for _ in range(20):
        before, sent = sent, (await server.ask(f"visit/{name}"))["sent"]
        if sent == before > 10:
            return
        await asyncio.sleep(0.1)


async def test_message_that_arrives_after_the_deadline_is_not_delivered(servers: dict[str, Server]):
    """Where the event loop stood still over the deadline, the clock decides, not the timer that is late."""

    async def play(seconds: float) -> None:
        await all_of(**{name: _stall_over_the_deadline(server, seconds) for name, server in servers.items()})

    await in_time(play, *LIVES)


async def _stall_over_the_deadline(server: Server, seconds: float) -> None:
    name, until = fresh("late"), time.time() + seconds
    async with AsyncExitStack() as stack:
        with before(until):
            opening = connect(server, f"/fastapi/echo/{name}", presenting("query", token_until(name, seconds)))
            connection = await stack.enter_async_context(opening)
            await connection.recv()
            await connection.send("in time")
            assert await connection.recv() == "in time"
            stalled = asyncio.create_task(server.tell(f"stall/{round(seconds * 1000) + 1000}"))
        await asyncio.sleep(until + 0.2 - time.time())  # the deadline is over, the stall is not
        try:
            await connection.send("late")
        except ConnectionClosed:  # before it stood still
            raise TooLate from None
        assert (await close_of(connection))[0] == 4440
        await stalled
    visit = await server.visit(name)
    assert (visit["received"], visit["disconnected"]) == (["in time"], [4440])


async def test_blocking_handler_does_not_outlive_the_deadline(servers: dict[str, Server]):
    """While it blocks no timer fires; what it sends then goes nowhere, and what waits for it is not delivered."""

    async def play(seconds: float) -> None:
        await all_of(**{name: _block_over_the_deadline(server, seconds) for name, server in servers.items()})

    await in_time(play, *LIVES)


async def _block_over_the_deadline(server: Server, seconds: float) -> None:
    name, until, blocked = fresh("blocking"), time.time() + seconds, str(seconds + 0.5)
    async with AsyncExitStack() as stack:
        with before(until):
            opening = connect(server, f"/fastapi/block/{name}", presenting("query", token_until(name, seconds)))
            connection = await stack.enter_async_context(opening)
            await connection.recv()
            await connection.send(blocked)
            await connection.send("behind it")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(connection.recv(), HANG)
        assert connection.close_code == 4440
    visit = await server.visit(name)
    if visit["received"] == []:
        raise TooLate
    assert (visit["received"], visit["disconnected"]) == ([blocked], [4440])
