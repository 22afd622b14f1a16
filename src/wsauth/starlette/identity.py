"""Reading who is connected. The middleware has decided already; nothing is verified here."""

from __future__ import annotations

from starlette.requests import HTTPConnection  # noqa: TC002 - FastAPI reads the annotation

from wsauth.asgi.connection import Connection
from wsauth.asgi.scope import KEY
from wsauth.core.identity import Identity


async def identity(connection: HTTPConnection) -> Identity:
    """Return the identity that the middleware admitted, as a dependency or called with the WebSocket.

    Raises RuntimeError where no policy guards the route, so that a forgotten middleware never looks like a login.
    """
    found = connection.scope.get(KEY)
    if isinstance(found, Connection):
        return found.identity
    if connection.scope["type"] != "websocket":
        raise RuntimeError(
            "wsauth guards WebSocket routes only: this is an HTTP route, where FastAPI's own security classes apply"
        )
    raise RuntimeError(
        "no wsauth policy guards this WebSocket; add app.add_middleware(WebSocketAuthMiddleware, policy=policy)."
        " ReportOnly(policy) guards nothing: enforce the policy before routes ask for the identity"
    )
