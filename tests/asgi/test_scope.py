"""What the application's scope says of the identity, and no longer says of the credential."""

from collections.abc import Mapping
from typing import Any

import pytest
from fakes import PAGE, FakeApplication, FakeServer, named, opened, websocket_scope

from wsauth import Anonymous, Connection, Cookie, FirstMessage, Header, Identity, Policy, Query, Subprotocol
from wsauth.asgi.scope import hide_from_server


def identified(**fields):
    async def verify(credentials):
        return Identity("alice", **fields)

    return verify


async def scope_of(policy, **entries):
    live = await opened(FakeApplication(), policy=policy, **entries)
    live.server.client_leaves()
    await live.over()
    return live.app.scope


async def test_user_is_the_users_object():
    """`scope["user"]` is what the verifier found."""
    user = object()
    scope = await scope_of(Policy([named(verifier=identified(user=user))]))
    assert scope["user"] is user


async def test_user_is_the_identity_where_there_is_no_object():
    """It has what frameworks ask of a user."""
    scope = await scope_of(Policy([named(verifier=identified())]))
    assert scope["user"].is_authenticated
    assert scope["user"].display_name == "alice"


async def test_a_cookie_that_looks_like_the_one_that_decided_is_not_there():
    """What the application reads under the name is what was verified."""
    lines = [(b"cookie", b"key=alice; \xa0key=eve")]
    scope = await scope_of(Policy([named(Cookie("key"))]), key=None, origin=PAGE, headers=lines)
    assert (b"cookie", b"key=alice") in scope["headers"]


async def test_auth_says_authenticated():
    """Starlette's `@requires("authenticated")` reads it there."""
    scope = await scope_of(Policy([named(verifier=identified(scopes={"read", "admin"}))]))
    assert scope["auth"].scopes == ["authenticated", "admin", "read"]


async def test_auth_of_an_anonymous_identity_says_nothing():
    """Nor is it authenticated."""
    scope = await scope_of(Policy([], anonymous=Anonymous.IF_MISSING), key=None)
    assert scope["auth"].scopes == []
    assert not scope["user"].is_authenticated


async def test_the_verifiers_entries_are_there():
    """`Identity.scope` goes into the application's scope."""
    scope = await scope_of(Policy([named(verifier=identified(scope={"session": {"a": 1}}))]))
    assert scope["session"] == {"a": 1}


async def test_the_connection_is_there():
    """For the application's own `end`, and for nested policies."""
    assert isinstance((await scope_of(Policy([named()])))["wsauth"], Connection)


async def test_a_frameworks_entries_win():
    """A framework has its own idea of `user`."""

    class Framework:
        def anonymous(self) -> Identity:
            return Identity.anonymous()

        def allowed_hosts(self):
            return None

        def entries(self, connection: Connection, scope: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"user": f"proxy of {scope['user'].subject}", "session": {}}

    class Verifier:
        framework = Framework()

        async def verify(self, credentials, handshake):
            return Identity("alice")

    scope = await scope_of(Policy([named(verifier=Verifier())]))
    assert (scope["user"], scope["session"]) == ("proxy of alice", {})


async def test_every_explicit_credential_is_out():
    """The one that decided, and whatever else the policy knows."""
    policy = Policy([named(), named(Query("token"), name="q"), named(Subprotocol("bearer"), name="s")])
    scope = await scope_of(policy, query_string=b"a=1", subprotocols=["chat"])
    assert (scope["query_string"], scope["subprotocols"]) == (b"a=1", ["chat"])
    assert b"x-key" not in dict(scope["headers"])


async def test_cookies_stay():
    """The application sees the same ones over HTTP."""
    scope = await scope_of(Policy([named()]), headers=[(b"cookie", b"a=b")])
    assert (b"cookie", b"a=b") in scope["headers"]


async def test_state_and_other_entries_are_the_servers_own_objects():
    """`state` in particular is shared with the lifespan."""
    state = {"pool": object()}
    assert (await scope_of(Policy([named()]), state=state))["state"] is state


async def test_extensions_stay_unless_a_first_message_was_accepted():
    """Nobody can answer an accepted handshake with HTTP."""
    extensions = {"websocket.http.response": {}, "tls": {"version": 1}}
    assert (await scope_of(Policy([named()]), extensions=extensions))["extensions"] is extensions
    policy = Policy([named(FirstMessage())])
    server = FakeServer()
    server.client_sends('{"type": "auth", "token": "alice"}')
    live = await opened(FakeApplication(), server, policy, key=None, extensions=extensions)
    assert live.app.scope["extensions"] == {"tls": {"version": 1}}
    assert len(extensions) == 2
    live.server.client_leaves()
    await live.over()


@pytest.mark.parametrize(
    "query", [b"token=s3cret", b"a=1&token=s3cret&b=2", b"%74oken=s3cret", b"token=a&token=s3cret"]
)
def test_the_query_credential_is_hidden_from_the_servers_log(query):
    """Uvicorn logs its own scope's query string when the connection is accepted."""
    scope = websocket_scope(query_string=query)
    hide_from_server(scope, Policy([named(Query("token")), named(Header("authorization"), name="b")]))
    assert b"s3cret" not in scope["query_string"]
