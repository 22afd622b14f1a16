"""The signed cookie of Starlette's SessionMiddleware."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner
from starlette.datastructures import Secret

from wsauth.core import strict_json
from wsauth.core.errors import ConfigurationError, InvalidCredentials
from wsauth.core.identity import Identity
from wsauth.core.locations import Cookie
from wsauth.core.reasons import Reason
from wsauth.core.verifier import Finding, require_async
from wsauth.verifiers import strength
from wsauth.verifiers.loading import LoadUser, load, load_again

if TYPE_CHECKING:
    from wsauth.asgi.connection import Connection
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake


@dataclass(frozen=True, slots=True)
class SessionCookie(Cookie):
    """The cookie of SessionMiddleware; `name` is its `session_cookie`."""

    name: str = "session"


class SessionScope:
    """Puts `session` where Starlette looks for it: an empty one, unless a session cookie decided."""

    def anonymous(self) -> Identity:
        return Identity.anonymous()

    def allowed_hosts(self) -> Iterable[str] | None:
        return None

    def entries(self, connection: Connection, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"session": connection.identity.scope.get("session", {})}


class SessionVerifier:
    """Verifies the cookie that SessionMiddleware signed with the same `secret_key`.

    `subject` is the key under which the login stored the user's id: `request.session["user_id"] = user.id`. A session
    without it is nobody's. `max_age` (seconds) must be SessionMiddleware's. `load_user` is an async function of the session;
    its result is `Identity.user`, and None or an inactive user refuses, also at each re-check. The session lives in the
    signed cookie: a socket reads it, and cannot change it. A secret key that anybody could guess raises ConfigurationError.
    """

    framework = SessionScope()

    def __init__(
        self,
        secret_key: object,
        *,
        subject: str = "user_id",
        max_age: int | None = 14 * 24 * 3600,
        load_user: LoadUser | None = None,
    ) -> None:
        if not isinstance(secret_key, Secret) and (instead := strength.unwrapping(secret_key)):
            raise ConfigurationError(
                f"SessionVerifier: a {type(secret_key).__name__} is no secret key; {instead}the str of SessionMiddleware"
            )
        strength.check_long(str(secret_key).encode("utf-8", "surrogatepass"), "SessionVerifier")
        if load_user is not None:
            require_async(load_user, "SessionVerifier(load_user=...)")
            self.recheck = self._recheck  # else there is nobody to ask about
        if not isinstance(subject, str) or not subject:
            raise ConfigurationError(
                f"SessionVerifier(subject={subject!r}): write the key of the session that holds the user's id, as"
                ' subject="user_id"'
            )
        if max_age is not None and (isinstance(max_age, bool) or not isinstance(max_age, int) or max_age < 1):
            raise ConfigurationError(
                f"SessionVerifier(max_age={max_age!r}): write seconds, those of SessionMiddleware, or None where it has none"
            )
        self._signer = TimestampSigner(str(secret_key))
        self._subject = subject
        self._max_age = max_age
        self._load_user = load_user

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        session, signed_at = self._unsign(credentials.secret)
        user_id = session.get(self._subject)
        if user_id is None or user_id == "":
            return Identity.anonymous(scope={"session": session})
        if isinstance(user_id, bool) or not isinstance(user_id, str | int):
            raise InvalidCredentials(f"the session's {self._subject!r} is a {type(user_id).__name__}, not an id")
        return Identity(
            subject=str(user_id),
            user=None if self._load_user is None else await load(self._load_user, session),
            issued_at=signed_at,
            expires_at=None if self._max_age is None else signed_at + self._max_age,
            scope={"session": session},
        )

    async def _recheck(self, identities: Sequence[Identity]) -> list[Finding]:
        return await load_again(self._load_user, identities, _session)  # type: ignore[arg-type]

    def _unsign(self, cookie: str) -> tuple[dict[str, Any], float]:
        try:
            data, signed = self._signer.unsign(cookie, max_age=self._max_age, return_timestamp=True)
            session = strict_json.loads(b64decode(data, validate=True).decode("utf-8"))
        except SignatureExpired:
            raise InvalidCredentials("the session has expired", Reason.EXPIRED) from None
        except (BadSignature, binascii.Error, ValueError):
            raise InvalidCredentials("the session cookie is not signed with this secret key") from None
        if not isinstance(session, dict):
            raise InvalidCredentials("the session is not a JSON object")
        return session, signed.timestamp()


def _session(identity: Identity) -> Mapping[str, Any]:
    session: Mapping[str, Any] = identity.scope.get("session", {})
    return session
