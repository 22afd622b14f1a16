"""What becomes of a simplejwt token that is blacklisted: who could present it, and until when.

Each refresh with rotation blacklists a refresh token, which no socket takes unless the project says so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wsauth.core.errors import InvalidCredentials
from wsauth.django.publishing import one_per_log
from wsauth.revocation.record import HANDSHAKE, MAX_AGE
from wsauth.verifiers import compact, kinds


def blacklisted_until(token: Any) -> float | None:
    """Return how long (POSIX seconds) an OutstandingToken is to be held revoked; None where nobody can present it any more.

    One that cannot be read is held for as long as any record.
    """
    from rest_framework_simplejwt.settings import api_settings as settings

    try:
        claims: Mapping[str, Any] = compact.check(token.token).payload
    except InvalidCredentials:
        return time.time() + MAX_AGE
    if not _is_taken(settings, claims):
        return None
    until = _end(settings, claims) + _seconds(settings.LEEWAY) + HANDSHAKE
    return until if until > time.time() + HANDSHAKE else None


def _is_taken(settings: Any, claims: Mapping[str, Any]) -> bool:
    """Whether simplejwt takes such a token for authentication, or another verifier of this process does."""
    if settings.TOKEN_TYPE_CLAIM is None or settings.TOKEN_TYPE_CLAIM not in claims:
        return True
    kind = claims[settings.TOKEN_TYPE_CLAIM]
    one_per_log()  # which imports the policy, and so makes its verifiers
    return kind in {each.token_type for each in settings.AUTH_TOKEN_CLASSES} | kinds.taken


def _end(settings: Any, claims: Mapping[str, Any]) -> float:
    """The end of a token. A sliding one can have been given later ones since, under the same id."""
    end = claims.get("exp", 0.0)
    refreshed = claims.get(settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM)
    later = 0.0 if refreshed is None else refreshed + _seconds(settings.SLIDING_TOKEN_LIFETIME)
    return float(max(end, later))


def _seconds(span: timedelta | float) -> float:
    return span.total_seconds() if isinstance(span, timedelta) else float(span)
