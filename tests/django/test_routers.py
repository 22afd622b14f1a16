"""The middleware among Channels' routers."""

import logging

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import path

from wsauth import Header, Identity, Policy, Query, SecurityScheme, WebSocketAuthMiddleware
from wsauth.testing.channels import communicator


class Room(AsyncWebsocketConsumer):
    async def connect(self):
        await self.accept()
        await self.send(self.scope["url_route"]["kwargs"]["room"])


async def by_name(credentials):
    return Identity(credentials.secret)


ROOMS = [path("<str:room>/", Room.as_asgi())]
IN_QUERY = Policy([SecurityScheme("token", Query("token"), by_name)])
IN_HEADER = Policy([SecurityScheme("token", Header(), by_name)])


async def enter(application, address, **options):
    socket = communicator(application, address, **options)
    connected, _ = await socket.connect()
    answer = await socket.receive_from() if connected else None
    await socket.disconnect()
    return answer


async def test_a_guarded_router_below_a_path_goes_on_routing():
    """`path("rooms/", WebSocketAuthMiddleware(URLRouter(...)))` matches what starts with it, as a bare URLRouter does."""
    application = URLRouter([path("rooms/", WebSocketAuthMiddleware(URLRouter(ROOMS), IN_QUERY))])
    assert await enter(application, "/rooms/garden/?token=alice") == "garden"


async def test_a_policy_inside_a_router_warns_once_of_query_credentials(caplog):
    """A router copies the scope, so the server's own cannot be cleaned there; whoever deploys it is told."""
    application = URLRouter([path("rooms/", WebSocketAuthMiddleware(URLRouter(ROOMS), IN_QUERY))])
    with caplog.at_level(logging.WARNING, "wsauth"):
        for room in ("garden", "attic"):
            assert await enter(application, f"/rooms/{room}/?token=alice") == room
    assert [record.message.count("Put the middleware around the router") for record in caplog.records] == [1]


async def test_nothing_is_said_where_nothing_can_be_logged(caplog):
    """Outside the router, or without a credential in the query, there is nothing to warn of."""
    outside = WebSocketAuthMiddleware(URLRouter([path("rooms/", URLRouter(ROOMS))]), IN_QUERY)
    without = URLRouter([path("rooms/", WebSocketAuthMiddleware(URLRouter(ROOMS), IN_HEADER))])
    with caplog.at_level(logging.WARNING, "wsauth"):
        assert await enter(outside, "/rooms/garden/?token=alice") == "garden"
        assert await enter(without, "/rooms/garden/", headers=[(b"authorization", b"Bearer alice")]) == "garden"
    assert caplog.records == []
