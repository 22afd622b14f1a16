"""Tokens of djangorestframework-simplejwt, judged by its own code and the project's SIMPLE_JWT settings.

wsauth reads the token strictly before simplejwt sees it, and looks at the user again afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from wsauth.core.errors import InvalidCredentials
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason
from wsauth.django.database import NO_SUCH_ROW, ask
from wsauth.django.scope import DjangoScope
from wsauth.django.users import is_exactly, text_of
from wsauth.verifiers import claims as claims_of
from wsauth.verifiers import compact

if TYPE_CHECKING:
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake


class SimpleJWTVerifier:
    """Accepts the tokens that simplejwt's `JWTAuthentication` accepts, with the settings in SIMPLE_JWT.

    Keys, algorithm, issuer, audience, leeway, claims and fields of the user, AUTH_TOKEN_CLASSES (so refresh tokens are
    refused), CHECK_REVOKE_TOKEN and the blacklist hold as configured. Stricter than simplejwt: irregular tokens, dates
    that are no numbers, user claims that only resemble the user's field, and inactive users, whatever
    CHECK_USER_IS_ACTIVE says, are refused.

    Raises InvalidCredentials, with `Reason.EXPIRED` for a token that was good once. A JWK_URL is fetched by simplejwt, which
    blocks all of Django's database work meanwhile: `UserVerifier(JWTVerifier(JWKS(url), ...))` does not.
    """

    stateful: ClassVar[bool] = False
    bearer_format: ClassVar[str] = "JWT"
    framework: ClassVar[DjangoScope] = DjangoScope()

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity:
        claims = compact.check(credentials.secret).payload
        for name in ("exp", "nbf", "iat"):
            _check_number(claims, name)
        return await ask(_identify, credentials.secret, claims)


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
    user = _user(authentication, token)
    token_id = claims.get(_settings().JTI_CLAIM or "jti")
    return Identity(
        subject=str(user.pk),
        user=user,
        scopes=claims_of.scopes(claims),
        issued_at=claims.get("iat"),
        expires_at=claims["exp"] + token.get_token_backend().get_leeway().total_seconds(),
        token_id=token_id if isinstance(token_id, str) else None,
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
            if settings.TOKEN_TYPE_CLAIM is None or claims.get(settings.TOKEN_TYPE_CLAIM) == kind.token_type:
                return InvalidCredentials("token has expired", Reason.EXPIRED)
        except TokenError:
            continue
    return InvalidCredentials("simplejwt accepts the token as none of AUTH_TOKEN_CLASSES")
