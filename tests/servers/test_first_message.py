"""A first message authenticates on every server, and whoever does not send one is closed by the deadline."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from patience import HANG, TooLate, in_time

from servers.apps.policies import IMPATIENT
from servers.client import Handshake, all_of, answer, close_of, connect, fresh, presenting, token
from servers.process import NOTHING, Server
from servers.raw import frame, fresh_peer, handshake, read_close

APPLICATIONS = ["fastapi", "async", "sync"]
DEADLINE = IMPATIENT[0]
SILENT = 200


def auth(secret: str) -> str:
    return json.dumps({"type": "auth", "token": secret})


@pytest.mark.parametrize("application", APPLICATIONS)
async def test_messages_behind_the_first_are_delivered_in_order(server: Server, application: str):
    """A client need not wait for an answer: what it sends behind its credential waits for the application."""
    name = fresh("user")
    async with connect(server, f"/{application}-first/echo/{name}") as connection:
        for message in (auth(token(name)), "one", "two", "three"):
            await connection.send(message)
        assert json.loads(await connection.recv())["subject"] == name
        assert [await connection.recv() for _ in range(3)] == ["one", "two", "three"]
        await connection.send(auth(token("somebody else")))
        assert await connection.recv() == auth(token("somebody else"))
        assert (await server.ask(f"visit/{name}"))["subject"] == name
    assert (await server.visit(name))["received"][:3] == ["one", "two", "three"]


BAD = {
    "a bad token": (auth(token("x", "bad")), 4401, "invalid credentials"),
    "an expired token": (auth(token("x", "expired")), 4440, "credentials expired"),
    "a token for somebody unwelcome": (auth(token("unwelcome")), 4403, "forbidden"),
    "a verifier that is away": (auth(token("x", "unavailable")), 4503, "temporarily unavailable"),
    "a verifier that breaks": (auth(token("x", "broken")), 4503, "temporarily unavailable"),
    "no JSON": ("hello", 4401, "malformed credentials"),
    "null": ("null", 4401, "malformed credentials"),
    "another type": ('{"type": "hello", "token": "good.x.y"}', 4401, "malformed credentials"),
    "a number": ('{"type": "auth", "token": 1}', 4401, "malformed credentials"),
    "two tokens": ('{"type": "auth", "token": "bad", "token": "good.x.y"}', 4401, "malformed credentials"),
    "a lone surrogate": ('{"type": "auth", "token": "\\ud800"}', 4401, "malformed credentials"),
    "bytes": (auth(token("x")).encode(), 4401, "malformed credentials"),
    "20 KB": (auth(token("x") + "x" * 20_000), 4401, "malformed credentials"),
    "1 MB": (auth(token("x") + "x" * 1_000_000), 4401, "malformed credentials"),
    "deep": ("[" * 5_000, 4401, "malformed credentials"),
}


async def test_bad_first_message_is_closed_with_a_code(server: Server):
    """Whatever stands in it, the client reads a close code, never 1011, and the application does not run."""
    names = {what: fresh("bad") for what in BAD}
    answers = await all_of(
        **{
            what: answer(server, f"/fastapi-first/echo/{names[what]}", Handshake(first=message))
            for what, (message, _, _) in BAD.items()
        }
    )
    for what, (_, code, reason) in BAD.items():
        found = answers[what]
        assert (found.status, found.code) == (101, code), (what, found)
        assert found.reason.startswith(reason if server.facts.sends_close_reason else ""), (what, found)
        assert await server.ask(f"visit/{names[what]}") is None


async def test_client_that_sends_nothing_is_closed_by_the_deadline(server: Server):
    """Silence, pings, an unfinished message and slow fragments do not extend the deadline: 4408."""
    path = f"/impatient-{DEADLINE}/echo/{fresh('silent')}"

    async def measured(keep_busy: Any) -> tuple[Any, float]:
        started = time.monotonic()
        async with handshake(server.port, path) as wire:
            busy = asyncio.create_task(keep_busy(wire.writer))
            close = await asyncio.wait_for(read_close(wire.reader), HANG)
            busy.cancel()
            return close, time.monotonic() - started

    async def silence(writer: asyncio.StreamWriter) -> None: ...

    async def pings(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(frame(9, b"ping"))
            await asyncio.sleep(0.1)

    async def half_a_frame(writer: asyncio.StreamWriter) -> None:
        writer.write(frame(1, auth(token("x")).encode())[:20])

    async def fragments(writer: asyncio.StreamWriter) -> None:
        writer.write(frame(1, b'{"type": "auth", "token": "', fin=False))
        while True:
            await asyncio.sleep(0.1)
            writer.write(frame(0, b"x", fin=False))

    results = await all_of(**{each.__name__: measured(each) for each in (silence, pings, half_a_frame, fragments)})
    reason = "no credentials in time" if server.facts.sends_close_reason else ""
    for what, (close, seconds) in results.items():
        assert close is not None, what
        assert close[0] == 4408, (what, close)
        assert close[1].startswith(reason), (what, close)
        assert seconds > DEADLINE - 0.2, what
    assert await server.left() == NOTHING


async def test_silent_sockets_are_all_closed_and_disturb_nobody(servers: dict[str, Server]):
    """Two hundred sockets that never authenticate are closed by the deadline, while others are served."""
    for server in servers.values():  # one after the other: a server shall have the machine to itself
        await in_time(lambda seconds, server=server: _survive_silence(server, seconds), *IMPATIENT)


async def _survive_silence(server: Server, seconds: float) -> None:
    policy, peer = f"impatient-{seconds}", fresh_peer()
    path = f"/{policy}/echo/{fresh('silent')}"
    async with AsyncExitStack() as stack:
        opened = [stack.enter_async_context(handshake(server.port, path, peer=peer)) for _ in range(SILENT)]
        closes = [asyncio.create_task(read_close(wire.reader)) for wire in await asyncio.gather(*opened)]
        for _ in range(3):
            name = fresh("served")
            found = await answer(server, f"/{policy}/echo/{name}", presenting("first", token(name)))
            if found.code == 4408:  # its own deadline is the same
                raise TooLate
            assert found.admitted
        codes = [close and close[0] for close in await asyncio.wait_for(asyncio.gather(*closes), HANG)]
        assert codes == [4408] * SILENT, server.name
    assert await server.left() == NOTHING


@pytest.mark.parametrize(
    ("application", "activity", "code"),
    [
        ("fastapi", "http-401", 4401),
        ("fastapi", "http-403", 4403),
        ("fastapi", "http-404", 4403),
        ("fastapi", "close", 4403),
        ("fastapi", "close-4403", 4403),
        ("fastapi", "close-4999", 4999),
        ("fastapi", "staff", 4403),
        *((application, each, 4403) for application in ("async", "sync") for each in ("deny", "close", "close-4403")),
    ],
)
async def test_refusal_by_the_application_after_the_first_message_closes(
    server: Server, application: str, activity: str, code: int
):
    """The connection was accepted for it, so its refusal becomes a close; none stays open, none looks like success."""
    name = fresh("refused")
    found = await answer(server, f"/{application}-first/{activity}/{name}", presenting("first", token(name)))
    assert (found.status, found.code) == (101, code), found
    visit = await server.visit(name)
    assert (visit["running"], visit["error"]) == (False, "")
    assert await server.left() == NOTHING


async def test_subprotocol_of_the_policy_is_answered_before_the_first_message(server: Server):
    """wsauth accepts before the application exists, so the policy names the subprotocol; the application sees only it."""
    name = fresh("user")
    found = await answer(
        server,
        f"/async-first/echo/{name}",
        Handshake(subprotocols=["superchat", "chat"], first=auth(token(name))),
    )
    assert (found.subprotocol, found.hello["subject"]) == ("chat", name)
    assert "superchat" not in found.hello["scope"]


async def test_revoked_connection_of_a_first_message_is_closed(server: Server):
    """A connection that authenticated by its first message ends like any other."""
    name = fresh("user")
    async with connect(server, f"/sync-first/echo/{name}", presenting("first", token(name))) as connection:
        await connection.recv()
        assert await server.tell(f"revoke/{name}") == 1
        assert (await close_of(connection))[0] == 4410
    assert (await server.visit(name))["disconnected"] == [4410]
    assert await server.left() == NOTHING
