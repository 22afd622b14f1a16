"""Django sessions: where the key travels, and whom it proves. The rules are those of `django.contrib.auth.get_user`, except
that a handshake changes nothing: the session is never saved, cycled or flushed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings

from wsauth.core.errors import InvalidCredentials
from wsauth.core.identity import Identity
from wsauth.core.locations import Query, read_cookie, strip_cookie
from wsauth.django import engines
from wsauth.django.database import ask, digest
from wsauth.django.scope import DjangoScope

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The session cookie of the project. Its name is SESSION_COOKIE_NAME, read when it is used."""

    ambient: ClassVar[bool] = True

    @property
    def name(self) -> str:
        name: str = settings.SESSION_COOKIE_NAME
        return name

    def read(self, handshake: Handshake) -> Credentials | None:
        return read_cookie(handshake, self.name)

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        strip_cookie(scope, self.name)


@dataclass(frozen=True, slots=True)
class SessionKeyInQuery(Query):
    """The session key in the query, for WebSockets on a domain that the cookie does not reach.

    Weaker than the cookie: addresses are logged by proxies and kept in histories, and this key is worth as much as the
    password until the session ends. wsauth keeps it out of the application's scope and out of the server's log; a system
    check (wsauth.W001) reminds of the rest. A short-lived token in `Query` needs no such care.
    """

    name: str = "sessionid"


def session_id(session_key: str) -> str:
    """Return what `Identity.session_id` is for this session: `connections.disconnect(session_id=session_id(key))`."""
    return digest(session_key)


class SessionVerifier:
    """Accepts the key of a Django session whose user Django itself would take from it.

    The backend must still be in AUTHENTICATION_BACKENDS, the user be active, and the session's hash match the user's
    password, also with the keys in SECRET_KEY_FALLBACKS. An unknown, deleted or expired session is nobody; a session that
    nobody has logged in to is an anonymous identity with that session. Everything else raises InvalidCredentials.

    `Identity.subject` is the user's primary key as text, `session_id` the SHA-256 of the session key, `expires_at` the
    end of the session where its engine knows it. A session in a signed cookie cannot be ended on the server: a copy is good
    until that end or a change of the password. The database is asked in one hop, twice. Raises VerifierUnavailable where it
    cannot be reached.
    """

    stateful: ClassVar[bool] = True
    framework: ClassVar[DjangoScope] = DjangoScope()

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return await ask(_identify, credentials.secret)


def _identify(key: str) -> Identity | None:
    found = engines.load(key)
    if found is None:
        return None
    session = found.session
    user = _user(session)
    if user is None:
        from django.contrib.auth.models import AnonymousUser

        return Identity.anonymous(user=AnonymousUser(), scope={"session": session})
    return Identity(
        subject=str(user.pk),
        user=user,
        session_id=session_id(key),
        expires_at=found.expires_at,
        scope={"session": session},
    )


def _user(session: Any) -> Any:
    """Return the user who is logged in to the session; None where nobody is. Raise InvalidCredentials otherwise."""
    from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
    from django.core.exceptions import ValidationError

    try:
        stored, backend = session[SESSION_KEY], session[BACKEND_SESSION_KEY]
    except KeyError:
        return None
    if backend not in settings.AUTHENTICATION_BACKENDS:
        raise InvalidCredentials("the backend of the session is not in AUTHENTICATION_BACKENDS any more")
    try:
        user = load_backend(backend).get_user(get_user_model()._meta.pk.to_python(stored))
    except ValidationError:  # the user model had other keys when the session was opened
        user = None
    if user is None or not getattr(user, "is_active", True):
        raise InvalidCredentials("the user of the session is unknown or inactive")
    if hasattr(user, "get_session_auth_hash"):
        _check_hash(session, user)
    return user


def _check_hash(session: Any, user: Any) -> None:
    """Refuse a session that was opened before the password was changed."""
    from django.contrib.auth import HASH_SESSION_KEY
    from django.utils.crypto import constant_time_compare

    stored, current = session.get(HASH_SESSION_KEY) or "", user.get_session_auth_hash()
    if constant_time_compare(stored, current):
        return
    if not stored or not any(constant_time_compare(stored, old) for old in user.get_session_auth_fallback_hash()):
        raise InvalidCredentials("the password was changed since the session was opened")
    # Only in memory, and not marked as modified. channels.auth.get_user(scope) knows no SECRET_KEY_FALLBACKS: it would take
    # the old hash for a changed password and delete the session.
    session._session[HASH_SESSION_KEY] = current
