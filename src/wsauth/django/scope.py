"""What Django's and Channels' own code finds in the scope: `user`, `session`, `cookies`, all of the identity that decided.

No query and no thread hop happens here: what needed one was loaded while the credential was verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http.cookie import parse_cookie
from django.utils.functional import LazyObject

from wsauth.core.identity import Identity
from wsauth.core.locations import strip_cookie
from wsauth.django import recheck_thread, session_ends
from wsauth.django.engines import session_store

if TYPE_CHECKING:
    from wsauth.asgi.connection import Connection

LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")


class DjangoScope:
    """Puts the identity where consumers, `channels.auth` and Django's own code look for it."""

    def anonymous(self) -> Identity:
        from django.contrib.auth.models import AnonymousUser

        return Identity.anonymous(user=AnonymousUser())

    def allowed_hosts(self) -> Iterable[str]:
        """Return the ALLOWED_HOSTS of the settings, as `HttpRequest.get_host` reads them; read at each call."""
        hosts: Iterable[str] = settings.ALLOWED_HOSTS
        return LOCAL_HOSTS if settings.DEBUG and not hosts else hosts

    async def before_recheck(self) -> None:
        """Let the project's own code look in the thread of the re-checks too."""
        await recheck_thread.enter()

    def entries(self, connection: Connection, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `user`, `session` and `cookies`.

        The session is the one that decided; a connection that a token opened gets an empty one, whatever cookies came
        with it. `flush` on it, which is what `channels.auth.logout` calls, ends the connection and every other one of
        the same session.
        """
        session = connection.identity.scope.get("session")
        if session is None:
            session = empty_session()
        if connection.identity.is_authenticated:
            session_ends.end_with(session, connection)
        child = {"headers": scope.get("headers", ())}
        if connection.identity.is_authenticated and not _decided_by_session(connection):
            strip_cookie(child, settings.SESSION_COOKIE_NAME)
        return {**child, "user": ScopeUser(connection), "session": session, "cookies": cookies(child)}


def _decided_by_session(connection: Connection) -> bool:
    """Whether the session decided, or a token in a cookie of its name: any other session's key is somebody else's."""
    location = connection.scheme.location if connection.scheme is not None else None
    return "session" in connection.identity.scope or getattr(location, "name", None) == settings.SESSION_COOKIE_NAME


class ScopeUser(LazyObject):  # type: ignore[misc]  # Django has no types
    """The user of a connection, looked up at each access: every Channels router copies the scope, and a copy of the user
    would never be seen to change. It compares, hashes and tests as the user itself, and cannot be replaced from inside.
    """

    def __init__(self, connection: Connection) -> None:
        self.__dict__["_connection"] = connection

    @property
    def _wrapped(self) -> Any:
        identity = self.__dict__["_connection"].identity
        return identity if identity.user is None else identity.user

    def __repr__(self) -> str:
        return repr(self._wrapped)


def cookies(scope: Mapping[str, Any]) -> dict[str, str]:
    """Parse the Cookie headers as Django does over HTTP. Several lines are one (RFC 9113 §8.2.3)."""
    lines = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name.lower() == b"cookie"]
    parsed: dict[str, str] = parse_cookie("; ".join(lines))
    return parsed


def empty_session() -> Any:
    return session_store()()
