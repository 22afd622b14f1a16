"""What a token must say before it proves an identity (RFC 7519 §4.1, RFC 8725 §3.8-3.12).

`ClaimRules` holds what is configured and judges one set of claims at a given time. Standard library and core only: it
knows neither keys nor signatures, and serves any verifier that ends up with JWT claims.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from wsauth.core.errors import ConfigurationError, InvalidCredentials
from wsauth.core.reasons import Reason
from wsauth.verifiers.compact import media_type
from wsauth.verifiers.kinds import Kinds

MAX_LEEWAY = 10  # seconds
MAX_TEXT = 255  # characters of a subject or a token id
# NumericDates beyond are taken for this one, the last year that datetime knows: nothing computed from them overflows.
FAR_FUTURE = 253_370_764_800

_SCOPE_CLAIMS = frozenset({"scope", "scp", "scopes"})
_ABSENT = object()
_NO_SCOPES: frozenset[str] = frozenset()  # the same for all: Python makes a new one each time


class Times(NamedTuple):
    """The dates of a token, as POSIX timestamps. `exp` is finite and present."""

    exp: float
    iat: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """The configured expectations. None for audiences means a token without an audience. Who issued it, its key says."""

    audiences: frozenset[str] | None
    leeway: float
    kinds: Kinds
    subject_claim: str

    @classmethod
    def of(
        cls,
        *,
        audience: str | Collection[str] | None,
        leeway: float,
        token_type: str | Collection[str],
        typ: str | None,
        subject_claim: str,
    ) -> ClaimRules:
        """Build the rules from a verifier's arguments. Raises ConfigurationError."""
        if isinstance(leeway, bool) or not isinstance(leeway, (int, float)) or not 0 <= leeway <= MAX_LEEWAY:
            raise ConfigurationError(
                f"JWTVerifier: leeway is {leeway!r}, and may be 0 to {MAX_LEEWAY} seconds; write leeway=5 and keep the"
                " clocks synchronised"
            )
        if not isinstance(subject_claim, str) or not subject_claim.strip():
            raise ConfigurationError('JWTVerifier: subject_claim is the name of a claim; write subject_claim="sub"')
        return cls(
            audiences=None if audience is None else texts(audience, "audience"),
            leeway=float(leeway),
            kinds=Kinds.of(texts(token_type, "token_type"), None if typ is None else media_type(*texts(typ, "typ"))),
            subject_claim=subject_claim,
        )

    def check(self, claims: Mapping[str, Any], now: float) -> Times:
        """Return the dates of claims that are acceptable at `now`; raise InvalidCredentials otherwise."""
        times = self._check_dates(claims, now)
        self._check_audience(claims)
        self.kinds.check(claims)
        return times

    def subject(self, claims: Mapping[str, Any]) -> str:
        """Return the subject as text that is safe in queries, logs and keys."""
        value = claims.get(self.subject_claim)
        if type(value) is int and self.subject_claim != "sub":
            # RFC 7519 §4.1.2: `sub` is a StringOrURI. Private claims, such as simplejwt's user_id, hold numbers too.
            value = str(value)
        return _clean(value, self.subject_claim)

    def _check_dates(self, claims: Mapping[str, Any], now: float) -> Times:
        exp, nbf, iat = _date(claims, "exp"), _date(claims, "nbf"), _date(claims, "iat")
        if exp is None:
            raise InvalidCredentials("claim exp is missing: a connection must end some day")
        # RFC 7519 §4.1.4: "the current date/time MUST be before the expiration date/time".
        if not now < exp + self.leeway:
            raise InvalidCredentials("token has expired", Reason.EXPIRED)
        if nbf is not None and not nbf - self.leeway <= now:
            raise InvalidCredentials("token is not valid yet (nbf)")
        if iat is not None and not iat - self.leeway <= now:
            raise InvalidCredentials("token was issued in the future (iat)")
        return Times(exp, iat)

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        """RFC 7519 §4.1.3: who does not find itself in a present `aud` must reject the token."""
        if self.audiences is None:
            if "aud" in claims:
                raise InvalidCredentials("token is for an audience, and none is configured; write audience=...")
            return
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience
        if not isinstance(audiences, list) or not all(isinstance(name, str) for name in audiences):
            raise InvalidCredentials("claim aud is missing or not a text or list of texts")
        if self.audiences.isdisjoint(audiences):
            raise InvalidCredentials("claim aud does not name the configured audience")


def token_id(claims: Mapping[str, Any]) -> str | None:
    """Return `jti`, or None where there is none. One that is no clean text is refused: nobody could revoke it."""
    return _clean(claims["jti"], "jti") if "jti" in claims else None


def scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes: `scope` (RFC 8693 §4.2), or `scp`, `scopes`; a text with blanks or a list of texts."""
    if _SCOPE_CLAIMS.isdisjoint(claims):
        return _NO_SCOPES
    value = next(claims[name] for name in ("scope", "scp", "scopes") if name in claims)
    names = value.split(" ") if isinstance(value, str) else value if isinstance(value, list) else ()
    return frozenset(name for name in names if isinstance(name, str) and name)


def _clean(value: object, name: str) -> str:
    """Control characters, NUL, lone surrogates and stray blanks break databases, logs and Redis keys, not attackers."""
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable() and value == value.strip():
        return value
    raise InvalidCredentials(f"claim {name} is missing or not a printable text of at most {MAX_TEXT} characters")


def _date(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 §2: a JSON number, which may be fractional), kept within what a float and a date hold."""
    value = claims.get(name, _ABSENT)
    if value is _ABSENT:
        return None
    # type, because a bool is an int to isinstance. NaN and 1e400 are floats; an int may be too big for one until cut.
    if type(value) not in (int, float) or (isinstance(value, float) and not math.isfinite(value)):
        raise InvalidCredentials(f"claim {name} is not a number")
    return float(min(max(value, 0), FAR_FUTURE))


# What a template, an environment or a discovery document leaves in a setting. No token would ever say it.
_NO_NAME = re.compile(
    r"\*|.*://[^/]*\*.*|None|null|undefined|.*(\$\{|\$\(|[{}<>]|%\(|/\.well-known/(jwks\.json|openid-configuration)$).*",
    re.DOTALL,
)


def texts(value: object, name: str) -> frozenset[str]:
    """Return the texts of a setting that takes one or several. Raises ConfigurationError for anything else."""
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, Collection) or not several or not all(isinstance(t, str) and t.strip() for t in several):
        raise ConfigurationError(f"JWTVerifier: {name} is {value!r}; write {name}='...' or a list of such texts")
    for text in several:
        if text != text.strip():
            raise ConfigurationError(f"JWTVerifier: {name} is {text!r}, with blanks around; write {text.strip()!r}")
        if _NO_NAME.fullmatch(text):
            raise ConfigurationError(
                f"JWTVerifier: {name} is {text!r}, which no token says: there are no patterns, and templates are to be"
                f" filled; write {name}= exactly as the tokens have it, or leave it out"
            )
    return frozenset(several)
