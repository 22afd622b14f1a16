"""HTTP goes to Django, sockets to the policy of their path."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "channels_demo.settings")
http = get_asgi_application()

from channels_demo import auth, urls  # noqa: E402
from shared.headers import SecurityHeaders  # noqa: E402
from wsauth import WebSocketAuthMiddleware  # noqa: E402 - after Django is set up


class Doors(URLRouter):
    """Chooses the policy by how the path begins, and hands on the very scope it got.

    Any other router hands on a copy, where the middleware could not hide a token from what the server logs.
    """

    async def __call__(self, scope, receive, send):
        path = scope["path"].lstrip("/")
        for door in self.routes:
            if match := door.pattern.match(path):
                scope["path_remaining"], _, _ = match
                await door.callback(scope, receive, send)
                return
        await super().__call__(scope, receive, send)  # which says that there is no such path


sockets = URLRouter(urls.sockets)
doors = Doors(
    [
        re_path(r"^ws/tokens/", WebSocketAuthMiddleware(sockets, auth.tokens_only)),
        re_path(r"^ws/first/", WebSocketAuthMiddleware(sockets, auth.first_message)),
        re_path(r"^ws/", WebSocketAuthMiddleware(sockets, auth.policy)),
    ]
)
application = ProtocolTypeRouter({"http": SecurityHeaders(http), "websocket": doors})
