"""Authentication by the first message: what wsauth does while it plays the server."""

import asyncio

import pytest
from fakes import (
    ACCEPT,
    CLOSE,
    CONNECT,
    DISCONNECT,
    PAGE,
    RECEIVE,
    SEND,
    Echo,
    FakeServer,
    knocked,
    knocking,
    named,
    turns,
    websocket_scope,
)

from wsauth import FirstMessage, Identity, InvalidCredentials, Policy, Query, Reason, WebSocketAuthMiddleware

FIRST = '{"type": "auth", "token": "alice"}'


def policy(verifier=None, *, deadline=10.0, schemes=(), **options):
    first = named(FirstMessage(deadline=deadline), name="first") if verifier is None else None
    return Policy([*schemes, first or named(FirstMessage(deadline=deadline), verifier, "first")], **options)


async def said(*messages, guarded=None, server=None, scope=None, app=None, leaves=True):
    """Let a client say something, and leave if it was let in."""
    server, app = server or FakeServer(), app or Echo()
    for message in messages:
        server.client_sends(**message) if isinstance(message, dict) else server.client_sends(message)
    task = server.start(WebSocketAuthMiddleware(app, guarded or policy()), scope or websocket_scope())
    await turns(30)
    if app.running and leaves:
        server.client_leaves()
    await task
    assert server.illegal == []
    return server, app


async def test_a_good_first_message_opens_the_connection():
    """The client sees one accept, and the application its connect, but not the message."""
    server, app = await said(FIRST)
    assert server.types() == [ACCEPT]
    assert app.types() == [CONNECT, DISCONNECT]
    assert app.scope["user"].subject == "alice"
    assert app.scope["user"].scheme == "first"


async def test_messages_behind_the_first_one_reach_the_application_in_order():
    """Whatever a client pipelines is not lost."""
    server, app = await said(FIRST, "one", "two")
    assert [message.get("text") for message in app.seen if message["type"] == RECEIVE] == ["one", "two"]
    assert server.types() == [ACCEPT, SEND, SEND]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        '"auth"',
        "{}",
        '{"type": "auth"}',
        '{"type": "auth", "token": 7}',
        '{"type": "auth", "token": null}',
        '{"type": "auth", "token": "a", "token": "b"}',
        '\ufeff{"type": "auth", "token": "a"}',
        '{"type": "auth", "token": NaN}',
        '{"type": "auth", "token": "\\ud800"}',
        '{"type": "other", "token": "a"}',
        '{"type": "auth", "token": ""}',
        "[" * 100_000,
        '{"type": "auth", "token": "' + "x" * 20_000 + '"}',
        "x" * 12_000_000,
    ],
    ids=lambda text: f"{text[:30]} of {len(text)}",
)
async def test_an_irregular_first_message_is_refused(text):
    """It is closed with 4401, and nobody raises."""
    server, app = await said(text)
    assert (server.code, app.calls) == (4401, 0)


async def test_a_binary_first_message_is_refused():
    """The credential is text."""
    server, app = await said({"text": None, "bytes": FIRST.encode()})
    assert (server.code, app.calls) == (4401, 0)


@pytest.mark.parametrize(
    ("reason", "code"),
    [(Reason.EXPIRED, 4440), (Reason.REVOKED, 4410), (Reason.FORBIDDEN, 4403), (Reason.INVALID, 4401)],
)
async def test_a_first_message_that_proves_nothing_is_closed_with_its_code(reason, code):
    """The socket is open: everybody can read a close code, page or not."""

    async def deny(credentials):
        raise InvalidCredentials("no", reason)

    server, app = await said(FIRST, guarded=policy(deny))
    assert (server.code, app.calls) == (code, 0)


async def test_silence_is_closed_at_the_deadline():
    """4408, and the application never ran."""
    server, app = await said(leaves=False)
    assert (server.code, app.calls) == (4408, 0)
    assert asyncio.get_running_loop().time() == pytest.approx(10)


async def test_the_deadline_includes_a_slow_accept():
    """It counts from the handshake on, and the accept that was given up is closed."""
    server, app = await said(server=FakeServer(hangs={ACCEPT}), leaves=False)
    assert asyncio.get_running_loop().time() == pytest.approx(10)
    assert (server.types(), app.calls) == ([CLOSE], 0)


async def test_the_deadline_includes_a_slow_verifier():
    """Who is accepted is authenticated in time, or goes: a store that hangs does not keep the sockets open."""

    async def slow(credentials):
        await asyncio.sleep(3600)
        return Identity("alice")

    guarded = policy(slow, verify_within=60)
    server, app = await said(FIRST, guarded=guarded, leaves=False)
    assert asyncio.get_running_loop().time() == pytest.approx(10)
    assert (server.code, app.calls, len(guarded.connections)) == (4408, 0, 0)


async def test_a_client_that_leaves_while_we_wait_costs_nothing():
    """No application, no close, no place among the pending."""
    guarded, server, app = policy(max_pending=1), FakeServer(), Echo()
    middleware = WebSocketAuthMiddleware(app, guarded)
    task = server.start(middleware, websocket_scope())
    await turns()
    assert len(middleware._pending) == 1
    server.client_leaves()
    await task
    assert (server.types(), app.calls, len(middleware._pending)) == ([ACCEPT], 0, 0)


async def test_a_client_that_is_gone_before_the_accept_costs_nothing():
    """The server's OSError goes no further."""
    server, app = await said(server=FakeServer(raises={ACCEPT: OSError("gone")}))
    assert (server.wire, app.calls) == ([], 0)


async def test_a_foreign_page_is_refused_before_the_accept():
    """A first message proves who sent it, not from where."""
    server, app = await said(FIRST, scope=websocket_scope(origin="https://evil.example"))
    assert (server.status, app.calls) == (403, 0)


async def test_a_credential_in_the_handshake_decides_alone():
    """Nobody waits for a message then, and what is invalid is final."""

    async def nobody(credentials):
        return None

    server, app = await said(guarded=policy(schemes=[named()]), scope=knocking())
    assert (server.types(), app.scope["user"].scheme) == ([ACCEPT], "key")
    server, app = await said(FIRST, guarded=policy(schemes=[named(verifier=nobody)]), scope=knocking())
    assert (server.status, app.calls) == (401, 0)


async def test_a_credential_in_the_handshake_that_is_called_missing_has_no_second_try():
    """A verifier's word for it changes nothing: it was there, and is final."""

    async def missing(credentials):
        raise InvalidCredentials("no such user", Reason.MISSING)

    guarded = policy(schemes=[named(verifier=missing)])
    server, app = await said(FIRST, guarded=guarded, scope=knocking())
    assert (server.status, app.calls) == (401, 0)


async def test_the_subprotocol_is_the_first_of_the_policys_that_is_offered():
    """The application is not there to choose."""
    guarded = policy(subprotocols=["v2", "v1"])
    server, _ = await said(FIRST, guarded=guarded, scope=websocket_scope(subprotocols=["v0", "v1"]))
    assert server.wire[0]["subprotocol"] == "v1"
    server, _ = await said(FIRST, guarded=guarded, scope=websocket_scope(subprotocols=["v0"]))
    assert server.wire[0]["subprotocol"] is None


async def test_a_token_that_is_revoked_while_it_is_verified_is_closed():
    """The window of the verification is covered here too."""

    async def verify(credentials):
        await guarded.connections.revoke(subject="alice")
        return Identity("alice")

    guarded = policy(verify)
    server, app = await said(FIRST, guarded=guarded)
    assert (server.code, app.calls) == (4410, 0)


async def test_an_end_before_the_applications_accept_closes():
    """The client is connected already, so it reads the code; the application gets connect and disconnect."""

    class Slow(Echo):
        async def run(self, receive, send):
            await asyncio.sleep(1)
            await super().run(receive, send)

    guarded, server, app = policy(), FakeServer(), Slow()
    server.client_sends(FIRST)
    task = server.start(WebSocketAuthMiddleware(app, guarded), websocket_scope())
    await turns(20)
    assert (await guarded.connections.revoke(subject="alice")).closed == 1
    await task
    assert server.types() == [ACCEPT, CLOSE]
    assert (server.code, app.types()) == (4410, [CONNECT, DISCONNECT])


def crowd_of(peer, middleware, count, *, says=()):
    crowd = [FakeServer(deaf=True) for _ in range(count)]
    for server in crowd:
        for text in says:
            server.client_sends(text)
    scopes = [websocket_scope(client=(peer(number), 1)) for number in range(count)]
    return crowd, [server.start(middleware, scope) for server, scope in zip(crowd, scopes, strict=True)]


async def test_the_sockets_that_wait_are_capped_and_the_oldest_goes():
    """Five hundred that never say anything do not keep one out that does, as soon as those evicted are gone."""
    guarded = policy(max_pending=100)
    middleware = WebSocketAuthMiddleware(Echo(), guarded)
    crowd, tasks = crowd_of(lambda number: f"198.51.{number % 50}.{number}", middleware, 500)
    await turns(30)
    assert len(middleware._pending) == 200
    assert [server.code for server in crowd] == [4429] * 100 + [None] * 400
    assert [server.status for server in crowd[200:]] == [429] * 300
    for server in crowd[:100]:
        server._put({"type": DISCONNECT, "code": 1005})
    await turns(10)
    assert len(middleware._pending) == 100
    _, app = await said(FIRST, guarded=guarded)
    assert app.calls == 1
    await asyncio.wait(tasks)
    assert {server.code for server in crowd[101:200]} == {4408}
    assert len(middleware._pending) == 0


async def test_the_sockets_that_are_being_verified_are_capped_too():
    """They are accepted and not authenticated, whatever they have said. One peer has a fourth of the places."""

    async def slow(credentials):
        await asyncio.sleep(1)
        return Identity("alice")

    middleware = WebSocketAuthMiddleware(Echo(), policy(slow, max_pending=40))
    crowd, tasks = crowd_of(lambda number: "198.51.100.1", middleware, 50, says=[FIRST])
    await turns(20)
    assert len(middleware._pending) == 20
    assert [server.code for server in crowd[:20]] == [4429] * 10 + [None] * 10
    assert {server.status for server in crowd[20:]} == {429}
    await asyncio.sleep(1)
    await turns(20)
    assert middleware.app.calls == 10
    for server in crowd:
        server.client_leaves()
    await asyncio.wait(tasks)
    assert len(middleware._pending) == 0


async def test_a_first_message_that_was_refused_counts_until_its_socket_is_gone():
    """Its client may go on sending."""
    guarded = policy(max_pending=1)
    middleware = WebSocketAuthMiddleware(Echo(), guarded)
    [server], tasks = crowd_of(lambda number: "198.51.100.1", middleware, 1, says=["{}"])
    await turns(20)
    assert (server.code, len(middleware._pending)) == (4401, 1)
    server._put({"type": DISCONNECT, "code": 1005})
    await asyncio.wait(tasks)
    assert len(middleware._pending) == 0


async def test_a_message_that_comes_as_it_is_evicted_counts():
    """Who said its word in time stays, and no stray error reaches the loop."""
    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
    guarded = policy(max_pending=1)
    app = Echo()
    middleware = WebSocketAuthMiddleware(app, guarded)
    first, second = FakeServer(), FakeServer()
    task = first.start(middleware, websocket_scope())
    await turns()
    other = second.start(middleware, websocket_scope(client=("198.51.100.1", 1)))
    first.client_sends(FIRST)
    await turns(20)
    assert (app.calls, first.types(), errors) == (1, [ACCEPT], [])
    first.client_leaves()
    second.client_leaves()
    await asyncio.wait([task, other])


async def test_two_applications_under_one_policy_share_its_cap():
    """The cap is the policy's, however many routes it guards."""
    guarded = policy(max_pending=1)
    one, two = FakeServer(), FakeServer()
    tasks = []
    for server, client in ((one, "198.51.100.1"), (two, "198.51.100.2")):
        tasks.append(server.start(WebSocketAuthMiddleware(Echo(), guarded), websocket_scope(client=(client, 1))))
        await turns()
    assert (one.code, two.code) == (4429, None)
    two.client_leaves()
    await asyncio.wait(tasks)


async def test_a_query_credential_beside_a_first_message_is_a_handshake_credential():
    """It is read and stripped as ever."""
    guarded = policy(schemes=[named(Query("token"), name="query")])
    scope = websocket_scope(query_string=b"token=bob", origin=PAGE)
    _, app = await knocked(guarded, scope, _leaving())
    assert (scope["query_string"], app.scope["user"].subject) == (b"", "bob")


def _leaving():
    server = FakeServer(deaf=True)
    asyncio.get_running_loop().call_later(1, server.client_leaves)
    return server
