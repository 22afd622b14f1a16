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
    """Chooses the policy by how the path begins, the longest that fits, and hands on the very scope it got.

    Any other router hands on a copy, where the middleware could not hide a token from what the server logs.
    """

    async def __call__(self, scope, receive, send):
        path = scope["path"].lstrip("/")
        fitting = [door for door in self.routes if door.pattern.match(path)]
        if not fitting:
            return await super().__call__(scope, receive, send)  # which says that there is no such path
        door = max(fitting, key=lambda door: len(str(door.pattern)))
        scope["path_remaining"], _, _ = door.pattern.match(path)
        return await door.callback(scope, receive, send)


sockets = URLRouter(urls.sockets)
doors = Doors(
    [
        re_path(r"^ws/", WebSocketAuthMiddleware(sockets, auth.policy)),
        re_path(r"^ws/tokens/", WebSocketAuthMiddleware(sockets, auth.tokens_only)),
        re_path(r"^ws/first/", WebSocketAuthMiddleware(sockets, auth.first_message)),
    ]
)
application = ProtocolTypeRouter({"http": SecurityHeaders(http), "websocket": doors})
