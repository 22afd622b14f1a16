"""HTTP goes to Django, sockets to the policy of their path."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "channels_demo.settings")
http = get_asgi_application()

from channels_demo import auth, urls  # noqa: E402
from shared.headers import SecurityHeaders  # noqa: E402
from wsauth import WebSocketAuthMiddleware  # noqa: E402 - after Django is set up

sockets = URLRouter(urls.sockets)
guarded = {
    "/ws/tokens/": WebSocketAuthMiddleware(sockets, auth.tokens_only),
    "/ws/first/": WebSocketAuthMiddleware(sockets, auth.first_message),
    "/": WebSocketAuthMiddleware(sockets, auth.policy),
}


async def websocket(scope, receive, send):
    """Choose the policy by path, with nothing around the middleware: it hides tokens before the server logs the path."""
    chosen = next(app for prefix, app in guarded.items() if scope["path"].startswith(prefix))
    await chosen(scope, receive, send)


application = ProtocolTypeRouter({"http": SecurityHeaders(http), "websocket": websocket})
