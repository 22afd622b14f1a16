"""The middleware: who reaches the application, with which scope of the server's, and what passes it by."""

import asyncio
import contextlib
import copy
import logging
import time

import pytest
from fakes import (
    ACCEPT,
    CLOSE,
    CONNECT,
    DISCONNECT,
    PAGE,
    SEND,
    Echo,
    FakeApplication,
    FakeServer,
    FakeTimeLoop,
    by_name,
    knocked,
    knocking,
    named,
    opened,
    turns,
    websocket_scope,
)

from wsauth import (
    Anonymous,
    ConfigurationError,
    Cookie,
    FirstMessage,
    Header,
    Identity,
    InvalidCredentials,
    Origins,
    Policy,
    Query,
    Reason,
    ReportOnly,
    SecurityScheme,
    Subprotocol,
    VerifierUnavailable,
    WebSocketAuthMiddleware,
)

# What it is made of


@pytest.mark.parametrize("app", [None, [], Echo, "app"])
def test_what_is_no_application_is_refused_at_start(app):
    """A consumer class or a list of routes would fail at the first client that is let in."""
    with pytest.raises(ConfigurationError, match=r"as_asgi\(\)"):
        WebSocketAuthMiddleware(app, Policy([named()]))


# Who reaches the application


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidCredentials("no"), 401),
        (InvalidCredentials("old", Reason.EXPIRED), 401),
        (VerifierUnavailable("down"), 503),
        (LookupError("a bug"), 503),
        (OSError("the network"), 503),
    ],
)
async def test_a_verifier_that_raises_refuses(error, status):
    """Whatever a verifier raises, the application is not called."""

    async def fails(credentials):
        raise error

    server, app = await knocked(Policy([named(verifier=fails)]))
    assert (server.status, app.calls) == (status, 0)


async def test_a_verifier_that_knows_nobody_refuses():
    """None is nobody."""

    async def nobody(credentials):
        return None

    server, app = await knocked(Policy([named(verifier=nobody)]))
    assert (server.status, app.calls) == (401, 0)


async def test_who_presents_nothing_is_refused():
    """Without a credential the application is not called."""
    server, app = await knocked(Policy([named()]), websocket_scope())
    assert (server.status, app.calls) == (401, 0)


async def test_a_foreign_page_is_refused_before_its_credential_is_read():
    """No verifier is asked for a foreign Origin."""
    asked = []

    async def asks(credentials):
        asked.append(credentials)
        return Identity("alice")

    server, app = await knocked(Policy([named(verifier=asks)]), knocking(origin="https://evil.example"))
    assert (server.status, app.calls, asked) == (403, 0, [])


async def test_allow_refuses():
    """`allow` has the last word."""

    async def nobody(identity, handshake):
        return False

    server, app = await knocked(Policy([named()], allow=nobody))
    assert (server.status, app.calls) == (403, 0)


async def test_a_client_that_does_not_connect_is_left_alone():
    """A server that opens with anything but websocket.connect gets no answer, and no application."""
    server, app = FakeServer(), FakeApplication()
    server.inbox.clear()
    server.client_leaves()
    await server.serve(WebSocketAuthMiddleware(app, Policy([named()])), knocking())
    assert (server.calls, app.calls) == ([], 0)


async def test_a_client_that_leaves_during_verification_is_seen_to_leave():
    """The application gets its connect and then the client's own disconnect."""
    server = FakeServer()

    async def slow(credentials):
        server.client_leaves(1006)
        return Identity("alice")

    app = FakeApplication()
    with pytest.raises(OSError, match="left"):
        await knocked(Policy([named(verifier=slow)]), server=server, app=app)
    assert app.types() == [CONNECT]


async def test_an_origin_rule_that_raises_lets_nobody_in():
    """A rule of the user's own that fails counts as a foreign origin, for page and native client alike."""

    class Broken:
        def check(self, handshake):
            raise LookupError("a bug")

    for origin in (None, PAGE):
        server, app = await knocked(Policy([named()], origins=Broken()), knocking(origin=origin))
        assert (server.status, app.calls) == (403, 0)


# Scopes that pass by


@pytest.mark.parametrize("kind", ["http", "lifespan"])
async def test_other_scopes_pass_untouched(kind):
    """The very scope, receive and send of the server reach the application."""
    seen = []

    async def app(*arguments):
        seen.extend(arguments)

    scope = {"type": kind, "query_string": b"token=secret", "headers": []}
    before = copy.deepcopy(scope)
    arguments = (scope, FakeServer().receive, FakeServer().send)
    await WebSocketAuthMiddleware(app, Policy([named(Query("token"))]))(*arguments)
    assert [id(one) for one in seen] == [id(one) for one in arguments]
    assert scope == before


async def test_the_servers_scope_changes_only_in_its_query_string():
    """Everything else goes into a copy, so that neither server nor other middleware are confused."""
    policy = Policy([named(Query("token"), name="q"), named(Header("x-key"), name="h")])
    scope = websocket_scope(query_string=b"room=1&token=s3cret&x=2")
    before = copy.deepcopy(scope)
    server, app = FakeServer(), FakeApplication()
    server.client_sends("x")
    server.client_leaves()
    server.state = "connecting"
    task = server.start(WebSocketAuthMiddleware(app, policy), scope)
    await task
    assert app.calls == 1
    assert scope == {**before, "query_string": b"room=1&x=2"}
    assert app.scope is not scope


# Loops


def _outside_asyncio(call):
    with pytest.raises(ConfigurationError, match="trio"):
        call.send(None)


def test_trio_is_refused_at_start_with_a_sentence():
    """The lifespan says so, before the first client."""
    middleware = WebSocketAuthMiddleware(FakeApplication(), Policy([named()]))
    _outside_asyncio(middleware({"type": "lifespan"}, None, None))


def test_trio_is_refused_for_each_websocket():
    """A server without lifespan says so at the first client."""
    middleware = WebSocketAuthMiddleware(FakeApplication(), Policy([named()]))
    _outside_asyncio(middleware(knocking(), None, None))


def test_one_middleware_serves_several_loops():
    """Nothing binds to a loop: test clients start one for every connection, one after the other and side by side."""
    policy = Policy([named(), named(FirstMessage(), name="first")])
    middleware = WebSocketAuthMiddleware(FakeApplication(), policy)
    for _ in range(2):
        for key, message in (("alice", "x"), (None, '{"type": "auth", "token": "bob"}')):
            server = FakeServer()
            loop = FakeTimeLoop()
            server.client_sends(message)
            task = loop.create_task(server.serve(middleware, knocking(key=key)))
            loop.call_later(1, server.client_leaves)
            loop.run_until_complete(task)
            loop.close()
            assert server.types() == [ACCEPT]
    assert len(policy.connections) == 0


def test_a_second_argument_that_is_no_policy_is_refused():
    """The message has the line to write instead."""
    with pytest.raises(ConfigurationError, match="second argument is a Policy"):
        WebSocketAuthMiddleware(FakeApplication(), [named()])


# Deadlines of the handshake


@pytest.mark.parametrize("expires_at", [-1.0, 0, 99.9, 100.0, float("-inf"), -1e30, -(10**400)])
async def test_an_identity_of_the_past_is_refused(expires_at):
    """What has expired by now does not connect, though its verifier said yes."""
    server, app = await _knocked_with(expires_at)
    assert (server.status, app.calls) == (401, 0)


async def test_an_identity_that_expires_at_no_number_is_refused():
    """NaN is neither past nor future, and no reason to stay connected for ever."""
    server, app = await _knocked_with(float("nan"))
    assert app.calls == 0
    assert server.status in (401, 503)


@pytest.mark.parametrize("expires_at", [float("inf"), 1e30, 1e9, 10**400])
async def test_an_identity_of_the_far_future_ends_with_the_policy(expires_at):
    """`max_lifetime` bounds it."""
    server, app = await _knocked_with(expires_at)
    assert asyncio.get_running_loop().time() == pytest.approx(50)
    assert (server.code, app.disconnect["code"]) == (4440, 4440)


async def _knocked_with(expires_at):
    async def expiring(credentials):
        return Identity("alice", expires_at=expires_at)

    policy = Policy([named(verifier=expiring)], max_lifetime=50)
    server, app = FakeServer(), FakeApplication()
    await server.serve(WebSocketAuthMiddleware(app, policy, clock=lambda: 100.0), knocking())
    assert len(policy.connections) == 0
    return server, app


async def test_an_identity_that_expires_while_it_is_verified_is_refused():
    """The clock is read after the verifier has answered."""
    now = [100.0]

    async def slow(credentials):
        now[0] += 10
        return Identity("alice", expires_at=105)

    server, app = FakeServer(), FakeApplication()
    policy = Policy([named(verifier=slow)])
    await server.serve(WebSocketAuthMiddleware(app, policy, clock=lambda: now[0]), knocking(origin=PAGE))
    assert (server.code, app.calls) == (4440, 0)


# Revoked during the handshake


class Verifying:
    """A verifier during which something happens: the n-th act at its n-th call."""

    def __init__(self, *acts, stateful, issued_at=None):
        self.acts, self.stateful, self.issued_at, self.calls = acts, stateful, issued_at, 0

    async def verify(self, credentials, handshake):
        identity = Identity("alice", issued_at=self.issued_at)
        if self.calls < len(self.acts):
            await self.acts[self.calls]()
        self.calls += 1
        return identity


async def _revoked_meanwhile(*, stateful, times=1, issued_at=None):
    async def revoke():
        await policy.connections.revoke(subject="alice")

    verifier = Verifying(*[revoke] * times, stateful=stateful, issued_at=issued_at)
    policy = Policy([named(verifier=verifier)])
    server, app = FakeServer(), FakeApplication()
    task = server.start(WebSocketAuthMiddleware(app, policy), knocking(origin=PAGE))
    await turns(20)
    server.client_leaves()
    await task
    return server, app, verifier


async def test_a_session_that_is_revoked_while_it_is_verified_is_verified_again():
    """The store is the truth, and is asked once more: who logged in again meanwhile gets in."""
    server, app, verifier = await _revoked_meanwhile(stateful=True)
    assert (verifier.calls, app.calls, server.types()) == (2, 1, [ACCEPT])


async def test_a_session_that_is_revoked_again_and_again_is_refused():
    """A handshake is decided three times at most."""
    server, app, verifier = await _revoked_meanwhile(stateful=True, times=9)
    assert (verifier.calls, app.calls, server.status) == (3, 0, 503)


@pytest.mark.parametrize("issued_at", [None, 0.0, "now"])
async def test_a_token_that_is_revoked_while_it_is_verified_is_refused(issued_at):
    """Nobody else could say that it is no longer good."""
    issued_at = float(int(time.time())) if issued_at == "now" else issued_at
    server, app, _ = await _revoked_meanwhile(stateful=False, issued_at=issued_at)
    assert (server.code, app.calls) == (4410, 0)


async def test_a_token_issued_after_the_revocation_gets_in():
    """Logging in again after a logout everywhere works at once, from the next second on."""
    server, app, _ = await _revoked_meanwhile(stateful=False, issued_at=time.time() + 2)
    assert (app.calls, server.types()) == (1, [ACCEPT])


# Report only


async def test_report_only_passes_the_same_objects(caplog):
    """Whatever it decides, the application gets the server's own scope, receive and send, unchanged."""
    caplog.set_level(logging.INFO, "wsauth")
    seen = []

    async def app(*arguments):
        seen.extend(arguments)

    server = FakeServer()
    scope = websocket_scope(origin="https://evil.example", query_string=b"token=s3cret")
    before = copy.deepcopy(scope)
    arguments = (scope, server.receive, server.send)
    await WebSocketAuthMiddleware(app, ReportOnly(Policy([named(Query("token"))])))(*arguments)
    assert [id(one) for one in seen] == [id(one) for one in arguments]
    assert scope == before
    assert server.calls == []
    assert len(server.inbox) == 1
    assert "report only: would refuse" in caplog.text
    assert "s3cret" not in caplog.text


async def _reported(policy, caplog, **options):
    caplog.set_level(logging.INFO, "wsauth")
    called = []

    async def app(scope, receive, send):
        called.append(scope)

    await WebSocketAuthMiddleware(app, ReportOnly(policy), **options)(knocking(), None, None)
    assert len(called) == 1
    return caplog.text


async def test_report_only_says_nothing_of_who_would_get_in(caplog):
    """The log holds refusals."""
    assert await _reported(Policy([named()]), caplog) == ""


async def test_report_only_reports_an_expired_identity(caplog):
    """What enforcing would refuse after its verifier said yes is reported too."""

    async def expired(credentials):
        return Identity("alice", expires_at=5.0)

    text = await _reported(Policy([named(verifier=expired)]), caplog, clock=lambda: 10.0)
    assert "credentials expired" in text


async def test_report_only_mentions_the_first_message(caplog):
    """Who brings nothing may still bring it later."""
    assert "unless the first message" in await _reported(Policy([named(FirstMessage())]), caplog)


async def test_report_only_survives_a_policy_that_raises(caplog):
    """It changes nothing, not even then."""

    class Broken(Policy):
        async def decide(self, handshake):
            raise LookupError("s3cret")

    text = await _reported(Broken([named()]), caplog)
    assert "LookupError" in text
    assert "s3cret" not in text


# Nested policies


def nest(*policies, app=None, between=None):
    """Guard an application with several policies, the outermost first; `between` wraps what stands inside each."""
    app = inner = app or Echo()
    for policy in reversed(policies):
        app = WebSocketAuthMiddleware(app, policy)
        if between is not None and policy is not policies[0]:
            app = between(app)
    return app, inner


async def through(*policies, scope=None, server=None, **options):
    guarded, app = nest(*policies, **options)
    server = server or FakeServer()
    task = server.start(guarded, knocking(server, origin=PAGE) if scope is None else scope)
    await turns(20)
    if app.running and not app.scope["wsauth"].ended:
        registered = [len(policy.connections) for policy in policies]
        server.client_leaves()
    else:
        registered = []
    await task
    assert [len(policy.connections) for policy in policies] == [0] * len(policies)
    return server, app, registered


def open_to_all(*schemes, **options):
    return Policy(schemes, anonymous=Anonymous.IF_MISSING, **options)


async def test_the_same_policy_inside_itself_passes_through():
    """An application that is guarded twice by one policy is decided once."""
    asked = []

    async def asks(identity, handshake):
        asked.append(1)
        return True

    policy = Policy([named()], allow=asks)
    server, app, _ = await through(policy, policy)
    assert (len(asked), app.calls, server.types()) == (1, 1, [ACCEPT])


async def test_an_anonymous_outside_leaves_the_decision_to_the_inside():
    """The nested policy decides from the handshake that the outer one kept, its own credential included."""
    token = named(Query("token"))
    scope = websocket_scope(origin=PAGE, query_string=b"token=alice")
    server, app, registered = await through(open_to_all(), Policy([token]), scope=scope)
    assert app.scope["user"].subject == "alice"
    assert app.scope["auth"].scopes == ["authenticated"]
    assert app.scope["query_string"] == b""
    assert scope["query_string"] == b"", "uvicorn would log it"
    assert server.types() == [ACCEPT]
    assert registered == [1, 1]


async def test_a_nested_refusal_is_delivered_as_any_other():
    """A page reads the code of the nested policy, and the application does not run."""
    server, app, _ = await through(open_to_all(), Policy([named()]), scope=websocket_scope(origin=PAGE))
    assert (server.code, app.calls) == (4401, 0)


async def test_a_nested_refusal_accepts_with_the_nested_policys_marker():
    """A page that offers the nested policy's subprotocol reads its code too."""

    async def nobody(credentials):
        return None

    nested = Policy([named(Subprotocol("bearer"), nobody)])
    scope = websocket_scope(origin=PAGE, subprotocols=["bearer", "s3cret"])
    server, app, _ = await through(open_to_all(), nested, scope=scope)
    assert server.wire[0]["subprotocol"] == "bearer"
    assert (server.code, app.calls) == (4401, 0)


async def test_an_authenticated_outside_is_narrowed_by_scheme():
    """The outer scheme must be one of the nested policy's, by value: equal schemes of two policies are the same."""
    server, app, _ = await through(Policy([named()]), Policy([named(name="other", location=Query("x")), named()]))
    assert app.scope["user"].subject == "alice"
    server, app, _ = await through(Policy([named()]), Policy([named(name="another")]))
    assert (server.code, app.calls) == (4403, 0)


async def test_an_authenticated_outside_is_narrowed_by_allow():
    """The nested `allow` is asked about the outer identity."""

    async def only_bob(identity, handshake):
        return identity.subject == "bob"

    server, app, _ = await through(Policy([named()]), Policy([named()], allow=only_bob))
    assert (server.code, app.calls) == (4403, 0)
    server, app, _ = await through(Policy([named()]), Policy([named()], allow=only_bob), scope=knocking(key="bob"))
    assert app.calls == 1


async def test_a_nested_policy_never_takes_another_identity():
    """An authenticated connection keeps its identity, whatever else its handshake would prove to the nested policy."""
    scope = knocking(query_string=b"token=bob", origin=PAGE)
    nested = Policy([named(), named(Query("token"), name="query")])
    _, app, _ = await through(Policy([named()]), nested, scope=scope)
    assert app.scope["user"].subject == "alice"
    assert app.scope["query_string"] == b""


async def test_nothing_is_asked_of_an_authenticated_client_by_a_first_message():
    """A nested FirstMessage is for who has not proved anything yet."""
    nested = Policy([named(Cookie("key"), name="cookie"), named(FirstMessage(), name="first")])
    outer = Policy([named(Cookie("key"), name="cookie")])
    scope = websocket_scope(origin=PAGE, headers=[(b"cookie", b"key=alice")])
    server, app, _ = await through(outer, nested, scope=scope)
    assert (app.calls, server.types()) == (1, [ACCEPT])
    narrower = Policy([named(FirstMessage(), name="first")])
    server, app, _ = await through(outer, narrower, scope=scope)
    assert (server.code, app.calls) == (4403, 0)


@pytest.mark.parametrize(("outer", "inner"), [(10, 30), (30, 10)])
@pytest.mark.parametrize("anonymous", [True, False])
async def test_the_earlier_deadline_counts(outer, inner, anonymous):
    """Whichever policy sets it, and for an application that only waits."""
    outermost = open_to_all(named(), max_lifetime=outer) if anonymous else Policy([named()], max_lifetime=outer)
    guarded, app = nest(outermost, Policy([named(Query("token")) if anonymous else named()], max_lifetime=inner))
    server = FakeServer()
    scope = websocket_scope(query_string=b"token=alice") if anonymous else knocking()
    await server.serve(guarded, scope)
    assert asyncio.get_running_loop().time() == pytest.approx(10)
    assert (server.code, app.disconnect["code"]) == (4440, 4440)


async def test_each_policys_registry_finds_the_connection():
    """A revocation through either policy closes it, under the identity that the nested one found."""
    for which in (0, 1):
        policies = (open_to_all(), Policy([named()]))
        guarded, _ = nest(*policies)
        server = FakeServer()
        task = server.start(guarded, knocking())
        await turns(20)
        assert (await policies[which].connections.revoke(subject="alice")).closed == 1
        await task
        assert server.code == 4410


async def test_a_revocation_by_the_outer_registry_while_the_nested_one_verifies_lands():
    """Both registries are looked at from before the verification on."""

    async def revoke():
        await outer.connections.revoke(subject="alice")

    for stateful, calls, times in ((True, 1, 2), (False, 0, 1)):
        outer = open_to_all()
        verifier = Verifying(revoke, stateful=stateful, issued_at=0.0)
        _, app, _ = await through(outer, Policy([named(verifier=verifier)]))
        assert (app.calls, verifier.calls) == (calls, times)


async def test_a_handshake_that_is_looked_at_again_is_not_registered_meanwhile():
    """Whom the store is asked about anew is not closed for the old answer."""

    async def revoke():
        closed.append((await policy.connections.revoke(subject="alice")).closed)

    closed = []
    verifier = Verifying(revoke, revoke, stateful=True)
    policy = Policy([named(verifier=verifier)])
    live = await opened(policy=policy)
    assert (closed, verifier.calls, live.app.calls) == ([0, 0], 3, 1)
    live.server.client_leaves()
    await live.over()


@pytest.mark.parametrize("stateful", [True, False])
@pytest.mark.parametrize("when", ["before the nested policy", "while it decides"])
async def test_a_revocation_by_the_nested_registry_after_the_outer_decision_lands(when, stateful):
    """The nested policy asks no store again, so what came since the outer one asked refuses."""

    async def revoke():
        await nested.connections.revoke(subject="alice")

    def revoking(app):
        async def between(scope, receive, send):
            if when == "before the nested policy":
                await revoke()
            await app(scope, receive, send)

        return between

    async def allow(identity, handshake):
        if when == "while it decides":
            await revoke()
        return True

    scheme = named(verifier=Verifying(stateful=stateful, issued_at=0.0))
    nested = Policy([scheme], allow=allow)
    server, app, _ = await through(Policy([scheme]), nested, between=revoking)
    assert (server.code, app.calls) == (4410, 0)


async def test_a_revocation_before_the_outer_decision_is_left_to_the_store():
    """Of sessions the store knows better, also where the registry is the nested policy's."""
    scheme = named(verifier=Verifying(stateful=True))
    nested = Policy([scheme])
    await nested.connections.revoke(subject="alice")
    _, app, _ = await through(Policy([scheme]), nested)
    assert app.calls == 1


@pytest.mark.parametrize("patience", [None, 1])
async def test_a_nested_policy_that_did_not_allow_is_asked_again(patience):
    """Whether it refused or never came to an answer: only a policy that allowed lets its other applications run."""

    async def slowly(identity, handshake):
        await asyncio.sleep(2)
        return False

    nested = Policy([named()], allow=slowly)
    first, second = Echo(), Echo()

    async def either(scope, receive, send):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await WebSocketAuthMiddleware(first, nested)(scope, receive, send)
        await WebSocketAuthMiddleware(second, nested)(scope, receive, send)

    server = FakeServer()
    await server.serve(WebSocketAuthMiddleware(either, Policy([named()])), knocking(server))
    assert (server.status, first.calls, second.calls) == (403, 0, 0)


async def test_a_nested_decision_takes_the_outer_policys_cookies_away():
    """A cookie that the outer policy knows and did not take is not left beside the nested policy's token."""
    outer = open_to_all(named(Cookie("session"), name="session"))
    scope = websocket_scope(query_string=b"token=alice", headers=[(b"cookie", b"session=bob; theme=dark")])
    _, app, _ = await through(outer, Policy([named(Query("token"), name="query")]), scope=scope)
    assert app.scope["user"].subject == "alice"
    assert (b"cookie", b"theme=dark") in app.scope["headers"]


async def test_an_end_while_the_nested_policy_verifies_is_final():
    """What the outer registry has closed is not let in by the nested policy, nor answered twice."""

    async def end():
        connections[0].end(Reason.REVOKED)
        await asyncio.sleep(1)

    connections = []
    cookie = named(Cookie("key"), name="cookie")

    def noting(app):
        async def between(scope, receive, send):
            connections.append(scope["wsauth"])
            await app(scope, receive, send)

        return between

    async def slowly(identity, handshake):
        await end()
        return True

    scope = websocket_scope(origin=PAGE, headers=[(b"cookie", b"key=alice")])
    nested = Policy([cookie], allow=slowly)
    server, app, _ = await through(Policy([cookie]), nested, scope=scope, between=noting)
    assert (server.code, app.calls, server.illegal) == (4410, 0, [])


async def test_an_end_before_a_nested_first_message_asks_for_nothing():
    """The wait for a first message does not begin on a connection that has ended."""

    async def slowly(identity, handshake):
        handshake_of.end(Reason.GOING_AWAY)
        await asyncio.sleep(1)
        return True

    class Noting(FakeApplication):
        async def __call__(self, scope, receive, send):
            nonlocal handshake_of
            handshake_of = scope["wsauth"]
            await WebSocketAuthMiddleware(inner, nested)(scope, receive, send)

    class EndsWhileReading(Verifying):
        async def verify(self, credentials, handshake):
            handshake_of.end(Reason.GOING_AWAY)
            await asyncio.sleep(1)

    handshake_of = None
    inner = Echo()
    cookie = named(Cookie("key"), EndsWhileReading(stateful=True), "cookie")
    nested = Policy([cookie, named(FirstMessage(), name="first")])
    server = FakeServer()
    scope = websocket_scope(origin=PAGE, headers=[(b"cookie", b"key=alice")])
    await server.serve(WebSocketAuthMiddleware(Noting(), open_to_all()), scope)
    assert (server.status, inner.calls, server.illegal) == (503, 0, [])


async def test_a_nested_first_message_authenticates():
    """Outside anybody may come in; inside the first message says who it is."""
    server = FakeServer()
    server.client_sends('{"type": "auth", "token": "alice"}')
    nested = Policy([named(FirstMessage())])
    server, app, registered = await through(open_to_all(), nested, scope=websocket_scope(), server=server)
    assert app.types() == [CONNECT, DISCONNECT]
    assert app.scope["user"].subject == "alice"
    assert (server.types(), registered) == ([ACCEPT], [1, 1])


@pytest.mark.parametrize("wakes", [True, False])
async def test_a_nested_first_message_ends_with_the_outer_deadline(wakes):
    """The outer policy's deadline holds while the nested one waits for its message."""
    guarded, app = nest(open_to_all(max_lifetime=3), Policy([named(FirstMessage())]))
    server = FakeServer(wakes=wakes)
    await server.serve(guarded, websocket_scope())
    assert (server.code, app.calls) == (4440, 0)
    assert asyncio.get_running_loop().time() == pytest.approx(3)


async def test_a_nested_policy_after_the_accept_is_an_error():
    """Its handshake is gone: the application must not have accepted before."""

    def accepting(app):
        async def between(scope, receive, send):
            await receive()
            await send({"type": ACCEPT})
            await app(scope, receive, send)

        return between

    guarded, app = nest(open_to_all(), Policy([named()]), between=accepting)
    with pytest.raises(RuntimeError, match="after the application has accepted"):
        await FakeServer().serve(guarded, knocking())
    assert app.calls == 0


async def test_the_outer_decision_stays_in_the_scope_of_a_narrower_policy():
    """What stands between may have put entries of its own there; the identity is the same."""

    def marking(app):
        async def between(scope, receive, send):
            await app({**scope, "user": "proxy of alice"}, receive, send)

        return between

    _, app, _ = await through(Policy([named()]), Policy([named()]), between=marking)
    assert app.scope["user"] == "proxy of alice"


async def test_a_policy_inside_report_only_enforces():
    """Report only leaves no trace that would stop another policy from deciding."""
    guarded = WebSocketAuthMiddleware(WebSocketAuthMiddleware(Echo(), Policy([named()])), ReportOnly(open_to_all()))
    server = FakeServer()
    await server.serve(guarded, websocket_scope())
    assert server.status == 401


# Secrets


async def test_a_planted_secret_shows_nowhere(caplog):
    """Neither in a log line, nor in an answer, nor in what the application's scope says of itself."""
    caplog.set_level(logging.DEBUG)

    async def quotes(credentials):
        if credentials.secret.endswith("raise"):
            raise LookupError(f"cannot find {credentials.secret}")

    schemes = [
        SecurityScheme("query", Query("token"), quotes),
        SecurityScheme("header", Header("x-key"), quotes),
        SecurityScheme("cookie", Cookie("key"), quotes),
    ]
    policy = Policy(schemes, origins=Origins("https://app.example.com"))
    for secret in ("pl4nted", "pl4nted-raise", "pl4nted\x00", "a,pl4nted"):
        for scope in (
            websocket_scope(query_string=b"token=" + secret.encode()),
            websocket_scope(headers=[(b"x-key", secret.encode())]),
            websocket_scope(headers=[(b"cookie", b"key=" + secret.encode())], origin="https://app.example.com"),
        ):
            server, app = await knocked(policy, scope)
            assert app.calls == 0
            assert "pl4nted" not in repr(server.wire) + server.body().decode()
    assert "pl4nted" not in caplog.text
    assert "pl4nted" not in repr(policy)


async def test_the_application_does_not_see_the_credential():
    """Every explicit credential that the policy knows is out of its scope, the unused ones too."""
    policy = Policy([named(Query("token"), name="query"), named(Header("authorization"), name="bearer"), named()])
    live = await opened(policy=policy)
    live.server.client_leaves()
    await live.over()
    text = repr({key: value for key, value in live.app.scope.items() if key not in ("wsauth", "user")})
    assert "alice" not in text


async def test_a_message_cannot_change_who_it_is():
    """A second message of the first one's kind is the application's, and changes nothing."""
    policy = Policy([named(FirstMessage())])
    server, app = FakeServer(), Echo()
    server.client_sends('{"type": "auth", "token": "alice"}')
    server.client_sends('{"type": "auth", "token": "mallory"}')
    task = server.start(WebSocketAuthMiddleware(app, policy), websocket_scope())
    await turns(20)
    assert app.scope["wsauth"].identity.subject == "alice"
    assert server.wire[-1] == {"type": SEND, "text": '{"type": "auth", "token": "mallory"}'}
    server.client_leaves()
    await task


async def test_two_connections_of_one_user_both_end():
    """A revocation closes every connection that it matches, and no other."""
    policy = Policy([named(verifier=by_name)])
    mine, other = [await opened(policy=policy) for _ in range(2)], await opened(policy=policy, key="bob")
    assert (await policy.connections.revoke(subject="alice")).closed == 2
    for live in mine:
        await asyncio.wait([live.task])
        assert live.server.types()[-1] == CLOSE
    assert len(policy.connections) == 1
    other.server.client_leaves()
    await other.over()


@pytest.mark.parametrize("report_only", [False, True])
async def test_a_verifier_that_cancels_itself_has_failed(report_only, caplog):
    """A library's CancelledError that nobody sent is answered and logged; where it only reports, the application runs."""

    async def gives_up(credentials):
        raise asyncio.CancelledError

    policy, server, app = Policy([named(verifier=gives_up)]), FakeServer(), Echo()
    guarded = WebSocketAuthMiddleware(app, ReportOnly(policy) if report_only else policy)
    task = server.start(guarded, knocking(server))
    await turns()
    server.client_leaves()
    await task
    assert (app.calls, "CancelledError" in caplog.text) == (report_only, True)
    assert report_only or server.status == 503


@pytest.mark.parametrize("guarded", [Policy([named()]), ReportOnly(Policy([named()]))], ids=["enforced", "reported"])
@pytest.mark.parametrize("kind", ["webtransport", "WebSocket", "channel", "x" * 10_000, "a\nb", None])
async def test_a_scope_that_no_policy_judges_is_refused(kind, guarded):
    """ASGI asks for an exception where a type is unknown; nothing of that name runs the application unguarded."""
    app = FakeApplication()
    with pytest.raises(ValueError, match="no policy judges the scope type") as caught:
        await FakeServer().serve(WebSocketAuthMiddleware(app, guarded), {"type": kind})
    assert app.calls == 0
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
