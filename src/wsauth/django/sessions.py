"""Django sessions: where the key travels, and whom it proves. The rules are those of `django.contrib.auth.get_user`, except
that a handshake changes nothing: the session is never saved, cycled or flushed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django.conf import settings

from wsauth.core.errors import InvalidCredentials
from wsauth.core.identity import Identity
from wsauth.core.locations import Query, read_cookie, strip_cookie
from wsauth.core.reasons import Reason
from wsauth.django import engines
from wsauth.django.database import ask, digest
from wsauth.django.logins import users_of
from wsauth.django.lookups import Fresh
from wsauth.django.places import ANYWHERE, Place
from wsauth.django.scope import DjangoScope
from wsauth.django.together import Together
from wsauth.django.users import rechecked
from wsauth.verifiers.recheck import failed

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake
    from wsauth.core.verifier import Finding


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
    until that end or a change of the password. The database is asked twice in one hop, for all handshakes that arrive
    meanwhile. Raises VerifierUnavailable where it cannot be reached.
    """

    stateful: ClassVar[bool] = True
    framework: ClassVar[DjangoScope] = DjangoScope()

    def __init__(self) -> None:
        self._together: Together[str, Identity | None] = Together(identify_many, engines.place)

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return await self._together.ask(credentials.secret) if engines.can_be_key(credentials.secret) else None

    async def recheck(self, identities: Sequence[Identity]) -> list[Finding]:
        """Look the sessions and their users up again. A session keeps what the application did to its data in memory.

        An anonymous identity stays as it is: it proved nothing that could end. Raises VerifierUnavailable.
        """
        return await rechecked(identities, self._recheck)

    async def _recheck(self, identities: Sequence[Identity], place: Place) -> list[Finding]:
        keys = [_key(identity) for identity in identities]
        asked = list(dict.fromkeys(key for key in keys if key is not None))
        answers = await ask(_find, asked, place)
        found: dict[str | None, _Found | Exception | None] = dict(zip(asked, answers, strict=True))
        fresh, now = Fresh(), time.time()
        return [
            identity if identity.is_anonymous else _as_of_now(identity, found.get(key), fresh, now)
            for identity, key in zip(identities, keys, strict=True)
        ]


class _Found(NamedTuple):
    """A session and who is logged in to it, if anybody is."""

    session: Any
    expires_at: float | None
    user: Any


class _Proved(NamedTuple):
    """Whom a session named when it was verified, and its end then, whatever a subclass has made of that."""

    subject: str
    expires_at: float | None


def identify_many(keys: Sequence[str], place: Place = ANYWHERE) -> list[Identity | Exception | None]:
    """Say for each key what `verify` says: the identity, None for no session, or what it raises. Call it by `ask`.

    Each has a session and a user of its own, also where a key comes twice. All are read in two queries: sessions, users.
    """
    return [_identity(found) if isinstance(found, _Found) else found for found in _find(keys, place)]


def _find(keys: Sequence[str], place: Place) -> list[_Found | Exception | None]:
    sessions_in, users_in = place
    loaded = engines.load_many(keys, sessions_in)
    users = iter(users_of([found.session for found in loaded if isinstance(found, engines.Loaded)], users_in))
    return [_found(found, next(users)) if isinstance(found, engines.Loaded) else found for found in loaded]


def _found(loaded: engines.Loaded, user: Any) -> _Found | Exception:
    return user if isinstance(user, Exception) else _Found(*loaded, user)


def _identity(found: _Found) -> Identity:
    if found.user is None:
        from django.contrib.auth.models import AnonymousUser

        found.session.wsauth_proved = _Proved("", None)
        return Identity.anonymous(user=AnonymousUser(), scope={"session": found.session})
    subject = str(found.user.pk)
    found.session.wsauth_proved = _Proved(subject, found.expires_at)
    return Identity(
        subject=subject,
        user=found.user,
        session_id=session_id(found.session.session_key),
        expires_at=found.expires_at,
        scope={"session": found.session},
    )


def _key(identity: Identity) -> str | None:
    """The key of the session that the identity holds; None where the application has flushed it, or nobody is logged in."""
    session = identity.scope.get("session")
    key: str | None = None if identity.is_anonymous or session is None else session.session_key
    return key


def _as_of_now(identity: Identity, found: _Found | Exception | None, fresh: Fresh, now: float) -> Finding:
    if isinstance(found, Exception):
        return failed(found)
    if found is None:
        expired = identity.expires_at is not None and identity.expires_at <= now
        return InvalidCredentials("the session has ended", Reason.EXPIRED if expired else Reason.REVOKED)
    session = identity.scope["session"]
    proved = getattr(session, "wsauth_proved", _Proved(identity.proven_subject, identity.expires_at))
    if not proved.subject and found.user is None:
        return identity  # nobody was logged in to the session, and a subclass has made somebody of its visitor
    if identity.proven_subject != proved.subject:
        identity = replace(identity, proven_subject=proved.subject)
    expires_at = _end(identity, proved, found)
    session.wsauth_proved = _Proved(proved.subject, found.expires_at)
    return fresh.identity(identity, found.user, "nobody is logged in to the session any more", expires_at=expires_at)


def _end(identity: Identity, proved: _Proved, found: _Found) -> float | None:
    """The end of the session as it is now; the identity's own, where a subclass has set an earlier one."""
    own = None if identity.expires_at == proved.expires_at else identity.expires_at
    return min((end for end in (own, found.expires_at) if end is not None), default=None)
