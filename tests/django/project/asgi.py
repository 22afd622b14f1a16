"""The running application of the dispatch project, with a policy around one socket and none around another."""

from __future__ import annotations

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from project.dispatch import DispatchConsumer, NewsConsumer
from project.policies import prove
from wsauth import Cookie, Policy, Query, SecurityScheme, WebSocketAuthMiddleware

QUERY = SecurityScheme("queryToken", Query("token"), prove)
COOKIE = SecurityScheme("cookieJWT", Cookie("access_token"), prove)


def build(*schemes, around=WebSocketAuthMiddleware):
    """The application, with a policy of these schemes around all that it routes."""
    router = URLRouter(
        [
            path("ws/dispatch/", DispatchConsumer.as_asgi(), name="dispatch"),
            path("ws/news/", NewsConsumer.as_asgi(), name="news"),
        ]
    )
    return ProtocolTypeRouter({"websocket": around(router, Policy(list(schemes))) if schemes else router})


application = build(QUERY, COOKIE)
unguarded = build()
