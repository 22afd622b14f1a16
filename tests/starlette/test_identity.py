"""Reading the identity in Starlette and FastAPI."""

import contextlib
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from wsauth import Anonymous, Header, Identity, Policy, Query, SecurityScheme, WebSocketAuthMiddleware
from wsauth.starlette import CurrentIdentity
from wsauth.testing import acting_as, browser_headers


async def by_name(credentials):
    return Identity(credentials.secret, scopes={"read"}) if credentials.secret != "nobody" else None


def policy(**options):
    return Policy([SecurityScheme("name", Query("name"), by_name)], **options)


def fastapi_app(guarded_by):
    app = FastAPI()
    if guarded_by is not None:
        app.add_middleware(WebSocketAuthMiddleware, policy=guarded_by)

    @app.websocket("/me")
    async def me(websocket: WebSocket, me: CurrentIdentity):
        await websocket.accept()
        await websocket.send_json([me.subject, me.scheme, websocket.user.display_name, websocket.auth.scopes])
        await websocket.close()

    @app.websocket("/members")
    async def members(websocket: WebSocket, me: CurrentIdentity):
        raise HTTPException(403)

    @app.get("/http")
    async def http(me: CurrentIdentity): ...

    return app


def test_an_annotated_parameter_receives_the_identity():
    """`me: CurrentIdentity` in a FastAPI route is who the policy admitted, and Starlette's own attributes agree."""
    client = TestClient(fastapi_app(policy()))
    with client.websocket_connect("/me?name=alice") as socket:
        assert socket.receive_json() == ["alice", "name", "alice", ["authenticated", "read"]]


def test_a_dependency_that_needs_a_scope_can_build_on_identity():
    """It composes like any other dependency."""
    app = FastAPI()
    app.add_middleware(WebSocketAuthMiddleware, policy=policy())

    async def reader(me: CurrentIdentity) -> str:
        return me.subject

    @app.websocket("/")
    async def route(websocket: WebSocket, name: Annotated[str, Depends(reader)]):
        await websocket.accept()
        await websocket.send_text(name)

    with TestClient(app).websocket_connect("/?name=alice") as socket:
        assert socket.receive_text() == "alice"


def test_a_route_without_a_policy_says_which_line_is_missing():
    """A forgotten middleware is an error, not an anonymous user."""
    with (
        pytest.raises(RuntimeError, match=r"add_middleware\(WebSocketAuthMiddleware, policy=policy\)"),
        TestClient(fastapi_app(None)).websocket_connect("/me"),
    ):
        pass


def test_an_http_route_says_that_wsauth_guards_websockets():
    """The dependency refuses to be used where the middleware does not decide."""
    with pytest.raises(RuntimeError, match="HTTP route"):
        TestClient(fastapi_app(policy())).get("/http")


def test_a_refused_client_gets_http_and_a_page_gets_a_code():
    """The application is not called; a page of this host reads 4401, everyone else 401."""
    client = TestClient(fastapi_app(policy()))
    with pytest.raises(WebSocketDenialResponse) as answer, client.websocket_connect("/me?name=nobody"):
        pass
    assert answer.value.status_code == 401
    with (
        client.websocket_connect("/me?name=nobody", headers=browser_headers()) as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_text()
    assert closed.value.code == 4401


def test_an_http_exception_before_accept_reaches_the_page_as_a_code():
    """The application's own refusal is delivered like the policy's."""
    client = TestClient(fastapi_app(policy()))
    with (
        client.websocket_connect("/members?name=alice", headers=browser_headers()) as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_text()
    assert closed.value.code == 4403
    with pytest.raises(WebSocketDenialResponse) as answer, client.websocket_connect("/members?name=alice"):
        pass
    assert answer.value.status_code == 403


@pytest.mark.parametrize(("scope", "connects"), [("authenticated", True), ("read", True), ("write", False)])
def test_requires_reads_what_the_policy_granted(scope, connects):
    """Starlette's `@requires` works with the identity's scopes."""

    @requires(scope)
    async def endpoint(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_text("in")

    app = WebSocketAuthMiddleware(Starlette(routes=[WebSocketRoute("/", endpoint)]), policy())
    client = TestClient(app)
    if connects:
        with client.websocket_connect("/?name=alice") as socket:
            assert socket.receive_text() == "in"
    else:
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/?name=alice"):
            pass


def test_a_mounted_app_can_have_a_policy_of_its_own():
    """Around a mounted app a policy guards that app only; http routes beside and inside it stay as they are."""

    async def open_to_all(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_text("open")

    async def guarded(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_text(websocket.user.subject)

    async def page(request):
        from starlette.responses import PlainTextResponse

        return PlainTextResponse("page")

    inner = Starlette(routes=[WebSocketRoute("/ws", guarded), Route("/page", page)])
    app = Starlette(
        routes=[WebSocketRoute("/ws", open_to_all), Mount("/guarded", WebSocketAuthMiddleware(inner, policy()))]
    )
    client = TestClient(app)
    with client.websocket_connect("/ws") as socket:
        assert socket.receive_text() == "open"
    with client.websocket_connect("/guarded/ws?name=alice") as socket:
        assert socket.receive_text() == "alice"
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/guarded/ws"):
        pass
    assert client.get("/guarded/page").text == "page"


def test_an_inner_policy_decides_what_an_outer_anonymous_one_left_open():
    """The outer policy admits everyone; the mounted one asks for a credential, although the outer took it from the scope."""
    outer = Policy([SecurityScheme("key", Header("X-API-Key"), by_name)], anonymous=Anonymous.IF_MISSING)

    async def endpoint(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_json([websocket.user.subject, websocket.user.scheme])

    inner = Starlette(routes=[WebSocketRoute("/ws", endpoint)])
    app = Starlette(routes=[WebSocketRoute("/ws", endpoint), Mount("/inner", WebSocketAuthMiddleware(inner, policy()))])
    client = TestClient(WebSocketAuthMiddleware(app, outer))
    with client.websocket_connect("/ws") as socket:
        assert socket.receive_json() == ["", ""]
    with client.websocket_connect("/inner/ws?name=alice") as socket:
        assert socket.receive_json() == ["alice", "name"]
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/inner/ws"):
        pass


def test_a_revoked_subject_is_closed_across_event_loops():
    """TestClient runs each WebSocket on a loop of its own; a revocation from another one reaches it."""
    guarded = policy()
    app = fastapi_app(guarded)

    @app.websocket("/wait")
    async def wait(websocket: WebSocket):
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.receive_text()

    @app.post("/logout")
    async def logout() -> int:
        return (await guarded.connections.revoke(subject="alice")).closed

    client = TestClient(app)
    with client.websocket_connect("/wait?name=alice") as socket:
        assert client.post("/logout").json() == 1
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 4410
    assert len(guarded.connections) == 0


def test_acting_as_somebody_needs_no_credential():
    """In tests a client connects as whoever the block names, and as nobody after it."""
    guarded = policy()
    client = TestClient(fastapi_app(guarded))
    with acting_as(guarded, Identity("zoe")), client.websocket_connect("/me") as socket:
        assert socket.receive_json()[0] == "zoe"
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/me"):
        pass


def test_names_of_the_room_that_do_not_exist_are_attribute_errors():
    """The lazy module still answers like a module."""
    import wsauth.starlette

    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = wsauth.starlette.NoSuchName
