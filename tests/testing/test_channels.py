"""Channels' communicator, as a browser would connect."""

import pytest

from wsauth import Cookie, Identity, Policy, SecurityScheme, WebSocketAuthMiddleware
from wsauth.testing.channels import communicator


async def by_name(credentials):
    return Identity(credentials.secret)


async def application(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    await send({"type": "websocket.send", "text": scope["user"].subject})
    await receive()


GUARDED = WebSocketAuthMiddleware(application, Policy([SecurityScheme("session", Cookie("sessionid"), by_name)]))
COOKIE = (b"cookie", b"sessionid=alice")


async def test_a_cookie_is_read_as_on_a_page_of_the_host():
    """Host and Origin agree unless the test says otherwise."""
    socket = communicator(GUARDED, "/", headers=[COOKIE], subprotocols=["chat"])
    assert await socket.connect() == (True, "chat")
    assert await socket.receive_from() == "alice"
    await socket.disconnect()


@pytest.mark.parametrize("origin", [None, "https://evil.example"])
async def test_other_origins_can_be_tried(origin):
    """None is a client without an Origin; a foreign one is refused."""
    socket = communicator(GUARDED, "/", headers=[COOKIE], origin=origin)
    connected, _ = await socket.connect()
    assert not connected
