"""The middleware: every WebSocket handshake is decided here before the application exists."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from wsauth.asgi import log
from wsauth.asgi.connection import Connection
from wsauth.asgi.first_message import ask
from wsauth.asgi.pending import Pending
from wsauth.asgi.refusal import Delivery, Refusal
from wsauth.asgi.scope import KEY, for_application, hide_from_server
from wsauth.core.credentials import Credentials
from wsauth.core.decision import Allow, Decision, Deny
from wsauth.core.errors import ConfigurationError
from wsauth.core.handshake import Handshake
from wsauth.core.reasons import Reason
from wsauth.policy import Policy, ReportOnly
from wsauth.revocation.connections import Standing

if TYPE_CHECKING:
    from wsauth.asgi.types import ASGIApp, Receive, Scope, Send

Decide = Callable[[], Awaitable[Decision]]

MAX_LOOKS = 3  # how often a handshake is decided anew because of revocations that match it


class WebSocketAuthMiddleware:
    """Enforce a policy on every WebSocket of an ASGI application, for the whole life of each connection.

    Nothing reaches the application until the policy has decided `Allow`. Other scopes (http, lifespan) pass through
    untouched. Put it outermost, so that credentials are out of the scope before anything logs it. With `ReportOnly(policy)`
    it only logs what it would have refused. `clock` gives POSIX seconds, for `Identity.expires_at`.
    """

    def __init__(self, app: ASGIApp, policy: Policy | ReportOnly, *, clock: Callable[[], float] = time.time) -> None:
        if not isinstance(policy, Policy | ReportOnly):
            raise ConfigurationError(
                f"WebSocketAuthMiddleware(app, {policy!r}): the second argument is a Policy;"
                " write WebSocketAuthMiddleware(app, policy) or app.add_middleware(WebSocketAuthMiddleware, policy=policy)"
            )
        self.app = app
        self.policy = policy
        self._clock = clock
        self._pending = Pending((policy.policy if isinstance(policy, ReportOnly) else policy).max_pending)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            _require_asyncio()
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
        elif isinstance(self.policy, ReportOnly):
            await self._report(self.policy.policy, scope)
            await self.app(scope, receive, send)
        elif isinstance(outer := scope.get(KEY), Connection):
            await self._enter_nested(outer, self.policy, scope, receive, send)
        else:
            await self._enter(self.policy, scope, receive, send)

    async def _enter(self, policy: Policy, scope: Scope, receive: Receive, send: Send) -> None:
        _require_asyncio()
        handshake = Handshake.from_scope(scope)
        hide_from_server(scope, policy)
        connect = await receive()
        if connect["type"] != "websocket.connect":
            return
        delivery = Delivery.to(handshake, scope, policy, self._pending)
        connection = Connection(handshake, policy, delivery, receive, send, connect)
        try:
            decision = await self._decide(connection, policy, handshake)
            if isinstance(decision, Allow):
                await connection.run(self.app, for_application(scope, connection, policy))
            else:
                await self._refuse(connection, policy, handshake, decision)
        finally:
            connection.release()

    async def _enter_nested(
        self, connection: Connection, policy: Policy, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """An outer middleware holds the connection: this policy may only narrow its decision."""
        if policy not in connection.policies:
            connection.policies.append(policy)
            handshake = connection.handshake
            if handshake is None:
                raise RuntimeError("a nested policy cannot decide after the application has accepted the connection")
            if connection.identity.is_anonymous:
                decision = await self._decide(connection, policy, handshake)
            else:
                narrow = partial(policy.narrow, connection.identity, connection.scheme, handshake)
                decision = await self._open(connection, policy, narrow)
            if not isinstance(decision, Allow):
                await self._refuse(connection, policy, handshake, decision)
                return
            scope = for_application(scope, connection, policy)
        await self.app(scope, receive, send)

    async def _decide(self, connection: Connection, policy: Policy, handshake: Handshake) -> Decision | None:
        """Decide by the handshake, else by the first message where the policy has one. None: the client has left."""
        decision = await self._open(connection, policy, partial(policy.decide, handshake))
        scheme = policy.first_message
        if scheme is None or not isinstance(decision, Deny) or decision.reason is not Reason.MISSING:
            return decision
        answer = await ask(connection, scheme, policy, handshake, self._pending)
        if isinstance(answer, Credentials):
            return await self._open(connection, policy, partial(policy.verify, scheme, answer, handshake))
        return answer

    async def _open(self, connection: Connection, policy: Policy, decide: Decide) -> Decision:
        """Decide, register the connection and arm its deadline, or say what was revoked or has expired meanwhile."""
        for _ in range(MAX_LOOKS):
            position = policy.connections.position  # noted before verifying: a revocation meanwhile must be seen
            decision = await decide()
            if isinstance(decision, Deny):
                return decision
            lifetime = policy.max_lifetime
            if decision.identity.expires_at is not None:
                lifetime = min(lifetime, decision.identity.expires_at - self._clock())
            if not lifetime > 0:  # NaN too
                return Deny(Reason.EXPIRED, "the identity has expired", decision.identity.scheme)
            standing = connection.belong_to(decision, policy.connections, position)
            if standing is Standing.GOOD:
                connection.end_after(lifetime)
                return decision
            connection.release()
            if standing is Standing.REVOKED:
                return Deny(Reason.REVOKED, "revoked since it was issued", decision.identity.scheme)
        return Deny(Reason.UNAVAILABLE, "revoked again and again during the handshake")

    async def _refuse(self, connection: Connection, policy: Policy, handshake: Handshake, deny: Deny | None) -> None:
        if deny is None:
            return
        incident = log.incident()
        log.refused(deny, handshake, incident)
        await connection.refuse(Refusal.of(deny.reason, policy, incident, deny.retry_after))

    async def _report(self, policy: Policy, scope: Scope) -> None:
        handshake = Handshake.from_scope(scope)
        decision = await policy.decide(handshake)
        if isinstance(decision, Allow):
            return
        if decision.reason is Reason.MISSING and policy.first_message is not None:
            decision = Deny(Reason.MISSING, "unless the first message brings credentials")
        log.refused(decision, handshake, log.incident(), verb="report only: would refuse")


def _require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError("wsauth runs on asyncio; start the server with its asyncio worker, not trio") from None
