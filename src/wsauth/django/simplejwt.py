"""Tokens of djangorestframework-simplejwt, judged by its own code and the project's SIMPLE_JWT settings.

wsauth reads the token strictly before simplejwt sees it, and looks at the user again afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings as django_settings

from wsauth.core.errors import InvalidCredentials
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason
from wsauth.django import simplejwt_key
from wsauth.django.database import NO_SUCH_ROW, ask
from wsauth.django.lookups import Fresh, by_text, rows_in
from wsauth.django.places import Place
from wsauth.django.scope import DjangoScope
from wsauth.django.users import is_exactly, rechecked, text_of
from wsauth.verifiers import claims as claims_of
from wsauth.verifiers import compact
from wsauth.verifiers.kinds import ACCESS

if TYPE_CHECKING:
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake
    from wsauth.core.verifier import Finding

REFUSED_NOW = "the user is unknown, inactive, or has changed the password, or the token is blacklisted"


class SimpleJWTVerifier:
    """Accepts the tokens that simplejwt's `JWTAuthentication` accepts, with the settings in SIMPLE_JWT.

    Keys, algorithm, issuer, audience, leeway, claims and fields of the user, AUTH_TOKEN_CLASSES (so refresh tokens are
    refused), CHECK_REVOKE_TOKEN and the blacklist hold as configured. Stricter than simplejwt: irregular tokens, dates
    that are no numbers, user claims that only resemble the user's field, and inactive users, whatever
    CHECK_USER_IS_ACTIVE says, are refused. A signing key that anybody could guess raises ConfigurationError.

    Raises InvalidCredentials, with `Reason.EXPIRED` for a token that was good once. A JWK_URL is fetched by simplejwt, which
    blocks all of Django's database work meanwhile: `UserVerifier(JWTVerifier(JWKS(url), ...))` does not.
    """

    stateful: ClassVar[bool] = False
    bearer_format: ClassVar[str] = "JWT"
    framework: ClassVar[DjangoScope] = DjangoScope()

    def __init__(self) -> None:
        self._is_checked = django_settings.configured
        if self._is_checked:
            simplejwt_key.check()

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity:
        claims = compact.check(credentials.secret).payload
        if not self._is_checked:
            simplejwt_key.check_late()
            self._is_checked = True
        for name in ("exp", "nbf", "iat"):
            _check_number(claims, name)
        return await ask(_identify, credentials.secret, claims)

    async def recheck(self, identities: Sequence[Identity]) -> list[Finding]:
        """Look the users up again, and the blacklist where it counts: one query each. Raises VerifierUnavailable."""
        return await rechecked(identities, self._recheck)

    async def _recheck(self, identities: Sequence[Identity], place: Place) -> list[Finding]:
        users = await ask(_users_of, [identity.claims for identity in identities], place)
        fresh = Fresh()
        return [fresh.identity(identity, user, REFUSED_NOW) for identity, user in zip(identities, users, strict=True)]


def _check_number(claims: Mapping[str, Any], name: str) -> None:
    """Refuse a NumericDate that is none (RFC 7519 §2): simplejwt raises for some, and PyJWT reads texts as numbers."""
    value = claims.get(name, None if name == "exp" else 0)  # a connection must end some day
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= claims_of.FAR_FUTURE:
        raise InvalidCredentials(f"claim {name} is missing, not a number, or beyond all dates")


def _identify(raw: str, claims: Mapping[str, Any]) -> Identity:
    from rest_framework_simplejwt.authentication import JWTAuthentication
    from rest_framework_simplejwt.exceptions import AuthenticationFailed

    authentication = JWTAuthentication()
    try:
        token = authentication.get_validated_token(raw.encode("ascii"))
    except AuthenticationFailed:
        raise _refusal(raw, claims) from None
    if _settings().TOKEN_TYPE_CLAIM is None:  # then simplejwt takes any kind of token
        ACCESS.check(claims)
    user = _user(authentication, token)
    backend = token.get_token_backend()
    token_id = claims.get(_settings().JTI_CLAIM or "jti")
    return Identity(
        subject=str(user.pk),
        user=user,
        scopes=claims_of.scopes(claims),
        issued_at=claims.get("iat"),
        expires_at=claims["exp"] + backend.get_leeway().total_seconds(),
        token_id=token_id if isinstance(token_id, str) else None,
        key_id=simplejwt_key.id_of(backend, raw),
        issuer=None if backend.issuer is None else claims.get("iss"),
        claims=MappingProxyType(dict(claims)),
    )


def _settings() -> Any:
    """Return SIMPLE_JWT as simplejwt's own code sees it: it keeps the object that was there when it was imported."""
    from rest_framework_simplejwt import authentication

    return vars(authentication)["api_settings"]


def _user(authentication: Any, token: Any) -> Any:
    from rest_framework_simplejwt.exceptions import AuthenticationFailed

    settings = _settings()
    subject = text_of(token.get(settings.USER_ID_CLAIM))
    if subject is None:
        raise InvalidCredentials(f"claim {settings.USER_ID_CLAIM} is missing or does not name a user")
    try:
        user = authentication.get_user(token)
    except (AuthenticationFailed, *NO_SUCH_ROW):
        user = None
    if user is None or not is_exactly(user, settings.USER_ID_FIELD, subject):
        raise InvalidCredentials("the user is unknown, inactive, or has changed the password")
    return user


def _refusal(raw: str, claims: Mapping[str, Any]) -> InvalidCredentials:
    """Say why simplejwt refused a token. Its own answer does not tell expired from forged, so its classes are asked again.

    They check the signature before the date. The type they look at only later; an expired refresh token is just invalid.
    """
    from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError

    settings = _settings()
    for kind in settings.AUTH_TOKEN_CLASSES:
        try:
            kind(raw.encode("ascii"))
        except ExpiredTokenError:
            if _is_of(kind, claims):
                return InvalidCredentials("token has expired", Reason.EXPIRED)
        except TokenError:
            continue
    return InvalidCredentials("simplejwt accepts the token as none of AUTH_TOKEN_CLASSES")


def _users_of(tokens: Sequence[Mapping[str, Any]], place: Place) -> list[Any]:
    """Return for the claims of each token its user, by the rules of `_user`; None where a fresh token would be refused."""
    from rest_framework_simplejwt.authentication import JWTAuthentication

    settings = _settings()
    field, subjects = settings.USER_ID_FIELD, [text_of(claims.get(settings.USER_ID_CLAIM)) for claims in tokens]
    named = {name for name in subjects if name is not None}
    rows = rows_in(JWTAuthentication().user_model.objects, field, named, place[1])
    users: dict[str | None, Any] = {
        name: user for name, user in by_text(rows, field).items() if user and is_exactly(user, field, name)
    }
    blacklist = _blacklist(tokens)

    def user_of(claims: Mapping[str, Any], name: str | None) -> Any:
        user = users.get(name)
        gone = user is None or _password_changed(user, claims) or _is_blacklisted(claims, blacklist)
        return None if gone else user

    return [user_of(claims, name) for claims, name in zip(tokens, subjects, strict=True)]


def _password_changed(user: Any, claims: Mapping[str, Any]) -> bool:
    from rest_framework_simplejwt.utils import get_md5_hash_password

    settings = _settings()
    stored: str | None = claims.get(settings.REVOKE_TOKEN_CLAIM)
    return bool(settings.CHECK_REVOKE_TOKEN) and stored != get_md5_hash_password(user.password)


def _blacklist(tokens: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the ids of the blacklisted among those tokens; nothing is asked where no token class would ask."""
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

    settings = _settings()
    if not any(_asks_blacklist(kind) for kind in settings.AUTH_TOKEN_CLASSES):
        return set()
    ids = {str(claims[settings.JTI_CLAIM]) for claims in tokens if settings.JTI_CLAIM in claims}
    return {row.token.jti for row in rows_in(BlacklistedToken.objects.select_related("token"), "token__jti", ids)}


def _is_blacklisted(claims: Mapping[str, Any], blacklist: set[str]) -> bool:
    """Whether every class that takes tokens of this kind would refuse it for the blacklist. Access tokens know none."""
    settings = _settings()
    if str(claims.get(settings.JTI_CLAIM)) not in blacklist:
        return False
    return all(_asks_blacklist(kind) for kind in settings.AUTH_TOKEN_CLASSES if _is_of(kind, claims))


def _asks_blacklist(kind: Any) -> bool:
    """Whether a token class looks at the blacklist: simplejwt gives it the method where the app is installed."""
    return hasattr(kind, "check_blacklist")


def _is_of(kind: Any, claims: Mapping[str, Any]) -> bool:
    settings = _settings()
    return settings.TOKEN_TYPE_CLAIM is None or claims.get(settings.TOKEN_TYPE_CLAIM) == kind.token_type
