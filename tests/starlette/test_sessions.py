"""The cookie of Starlette's SessionMiddleware."""

import json
from base64 import b64encode
from dataclasses import replace

import pytest
from itsdangerous import TimestampSigner
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from wsauth import (
    Anonymous,
    ConfigurationError,
    Credentials,
    Handshake,
    Identity,
    InvalidCredentials,
    Policy,
    Query,
    Reason,
    SecurityScheme,
    WebSocketAuthMiddleware,
)
from wsauth.starlette import SessionCookie, SessionVerifier
from wsauth.testing import browser_headers

SECRET = "a secret key of the tests, long enough"


async def by_name(credentials):
    return Identity(credentials.secret)


def policy(**options):
    return Policy(
        [
            SecurityScheme("name", Query("name"), by_name),
            SecurityScheme("session", SessionCookie(), SessionVerifier(SECRET)),
        ],
        **options,
    )


def application(guarded, *, session_outside=True):
    async def login(request: Request):
        request.session["user_id"] = 7
        return PlainTextResponse("hello")

    async def visit(request: Request):
        request.session["seen"] = True
        return PlainTextResponse("who are you?")

    async def logout(request: Request):
        request.session.clear()
        return PlainTextResponse("bye")

    async def endpoint(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_json([websocket.user.subject, dict(websocket.session)])
        await websocket.close()

    app = Starlette(
        routes=[
            Route("/login", login),
            Route("/visit", visit),
            Route("/logout", logout),
            WebSocketRoute("/", endpoint),
        ]
    )
    if session_outside:
        return SessionMiddleware(WebSocketAuthMiddleware(app, guarded), SECRET)
    return WebSocketAuthMiddleware(SessionMiddleware(app, SECRET), guarded)


def cookie(session, secret=SECRET):
    return TimestampSigner(secret).sign(b64encode(json.dumps(session).encode())).decode()


async def verify(value, verifier=None):
    return await (verifier or SessionVerifier(SECRET)).verify(Credentials(value), Handshake("/"))


@pytest.mark.parametrize("session_outside", [True, False])
def test_a_page_that_logged_in_connects_as_its_user(session_outside):
    """The login of SessionMiddleware is all it takes, wherever that middleware stands."""
    client = TestClient(application(policy(), session_outside=session_outside))
    client.get("/login")
    with client.websocket_connect("/", headers=browser_headers()) as socket:
        assert socket.receive_json() == ["7", {"user_id": 7}]


@pytest.mark.parametrize("session_outside", [True, False])
def test_a_token_carries_nothing_of_the_session_beside_it(session_outside):
    """Alice's token with Bob's cookie is Alice, with an empty session."""
    client = TestClient(application(policy(), session_outside=session_outside))
    client.get("/login")
    with client.websocket_connect("/?name=alice", headers=browser_headers()) as socket:
        assert socket.receive_json() == ["alice", {}]


def test_without_an_origin_the_session_is_not_read():
    """What sends no Origin is no browser, and a cookie proves nothing then."""
    client = TestClient(application(policy()))
    client.get("/login")
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/"):
        pass


def test_a_session_without_a_user_is_nobody():
    """It is refused, and where the policy admits anonymous clients they keep their session."""
    client = TestClient(application(policy()))
    client.get("/visit")
    with (
        client.websocket_connect("/", headers=browser_headers()) as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_json()
    assert closed.value.code == 4401

    client = TestClient(application(policy(anonymous=Anonymous.IF_MISSING)))
    client.get("/visit")
    with client.websocket_connect("/", headers=browser_headers()) as socket:
        assert socket.receive_json() == ["", {"seen": True}]


def test_after_logout_there_is_no_session():
    """SessionMiddleware removes its cookie, and the next handshake is refused."""
    client = TestClient(application(policy()))
    client.get("/login")
    client.get("/logout")
    with (
        client.websocket_connect("/", headers=browser_headers()) as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_json()
    assert closed.value.code == 4401


FOREIGN = {
    "another secret": lambda: cookie({"user_id": 7}, secret="another secret key"),
    "a truth": lambda: cookie({"user_id": True}),
    "a list": lambda: cookie({"user_id": ["7"]}),
    "no object": lambda: cookie(["user_id"]),
    "null": lambda: "null",
    "nothing": lambda: "",
    "no base64": lambda: TimestampSigner(SECRET).sign(b"not base64!").decode(),
    "two users": lambda: TimestampSigner(SECRET).sign(b64encode(b'{"user_id": 1, "user_id": 2}')).decode(),
    "no text": lambda: TimestampSigner(SECRET).sign(b64encode(b"\xff")).decode(),
    "cut off": lambda: cookie({"user_id": 7})[:-2],
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_a_cookie_that_was_not_signed_so_is_invalid(what):
    """Forged, damaged and oddly filled cookies are refused without an exception of another kind."""
    value = FOREIGN[what]()
    with pytest.raises(InvalidCredentials) as refused:
        await verify(value)
    assert refused.value.reason is Reason.INVALID
    if value and value != "null":
        assert value not in str(refused.value)


async def test_an_old_cookie_has_expired(monkeypatch):
    """`max_age` is enforced, and the connection ends when the cookie does."""
    verifier = SessionVerifier(SECRET, max_age=60)
    old = cookie({"user_id": 7})
    identity = await verify(old, verifier)
    assert identity.expires_at == identity.issued_at + 60
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: int(identity.issued_at) + 61)
    with pytest.raises(InvalidCredentials) as refused:
        await verify(old, verifier)
    assert refused.value.reason is Reason.EXPIRED


async def test_no_max_age_means_no_expiry():
    """As SessionMiddleware(max_age=None)."""
    assert (await verify(cookie({"user_id": 7}), SessionVerifier(SECRET, max_age=None))).expires_at is None


async def test_load_user_names_the_user_and_may_refuse():
    """Its result is the identity's user; neither None nor an inactive user may connect."""

    class Inactive:
        is_active = False

    async def load_user(session):
        return {7: "Seven", 9: Inactive()}.get(session["user_id"])

    verifier = SessionVerifier(SECRET, load_user=load_user)
    assert (await verify(cookie({"user_id": 7}), verifier)).user == "Seven"
    for user_id in (8, 9):
        with pytest.raises(InvalidCredentials):
            await verify(cookie({"user_id": user_id}), verifier)


def test_a_plain_load_user_is_refused_at_construction():
    """It would block the loop, or hand on a coroutine as a user."""
    with pytest.raises(ConfigurationError, match="async def"):
        SessionVerifier(SECRET, load_user=lambda session: session)


def test_a_short_secret_is_refused_and_not_shown():
    """Sessions signed with it can be forged."""
    with pytest.raises(ConfigurationError) as refused:
        SessionVerifier("hunter2")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("subject", [["user", "id"], ("user_id",), b"user_id", None, "", 5, {"user": "id"}])
def test_a_subject_that_is_no_key_is_refused_when_it_is_written(subject):
    """Looking it up would fail for every client."""
    with pytest.raises(ConfigurationError, match=r'SessionVerifier\(subject=.*write .*subject="user_id"'):
        SessionVerifier(SECRET, subject=subject)


@pytest.mark.parametrize("max_age", ["3600", True, 0, -1, 1.5, [60]])
def test_a_max_age_that_is_no_number_of_seconds_is_refused(max_age):
    """It would be compared with at each handshake."""
    with pytest.raises(ConfigurationError, match=r"SessionVerifier\(max_age=.*write seconds"):
        SessionVerifier(SECRET, max_age=max_age)


@pytest.mark.parametrize("user", [{"is_active": False}, {"disabled": True}, False, {}])
async def test_an_inactive_user_is_refused_whatever_stands_for_him(user):
    """A dict of the database as well as an object."""

    async def load_user(session):
        return user

    with pytest.raises(InvalidCredentials):
        await verify(cookie({"user_id": 7}), SessionVerifier(SECRET, load_user=load_user))


async def test_a_user_who_is_deactivated_ends_at_the_next_look():
    """The cookie stays good, and the user is loaded again for each re-check; nobody is asked without `load_user`."""

    async def load_user(session):
        return users[session["user_id"]]

    users = {7: {"is_active": True}}
    verifier = SessionVerifier(SECRET, load_user=load_user)
    identity = await verify(cookie({"user_id": 7}), verifier)
    assert await verifier.recheck([identity]) == [identity]
    users[7] = {"is_active": False}
    (found,) = await verifier.recheck([identity])
    assert found.reason is Reason.REVOKED
    assert not hasattr(SessionVerifier(SECRET), "recheck")


async def test_who_acts_as_another_keeps_him():
    """A subclass that puts in another user is not undone by the re-check of whose session it is."""

    class Impersonating(SessionVerifier):
        async def verify(self, credentials, handshake):
            return replace(await super().verify(credentials, handshake), subject="8", user="bob")

    async def load_user(session):
        return "alice"

    verifier = Impersonating(SECRET, load_user=load_user)
    identity = await verify(cookie({"user_id": 7}), verifier)
    assert await verifier.recheck([identity]) == [identity]
    assert (identity.subject, identity.user) == ("8", "bob")
