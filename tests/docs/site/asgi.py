"""What a project's own asgi.py holds."""

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

http = get_asgi_application()

from chat.routing import websocket_urlpatterns  # noqa: E402

from wsauth import Policy, SecurityScheme, WebSocketAuthMiddleware  # noqa: E402
from wsauth.django import SessionCookie, SessionVerifier  # noqa: E402

policy = Policy([SecurityScheme("session", SessionCookie(), SessionVerifier())])
application = ProtocolTypeRouter(
    {"http": http, "websocket": WebSocketAuthMiddleware(URLRouter(websocket_urlpatterns), policy)}
)
