"""What is compared: guards, and the applications that they stand in front of. The others are written as their documentation
and the common tutorials write them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from benchmarks.configuration import HOST, SECRET_KEY, Configuration

if TYPE_CHECKING:
    from wsauth import Policy

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
GROUP = "everybody"


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The floor: ten lines that accept, and send back what comes."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "text": message["text"]})


def build(configuration: Configuration) -> ASGIApp:
    """Build the application of a configuration. Django has been set up."""
    guard = configuration.guard
    if configuration.inner in ("starlette", "fastapi"):
        return _on_starlette(guard) if configuration.inner == "starlette" else _on_fastapi(guard)
    inner = bare if configuration.inner == "bare" else _channels(configuration.inner)
    return guarded(guard, inner)


def guarded(guard: str, inner: ASGIApp) -> ASGIApp:
    """Put a guard around any ASGI application."""
    if guard == "none":
        return inner
    if guard == "ams":
        from channels.auth import AuthMiddlewareStack

        stack: ASGIApp = AuthMiddlewareStack(inner)
        return stack
    if guard == "pyjwt-query":
        return _pyjwt_query(inner)
    from wsauth import WebSocketAuthMiddleware

    return WebSocketAuthMiddleware(inner, policy_of(guard))


def policy_of(guard: str) -> Policy:
    """The policy that stands in the place of each: nothing but what is named differs from the defaults."""
    from wsauth import Origins, Policy, Query, SecurityScheme
    from wsauth.verifiers.jwt import JWTVerifier

    def jwt() -> JWTVerifier:
        return JWTVerifier(SECRET_KEY, algorithms=["HS256"])

    if guard == "wsauth-jwt":
        return Policy([SecurityScheme("queryToken", Query("token"), jwt())], origins=Origins(f"https://{HOST}"))
    from wsauth.django import SessionCookie, SessionVerifier, UserVerifier

    session = SecurityScheme("session", SessionCookie(), SessionVerifier())
    token = SecurityScheme("queryToken", Query("token"), UserVerifier(jwt()))
    return Policy({"wsauth-session": [session], "wsauth-jwt-user": [token], "wsauth-both": [token, session]}[guard])


def _pyjwt_query(inner: ASGIApp) -> ASGIApp:
    """The middleware that answers to "django channels jwt" recommend, with PyJWT."""
    import jwt
    from channels.db import database_sync_to_async
    from django.contrib.auth.models import AnonymousUser, User

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def get_user(user_id: str) -> Any:
        try:
            return User.objects.get(id=user_id)
        except User.DoesNotExist:
            return AnonymousUser()

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        query = parse_qs(scope["query_string"].decode())
        try:
            payload = jwt.decode(query["token"][0], SECRET_KEY, algorithms=["HS256"])
            user = await get_user(payload["sub"])
        except (KeyError, jwt.InvalidTokenError):
            user = AnonymousUser()
        await inner({**scope, "user": user}, receive, send)

    return middleware


def _channels(inner: str) -> ASGIApp:
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.routing import URLRouter
    from django.urls import path

    class Consumer(AsyncWebsocketConsumer):  # type: ignore[misc]
        async def connect(self) -> None:
            await self.accept()

        async def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
            await self.send(text_data=text_data)

    class Member(Consumer):
        groups = (GROUP,)

        async def log_out(self, event: Any) -> None:
            await self.close(4401)

    router: ASGIApp = URLRouter([path("ws/", (Consumer if inner == "channels" else Member).as_asgi())])
    return router


def _on_starlette(guard: str) -> ASGIApp:
    import jwt
    from starlette.applications import Starlette
    from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
    from starlette.middleware.authentication import AuthenticationMiddleware
    from starlette.routing import WebSocketRoute

    class JWTBackend(AuthenticationBackend):
        async def authenticate(self, conn: Any) -> Any:
            try:
                payload = jwt.decode(conn.query_params["token"], SECRET_KEY, algorithms=["HS256"])
            except (KeyError, jwt.InvalidTokenError) as error:
                raise AuthenticationError("invalid token") from error
            return AuthCredentials(["authenticated"]), SimpleUser(payload["sub"])

    application = Starlette(routes=[WebSocketRoute("/ws/", _echo)])
    if guard == "starlette-auth":
        application.add_middleware(AuthenticationMiddleware, backend=JWTBackend())
    elif guard != "none":
        from wsauth import WebSocketAuthMiddleware

        application.add_middleware(WebSocketAuthMiddleware, policy=policy_of(guard))
    return application


def _on_fastapi(guard: str) -> ASGIApp:
    import jwt
    from fastapi import Depends, FastAPI, WebSocket, WebSocketException, status

    application = FastAPI()

    async def subject(websocket: WebSocket) -> str:
        try:
            payload = jwt.decode(websocket.query_params["token"], SECRET_KEY, algorithms=["HS256"])
        except (KeyError, jwt.InvalidTokenError) as error:
            raise WebSocketException(status.WS_1008_POLICY_VIOLATION) from error
        return str(payload["sub"])

    async def open_to_all(websocket: WebSocket) -> None:
        await _echo(websocket)

    async def with_depends(websocket: WebSocket, me: Any = Depends(subject)) -> None:  # noqa: B008 - as FastAPI has it
        await _echo(websocket)

    # This module's annotations are texts, which FastAPI cannot resolve for types that are imported in here.
    for function in (subject, open_to_all, with_depends):
        function.__annotations__["websocket"] = WebSocket
    if guard in ("none", "depends"):
        application.add_api_websocket_route("/ws/", open_to_all if guard == "none" else with_depends)
        return application
    from wsauth import Identity, WebSocketAuthMiddleware
    from wsauth.starlette import identity

    async def with_identity(websocket: WebSocket, me: Identity = Depends(identity)) -> None:  # noqa: B008
        await _echo(websocket)

    with_identity.__annotations__.update(websocket=WebSocket, me=Identity)
    application.add_api_websocket_route("/ws/", with_identity)
    application.add_middleware(WebSocketAuthMiddleware, policy=policy_of(guard))
    return application


async def _echo(websocket: Any) -> None:
    from starlette.websockets import WebSocketDisconnect

    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return
