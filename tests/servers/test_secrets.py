"""What proves an identity shows nowhere: in no log, no answer, and not in what the application prints."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from patience import before, in_time

from servers.client import PLACES, PLANTED, Handshake, answer, close_of, connect, fresh, presenting, token, token_until
from servers.process import Server
from servers.raw import handshake

VERDICTS = ("good", "bad", "expired", "unavailable", "broken", "unknown")


def _texts(found: object) -> str:
    """Everything that an answer told the client, but for the application's repr of its own scope."""
    return repr({key: value for key, value in vars(found).items() if key != "hello"})


@pytest.mark.parametrize("place", PLACES)
async def test_planted_credential_shows_nowhere(server: Server, place: str):
    """Good or bad, for a page or not: the credential stands in no output of the server, and in no answer."""
    for verdict in VERDICTS:
        for page in (True, False):
            name = fresh("secretive")
            for application in ("fastapi", "async", "sync"):
                if place == "first":
                    application += "-first"
                handshake = presenting(place, token(name, verdict), page=page)
                found = await answer(server, f"/{application}/echo/{name}", handshake)
                assert found.admitted == (verdict == "good"), (application, verdict, found)
                assert PLANTED not in _texts(found), (application, verdict, page)
    assert PLANTED not in server.printed


@pytest.mark.parametrize("place", PLACES)
async def test_scope_of_the_application_holds_no_explicit_credential(server: Server, place: str):
    """An application that logs repr(scope) logs no credential; only cookies stay, as they do over HTTP."""
    name = fresh("secretive")
    for application in ("fastapi-first", "async-first", "sync-first"):
        found = await answer(server, f"/{application}/echo/{name}", presenting(place, token(name)))
        assert found.hello["subject"] == name
        assert (PLANTED in found.hello["scope"]) == (place == "cookie")


async def test_credential_that_is_refused_before_the_verifier_shows_nowhere(server: Server):
    """Nor does one that is foreign, doubled, in conflict, or so odd that the server itself stumbles over it."""
    secret, path = token("x"), f"/fastapi/echo/{fresh('secretive')}"
    cookie, bearer, key = ("Cookie", f"token={secret}"), ("Authorization", f"Bearer {secret}"), ("X-API-Key", secret)
    for target, headers in (
        (f"{path}?token={secret}", [("Origin", "https://evil.example"), cookie, bearer]),
        (f"{path}?token={secret}&token={secret}", []),
        (f"{path}?token={secret}%ff", []),
        (f"{path}?t%6Fken={secret}", []),
        (f"{path}?x=1&token={secret}&y=2", [bearer, key]),
        (path, [bearer, bearer]),
        (path, [("Authorization", f"Bearer\t{secret}")]),
        (path, [("Authorization", f"bearer {secret} {secret}")]),
        (path, [("X-API-Key", f"{secret}, {secret}")]),
        (path, [("Origin", server.origin), cookie, ("Cookie", f"token={secret}2")]),
        (path, [("Sec-WebSocket-Protocol", f"bearer, {secret}=")]),
        (path, [("Sec-WebSocket-Protocol", f"{secret}, bearer")]),
        (path, [("Sec-WebSocket-Protocol", f"bearer, {secret}é")]),
    ):
        try:
            async with handshake(server.port, target, headers) as wire:
                # websockets, and so uvicorn's sansio implementation, quotes a malformed header to whoever sent it
                if server.name != "uvicorn-websockets-sansio" or wire.response.status != 400:
                    assert PLANTED not in repr(wire.response)
        except EOFError:
            pass  # the server hung up on it
    assert PLANTED not in server.printed


async def test_first_message_that_is_no_credential_shows_nowhere(server: Server):
    """A message that fails to parse is explained without being quoted."""
    for message in (
        token("x"),
        f'{{"type": "auth", "token": "{token("x")} "}}',
        f'["{token("x")}"',
        token("x").encode(),
    ):
        found = await answer(server, f"/fastapi-first/echo/{fresh('secretive')}", Handshake(first=message))
        assert found.code == 4401
        assert PLANTED not in _texts(found)
    assert PLANTED not in server.printed


async def test_credential_of_a_connection_that_ends_shows_nowhere(server: Server):
    """Neither an expiry nor a revocation names what the connection was opened with."""
    expiring, revoked = fresh("secretive"), fresh("secretive")

    async def expire(seconds: float) -> tuple[int | None, str]:
        handshake, until = presenting("query", token_until(expiring, seconds)), time.time() + seconds
        async with AsyncExitStack() as stack:
            with before(until):
                connection = await stack.enter_async_context(connect(server, f"/async/echo/{expiring}", handshake))
            return await close_of(connection)

    async def revoke() -> tuple[int | None, str]:
        async with connect(server, f"/fastapi/echo/{revoked}", presenting("protocol", token(revoked))) as connection:
            await connection.recv()
            await server.tell(f"revoke/{revoked}")
            return await close_of(connection)

    (expired_code, expired_text), (revoked_code, revoked_text) = await asyncio.gather(
        in_time(expire, 1.0, 8.0, 64.0), revoke()
    )
    assert (expired_code, revoked_code) == (4440, 4410)
    assert PLANTED not in expired_text + revoked_text + server.printed


async def test_log_of_the_server_is_really_read(server: Server):
    """The files that these tests look into do hold the servers' access logs and wsauth's own lines."""
    name = fresh("refused")
    await answer(server, f"/fastapi/echo/{name}", presenting("query", token(name, "bad")))
    assert await server.says(name, times=2)  # wsauth's line, and the server's
    assert "refused [" in server.printed


async def test_no_server_logs_an_error_for_a_refusal(server: Server):
    """A refusal is not an error, wherever it came from and however it is delivered."""
    before = len(server.printed)
    for bad in (presenting("query", token("x", "bad"), page=True), presenting("key", token("x", "bad"))):
        for application in ("fastapi", "async", "sync"):
            await answer(server, f"/{application}/echo/{fresh('refused')}", bad)
    name = fresh("refused")
    await answer(server, f"/fastapi/close-4403/{name}", presenting("query", token(name)))
    assert await server.says(name)
    printed = server.printed[before:]
    assert "refused [" in printed
    assert "ERROR" not in printed
    assert "Traceback" not in printed
