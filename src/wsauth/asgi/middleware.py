"""The middleware: every WebSocket handshake is decided here before the application exists."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from wsauth.asgi import log
from wsauth.asgi.buffers import unbounded
from wsauth.asgi.callback import Callback
from wsauth.asgi.connection import Connection
from wsauth.asgi.first_message import ask
from wsauth.asgi.pending import Pending
from wsauth.asgi.rechecks import Rechecks
from wsauth.asgi.running import is_cancelled
from wsauth.asgi.scope import KEY, enter, for_application, hide_from_server, hides_query, without_credentials
from wsauth.asgi.wire import Wire
from wsauth.core.context import ignoring
from wsauth.core.decision import Allow, Decision, Deny
from wsauth.core.errors import ConfigurationError
from wsauth.core.events import Event, EventKind, emit
from wsauth.core.handshake import Handshake
from wsauth.core.reasons import Reason
from wsauth.core.settings import check_clock
from wsauth.policy import Policy, ReportOnly
from wsauth.revocation.connections import Standing

if TYPE_CHECKING:
    from wsauth.asgi.types import ASGIApp, Receive, Scope, Send
    from wsauth.core.credentials import Credentials
    from wsauth.core.identity import Identity
    from wsauth.core.scheme import SecurityScheme

Decide = Callable[[], Awaitable[Decision]]

PASSED = ("http", "lifespan")  # scope types that no policy is about
MAX_LOOKS = 3  # how often a handshake is decided anew because of revocations that match it


class WebSocketAuthMiddleware:
    """Enforce a policy on every WebSocket of an ASGI application, for the whole life of each connection.

    Nothing reaches the application until the policy has decided `Allow`. The scopes http and lifespan pass through
    untouched, and any other type is refused. Put it outermost, so that credentials are out of the scope before anything logs
    it. With `ReportOnly(policy)` it only logs what it would have refused. `clock` gives POSIX seconds, for
    `Identity.expires_at`.
    """

    def __init__(self, app: ASGIApp, policy: Policy | ReportOnly, *, clock: Callable[[], float] = time.time) -> None:
        if not isinstance(policy, Policy | ReportOnly):
            raise ConfigurationError(
                f"WebSocketAuthMiddleware(app, {policy!r}): the second argument is a Policy;"
                " write WebSocketAuthMiddleware(app, policy) or app.add_middleware(WebSocketAuthMiddleware, policy=policy)"
            )
        if not callable(app) or (isinstance(app, type) and not hasattr(app, "__await__")):  # as Starlette's endpoints
            what = f"the class {app.__name__}" if isinstance(app, type) else f"a {type(app).__name__}"
            raise ConfigurationError(
                f"WebSocketAuthMiddleware({what}, policy): the first argument is an ASGI application; write"
                " Consumer.as_asgi() for a consumer, URLRouter([...]) for routes"
            )
        self.app = app
        self.policy = policy
        check_clock("WebSocketAuthMiddleware", clock)
        self._clock = clock
        self._lines = log.Lines()
        self._callback = Callback.of(policy) if isinstance(policy, Policy) else None
        self._pending = Pending.of(policy.policy if isinstance(policy, ReportOnly) else policy)
        self._path_routing = getattr(app, "_path_routing", False)  # Channels' URLRouter asks whether a route goes on
        self._has_warned = False
        _warn_of_buffers(policy.policy if isinstance(policy, ReportOnly) else policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Error reporters print the locals of every frame that an exception passes: while the application runs, none of
        wsauth's holds a scope or a handshake.
        """
        policy, kind = self.policy, scope["type"]
        if kind not in PASSED and kind != "websocket":
            del scope
            raise _unknown(kind)
        if kind == "websocket" and isinstance(policy, Policy) and not isinstance(scope.get(KEY), Connection):
            connection = self._arrive(policy, scope, receive, send)
            del scope
            try:  # here, for every coroutine around the application lives as long as the connection
                if await connection.begin() and await self._admit(connection, policy):
                    enter(connection)
                    await connection.run(self.app)
                await connection.see_off()
            finally:
                connection.release()
        elif (inner := await self._passed(scope)) is not None:
            running = self.app(inner, receive, send)
            del scope, inner
            await running

    def _arrive(self, policy: Policy, scope: Scope, receive: Receive, send: Send) -> Connection:
        """Read the handshake. The connection alone holds it, and only until the application accepts."""
        _require_asyncio()
        handshake = Handshake.from_scope(scope)
        hide_from_server(scope, policy)
        self._warn_of_copies(scope, policy)
        return Connection(handshake, scope, receive, Wire(send), policy, self._pending, self._clock)

    async def _passed(self, scope: Scope) -> Scope | None:
        """Return the scope with which the application goes on, where this middleware opens no connection of its own.

        None where a nested policy has refused.
        """
        if scope["type"] == "lifespan":
            _require_asyncio()
        if scope["type"] in PASSED:
            return scope
        if isinstance(self.policy, ReportOnly):
            await self._report(self.policy.policy, scope)
            return scope
        return await self._enter_nested(scope[KEY], self.policy, scope)

    async def _enter_nested(self, connection: Connection, policy: Policy, scope: Scope) -> Scope | None:
        """An outer middleware holds the connection: this policy may only narrow its decision."""
        if policy in connection.policies:
            return scope
        if connection.handshake is None or connection.server_scope is None:
            raise RuntimeError("a nested policy cannot decide after the application has accepted the connection")
        connection.decided_by(policy, self._pending)
        hide_from_server(connection.server_scope, policy)
        outer = connection.identity
        if not await self._admit(connection, policy):
            return None
        if connection.identity is outer:
            scope = without_credentials(scope, connection)
            connection.scopes += (scope,)
        else:
            scope = for_application(scope, connection)
            connection.scopes = (scope,)
        return scope

    async def _admit(self, connection: Connection, policy: Policy) -> bool:
        """Decide whether the application may run, and refuse if not."""
        handshake = connection.handshake
        assert handshake is not None
        began = time.perf_counter()
        decision = await self._decide(connection, policy, handshake)
        if connection.ended or decision is None:  # ended by an outer policy, or by the client, meanwhile
            return False
        seconds = time.perf_counter() - began
        if isinstance(decision, Deny):
            incident = log.incident()
            self._lines.refused(decision, handshake, incident)
            _emit_denied(policy, decision, seconds, incident)
            await connection.refuse(connection.delivery.refusal(decision.reason, incident, decision.retry_after))
            return False
        connection.admitted(policy, decision.scheme, seconds)  # not before: who asks again is decided again
        return True

    async def _decide(self, connection: Connection, policy: Policy, handshake: Handshake) -> Decision | None:
        """Decide by the handshake, else by the first message where the policy has one. None: the client has left."""
        if connection.identity.is_authenticated:
            return await self._narrow(connection, policy, handshake)
        decision = await self._open(connection, policy, partial(policy.decide, handshake))
        scheme = policy.first_message
        if scheme is None or not isinstance(decision, Deny) or decision.reason is not Reason.MISSING or decision.scheme:
            return decision

        async def judge(credentials: Credentials) -> Decision:
            return await self._open(connection, policy, partial(policy.verify, scheme, credentials, handshake))

        return await ask(connection, scheme, policy, handshake, self._pending, judge)

    async def _narrow(self, connection: Connection, policy: Policy, handshake: Handshake) -> Decision:
        """Decide about the outer identity. Its verifier is not asked again, so what was revoked since counts."""
        decide = partial(policy.narrow, connection.identity, connection.scheme, handshake)
        return await self._open(connection, policy, decide, (connection.lease.position, connection.lease.since))

    async def _open(
        self, connection: Connection, policy: Policy, decide: Decide, verified: tuple[int, float] | None = None
    ) -> Decision:
        """Decide, until no revocation came meanwhile that the verifier may not have seen; then register the connection.

        `verified` is the position and the time when it was verified, where `decide` does not do that.
        """
        connections = policy.connections
        connections.sight.look()
        waited = False
        until = connection.loop.time() + policy.verify_within  # for all of it: daphne gives a handshake 5 seconds
        for _ in range(MAX_LOOKS):
            position, since = verified or (connections.position, connections.now())
            with ignoring(policy.ignored):
                decision = await _in_time(decide, policy, until)
            if isinstance(decision, Deny):
                return decision
            if verified:  # a re-check may have renewed it while `allow` was asked
                decision = replace(decision, identity=connection.identity)
            scheme = decision.identity.scheme
            if not self._lives(decision.identity):
                return Deny(Reason.EXPIRED, "the identity has expired", scheme)
            checks = self._checks(policy, decision.scheme)
            standing = connection.lease.take(decision, policy, checks, position, since, waited=waited)
            if standing is Standing.GOOD:
                return decision
            if isinstance(standing, Reason):
                return Deny(standing, "revoked, blocked or going away", scheme)
            if standing is Standing.LOOK_AGAIN and verified:
                return Deny(Reason.REVOKED, "revoked since the outer policy verified it", scheme)
            if standing is Standing.BLIND:
                if waited:
                    return Deny(Reason.UNAVAILABLE, "the revocation log is out of reach", scheme)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        await connections.sight.catch_up()
                waited = True
        return Deny(Reason.UNAVAILABLE, "revoked again and again during the handshake")

    def _lives(self, identity: Identity) -> bool:
        return identity.expires_at is None or identity.expires_at > self._clock()

    def _checks(self, policy: Policy, scheme: SecurityScheme | None) -> list[Rechecks]:
        """Return whoever is to be asked again about an identity that this scheme proved."""
        recheckers = (scheme.rechecker if scheme is not None else None, self._callback)
        return [Rechecks.of(rechecker, policy.framework) for rechecker in recheckers if rechecker is not None]

    def _warn_of_copies(self, scope: Scope, policy: Policy) -> None:
        """Say once that a router further out keeps query credentials in the scope that the server logs."""
        if "url_route" in scope and hides_query(policy) and not self._has_warned:
            self._has_warned = True
            log.logger.warning(
                "WebSocketAuthMiddleware stands inside a URLRouter, which copies the scope: the server may log the query"
                " credential. Put the middleware around the router: WebSocketAuthMiddleware(URLRouter(...), policy)"
            )

    async def _report(self, policy: Policy, scope: Scope) -> None:
        """Log what the policy would have refused. Whatever fails here, the application runs."""
        began = time.perf_counter()
        handshake = Handshake.from_scope(scope)
        try:
            with ignoring(policy.ignored):
                until = asyncio.get_running_loop().time() + policy.verify_within
                decision = await _in_time(partial(policy.decide, handshake), policy, until)
        except Exception as error:
            log.ration.write(logging.ERROR, f"report only: deciding raised {type(error).__name__}")
            return
        if isinstance(decision, Allow) and not self._lives(decision.identity):
            decision = Deny(Reason.EXPIRED, "the identity has expired", decision.identity.scheme)
        if isinstance(decision, Allow):
            return
        if decision.reason is Reason.MISSING and policy.first_message is not None:
            decision = Deny(Reason.MISSING, "unless the first message brings credentials")
        incident = log.incident()
        self._lines.refused(decision, handshake, incident, verb="report only: would refuse")
        _emit_denied(policy, decision, time.perf_counter() - began, incident, EventKind.WOULD_DENY)


async def _in_time(decide: Decide, policy: Policy, when: float) -> Decision:
    """Decide until `when`, by the loop's clock. Who answers later is not heard, whatever the answer.

    A verifier that gives up by CancelledError, which nobody sent, has failed like any other.
    """
    try:
        async with asyncio.timeout_at(when) as limit:
            decision = await decide()
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        if is_cancelled():
            raise
        log.ration.write(logging.ERROR, "a verifier raised CancelledError; the connection is refused")
        return Deny(Reason.UNAVAILABLE, "a verifier was cancelled")
    else:
        if not limit.expired():
            return decision
    return Deny(Reason.UNAVAILABLE, f"no decision within Policy(verify_within={policy.verify_within:g})")


def _emit_denied(policy: Policy, deny: Deny, seconds: float, incident: str, kind: EventKind = EventKind.DENIED) -> None:
    if policy.events:
        emit(policy.events, Event(kind, deny.reason, deny.scheme, seconds=seconds, incident=incident))


def _warn_of_buffers(policy: Policy) -> None:
    if policy.first_message is not None and (line := unbounded()) is not None and line not in _warned:
        _warned.add(line)
        log.logger.warning(
            "FirstMessage: clients whom nobody knows can each make this server hold some 16 MiB; write `%s`, with the size"
            " of your longest message (docs/servers.md, Memory before authentication)",
            line,
        )


_warned: set[str] = set()


def _unknown(kind: object) -> ValueError:
    """Return what ASGI asks to raise for a type of scope that is unknown."""
    return ValueError(
        f"WebSocketAuthMiddleware: no policy judges the scope type {log.shown(str(kind))}; route it around the middleware,"
        ' as in ProtocolTypeRouter({"websocket": WebSocketAuthMiddleware(...), "channel": ...})'
    )


def _require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError("wsauth runs on asyncio; start the server with its asyncio worker, not trio") from None
