"""The names that people already have in their `asgi.py`, each a few lines over `Policy`.

Change the import and nothing else. What stays as it was: consumers read `scope["user"]`, `scope["session"]` and
`scope["cookies"]`, and a client without credentials is an AnonymousUser. What is new: pages of other sites are refused, a
credential that is present but no good is refused rather than passed over, and a connection ends with its credential. Where
several processes serve, `connections=Connections(log=DatabaseLog())` lets all of them hear of a log-out.
New code writes its own `Policy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings

from wsauth.asgi.middleware import WebSocketAuthMiddleware
from wsauth.core.locations import Cookie, Query
from wsauth.core.origins import OriginRule, SameHostOrAbsent
from wsauth.core.scheme import SecurityScheme
from wsauth.core.verifier import Finding, Verifier, VerifierFunction
from wsauth.django.drf import DRFTokenVerifier
from wsauth.django.scope import DjangoScope
from wsauth.django.sessions import SessionCookie, SessionVerifier
from wsauth.policy import Anonymous, Policy
from wsauth.revocation.connections import Connections

if TYPE_CHECKING:
    from wsauth.asgi.types import ASGIApp, Receive, Scope, Send
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake
    from wsauth.core.identity import Identity
    from wsauth.django.simplejwt import SimpleJWTVerifier
    from wsauth.django.users import UserVerifier

AnyVerifier = Verifier | VerifierFunction


def AuthMiddlewareStack(
    inner: ASGIApp,
    *,
    anonymous: Anonymous = Anonymous.IF_INVALID,
    origins: OriginRule | None = None,
    connections: Connections | None = None,
) -> ASGIApp:
    """The session's user. As with Channels, a session that is no good any more gives an AnonymousUser."""
    return _Stack(inner, _policy([_session()], anonymous, origins, connections), http=_channels(inner))


def QueryTokenAuthMiddleware(
    inner: ASGIApp,
    *,
    name: str = "token",
    verifier: AnyVerifier | None = None,
    anonymous: Anonymous = Anonymous.IF_MISSING,
    origins: OriginRule | None = None,
    connections: Connections | None = None,
) -> ASGIApp:
    """A JWT in the query, `?token=…`. http scopes pass."""
    return _Stack(inner, _policy([_token(Query(name), verifier)], anonymous, origins, connections), http=inner)


def CookieJWTAuthMiddleware(
    inner: ASGIApp,
    *,
    cookie: str = "access_token",
    verifier: AnyVerifier | None = None,
    anonymous: Anonymous = Anonymous.IF_MISSING,
    origins: OriginRule | None = None,
    connections: Connections | None = None,
) -> ASGIApp:
    """A JWT in a cookie. http scopes pass."""
    return _Stack(inner, _policy([_token(Cookie(cookie), verifier)], anonymous, origins, connections), http=inner)


def TokenAuthMiddleware(
    inner: ASGIApp,
    *,
    name: str = "token",
    verifier: AnyVerifier | None = None,
    anonymous: Anonymous = Anonymous.IF_MISSING,
    origins: OriginRule | None = None,
    connections: Connections | None = None,
) -> ASGIApp:
    """A token of Django REST framework in the query, `?token=…`. http scopes pass."""
    policy = _policy(
        [_token(Query(name), DRFTokenVerifier() if verifier is None else verifier)], anonymous, origins, connections
    )
    return _Stack(inner, policy, http=inner)


def TokenOrSessionAuthMiddlewareStack(
    inner: ASGIApp,
    *,
    name: str = "token",
    cookie: str = "access_token",
    verifier: AnyVerifier | None = None,
    anonymous: Anonymous = Anonymous.IF_MISSING,
    origins: OriginRule | None = None,
    connections: Connections | None = None,
) -> ASGIApp:
    """A JWT in the query, else a JWT in a cookie, else the session. The first that is present decides alone."""
    jwt = ProjectJWT() if verifier is None else verifier
    schemes = [_token(Query(name), jwt), _token(Cookie(cookie), jwt), _session()]
    return _Stack(inner, _policy(schemes, anonymous, origins, connections), http=_channels(inner))


class ProjectJWT:
    """The JWT that the project issues: simplejwt's where that is installed, else HS256 with the SECRET_KEY and `user_id`.

    Chosen at the first handshake where it is named before the settings are there, else at once: a key that anybody could
    guess raises ConfigurationError.
    """

    stateful: ClassVar[bool] = False
    bearer_format: ClassVar[str] = "JWT"
    framework: ClassVar[DjangoScope] = DjangoScope()

    def __init__(self) -> None:
        if settings.configured:
            _ = self.chosen

    @cached_property
    def chosen(self) -> SimpleJWTVerifier | UserVerifier:
        if find_spec("rest_framework_simplejwt") is not None:
            from wsauth.django.simplejwt import SimpleJWTVerifier

            return SimpleJWTVerifier()
        from wsauth.django.users import UserVerifier
        from wsauth.verifiers.jwt import JWTVerifier

        return UserVerifier(JWTVerifier(settings.SECRET_KEY, algorithms=["HS256"], subject_claim="user_id"))

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return await self.chosen.verify(credentials, handshake)

    async def recheck(self, identities: Sequence[Identity]) -> Sequence[Finding]:
        return await self.chosen.recheck(identities)


class _Stack:
    """WebSockets go through the policy, everything else where it went before."""

    def __init__(self, inner: ASGIApp, policy: Policy, http: ASGIApp) -> None:
        self.inner = inner
        self.policy = policy
        self._websocket = WebSocketAuthMiddleware(inner, policy)
        self._http = http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        running = (self._websocket if scope["type"] == "websocket" else self._http)(scope, receive, send)
        del scope  # error reporters print the locals of every frame that an exception passes
        await running


def _policy(
    schemes: list[SecurityScheme], anonymous: Anonymous, origins: OriginRule | None, connections: Connections | None
) -> Policy:
    # The communicator of Channels' tests sends no Origin; a browser always does, and is judged by it.
    return Policy(
        schemes,
        origins=SameHostOrAbsent() if origins is None else origins,
        anonymous=anonymous,
        connections=Connections() if connections is None else connections,
    )


def _session() -> SecurityScheme:
    return SecurityScheme("session", SessionCookie(), SessionVerifier())


def _token(location: Query | Cookie, verifier: AnyVerifier | None) -> SecurityScheme:
    name = "queryToken" if isinstance(location, Query) else "cookieToken"
    return SecurityScheme(name, location, ProjectJWT() if verifier is None else verifier)


def _channels(inner: ASGIApp) -> Any:
    from channels.auth import AuthMiddlewareStack as ChannelsStack

    return ChannelsStack(inner)
