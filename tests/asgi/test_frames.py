"""What an error reporter finds in wsauth's frames while an exception passes them: it prints the locals of each."""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytest
from fakes import ACCEPT, CONNECT, PAGE, FakeServer, named, turns, websocket_scope

import wsauth
from wsauth import (
    Cookie,
    FirstMessage,
    Header,
    Identity,
    InvalidCredentials,
    Policy,
    Query,
    ReportOnly,
    WebSocketAuthMiddleware,
)

SECRET = "s3cr3t-of-alice"
HOME = str(Path(wsauth.__file__).parent)


class Bug(Exception):
    pass


def raising(*, accepted):
    async def app(scope, receive, send):
        assert (await receive())["type"] == CONNECT if scope["type"] == "websocket" else True
        if accepted:
            await send({"type": ACCEPT})
        raise Bug

    return app


async def knows(credentials):
    return Identity("alice")


def policy(**options):
    places = {"header": Header(), "query": Query("token"), "cookie": Cookie("jwt")}
    return Policy([named(place, knows, name) for name, place in places.items()], **options)


def scopes():
    bearer = (b"authorization", b"Bearer " + SECRET.encode())
    cookie = (b"cookie", b"jwt=" + SECRET.encode())
    return {
        "header": websocket_scope(headers=[bearer]),
        "query": websocket_scope(query_string=b"token=" + SECRET.encode()),
        "cookie": websocket_scope(origin=PAGE, headers=[cookie]),
        "another cookie": websocket_scope(headers=[bearer, (b"cookie", b"sessionid=" + SECRET.encode())]),
    }


def shown(value: Any, depth: int = 6) -> Iterator[str]:
    """Every text that a reporter makes of a value: containers are walked, anything else is asked for its `repr`."""
    if depth and isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if depth and isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from shown(item, depth - 1)
    yield repr(value)


def ours(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename.startswith(HOME):
            yield traceback.tb_frame
        traceback = traceback.tb_next


def leaks(error: BaseException) -> list[str]:
    return [
        f"{frame.f_code.co_qualname}: {name}"
        for frame in ours(error.__traceback__)
        for name, value in frame.f_locals.items()
        if any(SECRET in text for text in shown(value))
    ]


async def raised_by(middleware, scope):
    with pytest.raises((Bug, ValueError)) as caught:
        await FakeServer().serve(middleware, scope)
    assert list(ours(caught.value.__traceback__))
    return caught.value


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("place", scopes())
async def test_no_frame_around_an_application_that_raises_holds_a_secret(place, accepted):
    """Neither before the application has accepted nor after."""
    error = await raised_by(WebSocketAuthMiddleware(raising(accepted=accepted), policy()), scopes()[place])
    assert leaks(error) == []


@pytest.mark.parametrize("allow", [False, True], ids=["the same policy", "another policy"])
async def test_no_frame_of_a_nested_middleware_holds_a_secret(allow):
    """Also where the nested policy has decided."""

    async def allowed(identity, handshake):
        return True

    outer = policy()
    inner = Policy(outer.schemes, allow=allowed) if allow else outer
    nested = WebSocketAuthMiddleware(raising(accepted=False), inner)
    error = await raised_by(WebSocketAuthMiddleware(nested, outer), scopes()["cookie"])
    assert leaks(error) == []


@pytest.mark.parametrize("kind", ["http", "websocket", "unknown"])
async def test_no_frame_holds_a_scope_that_passes_through_or_is_refused(kind):
    """HTTP requests bear the same credentials, and ReportOnly takes nothing out."""
    guarded = ReportOnly(policy()) if kind == "websocket" else policy()
    scope = scopes()["header"] | {"type": kind}
    error = await raised_by(WebSocketAuthMiddleware(raising(accepted=False), guarded), scope)
    assert leaks(error) == []


async def waits(credentials):
    await asyncio.sleep(3600)


@pytest.mark.parametrize("place", [*scopes(), "first message"])
async def test_no_frame_of_a_handshake_that_is_cancelled_holds_a_secret(place):
    """A server that stops while a verifier waits cancels it."""
    places = {"header": Header(), "query": Query("token"), "cookie": Cookie("jwt"), "first": FirstMessage()}
    guarded = Policy([named(location, waits, name) for name, location in places.items()])
    server = FakeServer()
    server.client_sends(json.dumps({"type": "auth", "token": SECRET}))
    task = server.start(
        WebSocketAuthMiddleware(raising(accepted=True), guarded), scopes().get(place, websocket_scope())
    )
    await turns(20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert leaks(caught.value) == []


@pytest.mark.parametrize("who", ["verifier", "allow", "location", "origins"])
async def test_what_is_logged_of_a_failure_quotes_no_secret(who, caplog):
    """Its type and its place, in a record without the exception."""

    def fails(*arguments):
        raise ValueError(f"cannot read {SECRET}")

    async def fails_later(*arguments):
        fails()

    class Place(Header):
        read = fails

    class Rule:
        check = fails

    caplog.set_level(logging.DEBUG)
    scheme = named(Place() if who == "location" else Header(), fails_later if who == "verifier" else knows)
    options = {"allow": fails_later} if who == "allow" else {"origins": Rule()} if who == "origins" else {}
    await FakeServer().serve(
        WebSocketAuthMiddleware(raising(accepted=True), Policy([scheme], **options)), scopes()["header"]
    )
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text
    assert not any(record.exc_info for record in caplog.records)


async def test_a_refused_credential_leaves_no_frame_behind():
    """InvalidCredentials goes no further than the policy."""

    async def no(credentials):
        raise InvalidCredentials("unknown")

    server = FakeServer()
    await server.serve(
        WebSocketAuthMiddleware(raising(accepted=True), Policy([named(Header(), no)])), scopes()["header"]
    )
    assert server.status == 401
