"""What the application's scope says of the identity, and what it no longer says of the credential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsauth.core.handshake import distinct_subprotocols
from wsauth.core.locations import Query, offer_subprotocols, strip_lookalike_cookies

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from wsauth.asgi.connection import Connection
    from wsauth.asgi.types import Scope
    from wsauth.core.identity import Identity
    from wsauth.policy import Policy

KEY = "wsauth"


@dataclass(frozen=True, slots=True)
class Granted:
    """`scope["auth"]`, as Starlette's `@requires` reads it."""

    scopes: list[str]


def hides_query(policy: Policy) -> bool:
    """Whether the policy has credentials in the query, which servers log."""
    return any(isinstance(scheme.location, Query) for scheme in policy.explicit)


def hide_from_server(scope: Scope, policy: Policy) -> None:
    """Take query credentials out of the server's own scope: uvicorn logs its query string when the connection is accepted.

    This is the one change that wsauth makes to the scope it was given; everything else goes into a copy.
    """
    for scheme in policy.explicit:
        if isinstance(scheme.location, Query):
            scheme.strip(scope)


def without_credentials(scope: Scope, connection: Connection) -> dict[str, Any]:
    """Copy the scope for the application without the credentials that its policies know.

    The cookie that decided stays, as the application sees it over HTTP too. One that did not decide goes: another session
    middleware further in would read it, and give a token's connection somebody else's session.
    """
    child = dict(scope)
    handshake, answer = connection.handshake, connection.answer
    assert handshake is not None  # no policy decides after the application has accepted
    assert answer is not None
    if handshake.header(b"cookie"):
        strip_lookalike_cookies(child)
    decided = connection.scheme
    for policy in connection.policies:
        for scheme in policy.schemes:
            if not scheme.ambient or (decided is not None and scheme != decided):
                scheme.strip(child)
    if answer.is_accepted:
        offer_subprotocols(child, answer.offered)
        extensions = child.get("extensions") or {}
        child["extensions"] = {name: value for name, value in extensions.items() if name != "websocket.http.response"}
    elif handshake.offered:
        answer.offered = distinct_subprotocols(child)  # the client's, without its credential
    return child


def for_application(scope: Scope, connection: Connection) -> dict[str, Any]:
    """Copy the scope for the application: the identity in, the credentials out."""
    child = without_credentials(scope, connection)
    identity = connection.identity
    child["auth"] = Granted(_names(identity))
    child["user"] = _user(identity)
    child.update(identity.scope)
    frameworks = {type(found): found for policy in connection.policies if (found := policy.framework) is not None}
    for framework in frameworks.values():
        child.update(framework.entries(connection, child))
    child[KEY] = connection
    return child


def enter(connection: Connection) -> None:
    """Make the scope that the application gets."""
    assert connection.server_scope is not None  # until the application has accepted
    connection.scopes = (for_application(connection.server_scope, connection),)


def refresh(scope: MutableMapping[str, Any], identity: Identity, before: Identity) -> None:
    """Let the scope say what the identity says now, unless something was put there that finds that by itself."""
    granted = scope.get("auth")
    if isinstance(granted, Granted):
        granted.scopes[:] = _names(identity)  # in place, for the copies that routers have made
    if scope.get("user") is _user(before):
        scope["user"] = _user(identity)


def _names(identity: Identity) -> list[str]:
    authenticated = ["authenticated"] if identity.is_authenticated else []
    return [*authenticated, *sorted(identity.scopes)]


def _user(identity: Identity) -> Any:
    return identity if identity.user is None else identity.user
