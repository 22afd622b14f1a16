"""The application's own answer to the handshake: its subprotocol, its refusal, and what a first message makes of them."""

import asyncio
import itertools
import logging

import pytest
from fakes import (
    ACCEPT,
    BODY,
    CLOSE,
    DISCONNECT,
    PAGE,
    SEND,
    START,
    Answers,
    FakeServer,
    IllegalMessage,
    knocked,
    knocking,
    named,
    turns,
    websocket_scope,
)

from wsauth import CloseProfile, FirstMessage, Policy, Subprotocol, WebSocketAuthMiddleware

POLICY = Policy([named()])
PEERS = itertools.count()  # refusals are rationed by peer
FIRST = '{"type": "auth", "token": "alice"}'


async def answered(*messages, origin=None, policy=POLICY, http=True, subprotocols=(), **options):
    """Let the application answer a handshake that is admitted."""
    server = FakeServer(http=http, **options)
    app = Answers(*messages)
    scope = knocking(server, origin=origin, subprotocols=list(subprotocols), client=(f"peer {next(PEERS)}", 1))
    task = server.start(WebSocketAuthMiddleware(app, policy), scope)
    await turns(20)
    server.client_leaves()
    await task
    return server, app


async def answered_after_first_message(*messages, subprotocols=(), offered=(), app=None, leaves=True):
    server = FakeServer()
    app = app or Answers(*messages)
    policy = Policy([named(FirstMessage())], subprotocols=subprotocols)
    server.client_sends(FIRST)
    task = server.start(WebSocketAuthMiddleware(app, policy), websocket_scope(subprotocols=list(offered)))
    await turns(20)
    if leaves:
        server.client_leaves()
    await task
    return server, app


# Refusals


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": CLOSE}, 4403),
        ({"type": CLOSE, "code": None}, 4403),
        ({"type": CLOSE, "code": 1000}, 4403),
        ({"type": CLOSE, "code": 1005}, 4403),
        ({"type": CLOSE, "code": 1006}, 4403),
        ({"type": CLOSE, "code": 1008}, 4403),
        ({"type": CLOSE, "code": 1015}, 4403),
        ({"type": CLOSE, "code": 999}, 4403),
        ({"type": CLOSE, "code": 5000}, 4403),
        ({"type": CLOSE, "code": 4403}, 4403),
        ({"type": CLOSE, "code": 4401}, 4401),
        ({"type": CLOSE, "code": 4001}, 4001),
        ({"type": CLOSE, "code": 3000}, 3000),
        ({"type": START, "status": 403, "headers": []}, 4403),
        ({"type": START, "status": 401, "headers": []}, 4401),
        ({"type": START, "status": 404, "headers": []}, 4403),
    ],
)
async def test_an_applications_refusal_is_readable_to_a_page(message, code):
    """It is accepted and closed with a code of the table, or the application's own; never 1000, and nothing illegal."""
    for server, app in (await answered(message, origin=PAGE), await answered_after_first_message(message)):
        assert server.code == code
        assert server.illegal == []
        assert app.disconnect["code"] == code


@pytest.mark.parametrize(("status", "code"), [(429, 4429), (500, 4503), (503, 4503), (408, 4408)])
async def test_a_status_that_no_page_must_read_stays_http(status, code):
    """A busy application answers with HTTP as it is, and with a close code where a first message was accepted."""
    message = {"type": START, "status": status, "headers": [(b"x-own", b"1")]}
    body = {"type": BODY, "body": b"own"}
    server, _ = await answered(message, body, origin=PAGE)
    assert server.wire == [message, body]
    server, _ = await answered_after_first_message(message, body)
    assert server.code == code


async def test_a_native_client_gets_the_applications_own_response():
    """It can read it, so nothing is changed, however many pieces it has."""
    start = {"type": START, "status": 403, "headers": [(b"x-own", b"1")]}
    bodies = [{"type": BODY, "body": b"a", "more_body": True}, {"type": BODY, "body": b"b"}]
    server, _ = await answered(start, *bodies)
    assert server.wire == [start, *bodies]


async def test_a_native_client_gets_a_listed_code_as_its_status():
    """`close(4401)` before the accept would reach it as 403."""
    server, _ = await answered({"type": CLOSE, "code": 4401})
    assert server.status == 401
    assert server.headers()[b"www-authenticate"] == b"Bearer"


@pytest.mark.parametrize("code", [None, 1000, 4001])
async def test_a_native_client_gets_other_codes_as_the_server_has_them(code):
    """A close before the accept is 403 on every server."""
    message = {"type": CLOSE, "code": code}
    server, _ = await answered(message)
    assert server.wire == [message]
    assert server.status == 403


async def test_without_http_responses_a_close_stays_a_close():
    """And a status, which such a server could not send, becomes one."""
    server, _ = await answered({"type": CLOSE, "code": 4401}, http=False)
    assert server.types() == [CLOSE]
    server, _ = await answered({"type": START, "status": 403, "headers": []}, {"type": BODY, "body": b"x"}, http=False)
    assert server.types() == [CLOSE]
    assert server.illegal == []


async def test_the_body_of_a_translated_response_goes_nowhere():
    """After the close there is nothing, however much the application still has to say."""
    bodies = [{"type": BODY, "body": b"a", "more_body": True}, {"type": BODY, "body": b"b"}]
    start = {"type": START, "status": 403, "headers": []}
    for server, _ in (
        await answered(start, *bodies, origin=PAGE),
        await answered_after_first_message(start, *bodies),
    ):
        assert server.types() == [ACCEPT, CLOSE]
        assert server.illegal == []


async def test_what_follows_a_refusal_goes_nowhere():
    """`self.close()` in `connect` is often followed by `self.accept()`, and by a second close."""
    messages = ({"type": CLOSE, "code": 4403}, {"type": ACCEPT}, {"type": SEND, "text": "x"}, {"type": CLOSE})
    server, _ = await answered(*messages, origin=PAGE)
    assert server.types() == [ACCEPT, CLOSE]
    server, _ = await answered(*messages)
    assert server.types() == [START, BODY]
    assert server.illegal == []


async def test_a_refused_application_hears_of_it_from_a_server_that_is_silent():
    """An application that refuses and waits for its disconnect gets it."""
    _, app = await answered({"type": CLOSE, "code": 4403}, origin=PAGE, wakes=False)
    assert app.disconnect == {"type": DISCONNECT, "code": 4403, "reason": "forbidden"}


async def test_another_task_of_a_refused_application_is_woken():
    """Also where it already waits while another task refuses."""

    class Refuses(Answers):
        async def run(self, receive, send):
            await receive()
            waiting = asyncio.create_task(receive())
            await asyncio.sleep(0)
            await send({"type": CLOSE, "code": 4403})
            await waiting

    server, app = FakeServer(wakes=False), Refuses()
    await server.serve(WebSocketAuthMiddleware(app, POLICY), knocking(origin=PAGE))
    assert app.disconnect["code"] == 4403


async def test_the_codes_of_the_table_follow_the_profile():
    """The application writes the table's codes, and clients see the profile's."""
    policy = Policy([named()], close_profile=CloseProfile({4401: 4003, 4403: 4003}))
    for code in (4401, 4403, 1000):
        server, _ = await answered({"type": CLOSE, "code": code}, origin=PAGE, policy=policy)
        assert server.code == 4003


async def test_the_applications_reason_is_kept_and_cut():
    """Its own words reach the client as far as a close frame holds them."""
    server, _ = await answered({"type": CLOSE, "code": 4403, "reason": "é" * 100}, origin=PAGE)
    assert server.reason == "é" * 61
    server, _ = await answered({"type": CLOSE, "code": 4001, "reason": "members only"}, origin=PAGE)
    assert server.reason == "members only"


async def test_an_application_that_refuses_a_client_that_has_left_is_not_in_the_way():
    """There is nobody to tell."""
    server = FakeServer(deaf=True)

    class Late(Answers):
        async def run(self, receive, send):
            await receive()
            await receive()
            await send({"type": CLOSE, "code": 4403})

    server.client_sends("x")
    server.inbox.pop()
    server.inbox.append({"type": DISCONNECT, "code": 1006})
    await server.serve(WebSocketAuthMiddleware(Late(), POLICY), knocking(origin=PAGE))
    assert server.wire == []


# Subprotocols


async def test_an_accept_passes_as_it_is():
    """Headers, subprotocol and all."""
    message = {"type": ACCEPT, "subprotocol": "chat", "headers": [(b"x-own", b"1")]}
    server, _ = await answered(message, subprotocols=["chat"])
    assert server.wire[0] is message


async def test_a_subprotocol_that_was_not_offered_is_not_answered(caplog):
    """It would fail the connection; the log says so."""
    server, _ = await answered({"type": ACCEPT, "subprotocol": "graphql-ws"}, subprotocols=["chat"])
    assert server.wire[0]["subprotocol"] is None
    assert "did not offer" in caplog.text


BEARER = Policy([named(Subprotocol("bearer"))])


async def _answered_bearer(chosen, offered=("chat", "bearer", "alice")):
    server, app = FakeServer(), Answers({"type": ACCEPT, "subprotocol": chosen, "headers": []})
    task = server.start(WebSocketAuthMiddleware(app, BEARER), websocket_scope(subprotocols=list(offered)))
    await turns(20)
    server.client_leaves()
    await task
    return server.wire[0]["subprotocol"], app


async def test_an_answer_without_a_subprotocol_names_the_marker():
    """Browsers fail a connection whose offer is not answered."""
    assert (await _answered_bearer(None))[0] == "bearer"


async def test_the_applications_own_subprotocol_goes_before_the_marker():
    """What it chooses of the offer is what the client gets; the marker counts as offered."""
    chosen, app = await _answered_bearer("chat")
    assert chosen == "chat"
    assert app.scope["subprotocols"] == ["chat"]
    assert (await _answered_bearer("bearer"))[0] == "bearer"


async def test_the_credential_is_never_answered(caplog):
    """Not even if the application chooses it, though the client did offer it."""
    assert (await _answered_bearer("alice"))[0] == "bearer"
    assert "alice" not in caplog.text


# After a first message


async def test_an_accept_is_absorbed():
    """The client sees one accept, and everything that follows."""
    server, app = await answered_after_first_message({"type": ACCEPT}, {"type": SEND, "text": "x"})
    assert server.types() == [ACCEPT, SEND]
    assert app.types()[0] == "websocket.connect"


async def test_the_subprotocol_is_the_policys_and_the_applications_scope_offers_no_other():
    """The application can only choose what was answered already."""
    message = {"type": ACCEPT, "subprotocol": "v2"}
    server, app = await answered_after_first_message(message, subprotocols=["v2", "v1"], offered=["v1", "v2"])
    assert server.wire[0]["subprotocol"] == "v2"
    assert app.scope["subprotocols"] == ["v2"]
    assert dict(app.scope["headers"])[b"sec-websocket-protocol"] == b"v2"
    assert "websocket.http.response" not in app.scope["extensions"]
    assert server.code is None


async def test_another_subprotocol_is_logged_and_closed(caplog):
    """It cannot be answered any more, and the log says what to write."""
    message = {"type": ACCEPT, "subprotocol": "v1"}
    server, app = await answered_after_first_message(message, subprotocols=["v2"], offered=["v1", "v2"])
    assert server.types() == [ACCEPT, CLOSE]
    assert app.disconnect["code"] == server.code == 4403
    assert "Policy(subprotocols=...)" in caplog.text


async def test_headers_of_an_absorbed_accept_are_dropped_with_a_warning(caplog):
    """They came too late."""
    headers = [(b"set-cookie", b"a=b")]
    server, _ = await answered_after_first_message({"type": ACCEPT, "headers": headers})
    assert server.wire[0]["headers"] == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_a_message_before_the_accept_reaches_nobody():
    """The server would refuse it; wsauth plays the server."""
    server = FakeServer()
    app = Answers({"type": SEND, "text": "too early"})
    server.client_sends(FIRST)
    with pytest.raises(RuntimeError, match=r"websocket.accept or websocket.close first, not websocket.send"):
        await knocked(Policy([named(FirstMessage())]), websocket_scope(), server, app)
    assert server.types() == [ACCEPT]


async def test_a_second_accept_is_the_servers_to_refuse():
    """Only the first one is absorbed."""
    with pytest.raises(IllegalMessage):
        await answered_after_first_message({"type": ACCEPT}, {"type": ACCEPT}, leaves=False)


async def test_an_application_that_returns_without_an_answer_refuses():
    """A server would answer 500; left to itself it would close with 1000, success."""

    class Silent(Answers):
        async def run(self, receive, send):
            await receive()

    server, _ = await answered_after_first_message(app=Silent())
    assert server.code == 4403


async def test_an_application_that_raises_before_its_answer_raises_to_the_server():
    """The server closes with 1011, as for any other failure."""

    class Fails(Answers):
        async def run(self, receive, send):
            raise LookupError("a bug")

    with pytest.raises(LookupError):
        await answered_after_first_message(app=Fails())
