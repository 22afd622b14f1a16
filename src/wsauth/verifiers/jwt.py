"""JSON Web Tokens: a signature, then claims, then an identity (RFC 7519, with the advice of RFC 8725).

The order is fixed: shape and header (`compact`), the keys of its issuer (`issuers`, `keys`, `jwks`), the signature (the
joserfc library), the claims (`claims`). What a token says is read and believed only after its signature.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from wsauth.core.errors import ConfigurationError, InvalidCredentials
from wsauth.core.identity import Identity
from wsauth.core.settings import check_clock
from wsauth.core.verifier import Finding, require_async
from wsauth.verifiers import claims as claims_of
from wsauth.verifiers import compact, issuers, keys
from wsauth.verifiers.jwks import JWKS
from wsauth.verifiers.keys import key_id
from wsauth.verifiers.loading import LoadUser, load, load_again

if TYPE_CHECKING:
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake

__all__ = ["JWKS", "JWTVerifier", "key_id"]


class JWTVerifier:
    """Accepts a JWT whose signature, dates, issuer, audience, type and subject are exactly as configured.

        JWTVerifier(os.environ["JWT_SECRET"], algorithms=["HS256"])
        JWTVerifier(public_pem, algorithms=["RS256"], issuer="https://id.example.com/", audience="chat")
        JWTVerifier(JWKS("https://id.example.com/jwks.json"), algorithms=["ES256"], issuer=..., audience=...)
        JWTVerifier(issuer={"https://a.example": JWKS(...), "https://b.example": pem}, algorithms=["ES256"])

    `key_or_keys` is a secret, a PEM text, a JWK, a JWK Set, a joserfc key, a list of these (rotation: the new key and
    the old one), a mapping of `kid` to key, or a `JWKS` address. Each key serves exactly one of `algorithms`. Weak
    secrets, public keys given as secrets and pairs that do not fit raise ConfigurationError.

    `issuer` is whom the token must name as its `iss`, which then becomes `Identity.issuer`. Several issuers each have their
    own keys, in a mapping; a key or an address of two of them raises ConfigurationError. Names of one issuer, or of tenants
    for all of whom one authority signs, share one key or one `JWKS`: `issuer=["https://a", "a"]`, or a tuple of them in the
    mapping: `issuer={("https://a", "a"): JWKS(...), "https://b": pem}`.

    `exp` and a subject are required. A token with an `aud` is refused unless `audience` names it (RFC 7519 §4.1.3).
    `leeway` allows for clocks that differ, by at most 10 seconds.

    Tokens of other kinds that the same key signed are refused. The header `typ` may be absent, `JWT` or `at+jwt`; with
    `typ="at+jwt"` it must be exactly that. The claims `token_type`, `token_use`, `type`, `typ`, `use` and `purpose`
    must name a kind in `token_type` where they are present, so refresh, ID and password-reset tokens do not pass. The
    default "access" also takes "Bearer", and tokens that name no kind at all. Any other, as in
    `token_type="websocket"`, must be named by the token; several, as in `("access", "service")`, are alternatives.
    Home-made claims that say "refresh", "password_reset" or the like (`kind`, `action`, a flag, a scope alone), and
    claims that only one kind has, refuse unless `token_type` names it: `nonce`, `at_hash` and `c_hash` are of "id",
    `events` of "logout" and "secevent". A token with `cnf` is bound to a key of its client's, which is not asked for here:
    to take it all the same, write "pop". `token_type="id"` takes ID tokens, as Firebase's, which need an `audience`.
    What looks like nothing in particular (an ID token without a `nonce`, a reset link without a type) is told from an
    access token only by `typ="at+jwt"`, where the issuer writes that, or by an `audience` of the API's own.

    `load_user` is an async function of the claims that returns the application's user, or None for an unknown one.
    A user of whom something says that he is inactive (a false `is_active`, a true `disabled`, as an attribute, a key or a
    method: see `wsauth.core.active`) is refused, also when a re-check loads him again. With several issuers it has to
    look at `iss`: each has a subject "1". `subject_claim` names the claim that identifies the user; another one than
    `sub`, such as simplejwt's `user_id`, may be an integer.

    Raises InvalidCredentials for every token that is refused, and VerifierUnavailable where the keys cannot be fetched.
    """

    stateful: ClassVar[bool] = False
    bearer_format: ClassVar[str] = "JWT"

    def __init__(
        self,
        key_or_keys: issuers.Keys | None = None,
        algorithms: Collection[str] = (),
        *,
        issuer: issuers.Issuer | None = None,
        audience: str | Collection[str] | None = None,
        leeway: float = 5,
        load_user: LoadUser | None = None,
        token_type: str | Collection[str] = "access",  # noqa: S107 - a kind of token, not a token
        typ: str | None = None,
        subject_claim: str = "sub",
        clock: Callable[[], float] = time.time,
        max_size: int = compact.MAX_SIZE,
    ) -> None:
        if load_user is not None:
            require_async(load_user, "JWTVerifier: load_user")
        if isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1:
            raise ConfigurationError(f"JWTVerifier: max_size is {max_size!r}; write max_size={compact.MAX_SIZE}")
        self._algorithms = keys.check_algorithms(algorithms)
        self._rules = claims_of.ClaimRules.of(
            audience=audience,
            leeway=leeway,
            token_type=token_type,
            typ=typ,
            subject_claim=subject_claim,
        )
        self._issuers = issuers.load(key_or_keys, issuer, self._algorithms)
        self._keys = self._issuers.sources[0]
        self._load_user = load_user
        if getattr(load_user, "knows_one_issuer", False) and len(self._issuers.names or ()) > 1:
            raise ConfigurationError(
                "JWTVerifier: this load_user takes the subjects of several issuers for those of one; write a function of the"
                ' claims that looks at claims["iss"]'
            )
        if load_user is not None:  # else there is nobody to ask about: a token is not judged twice
            self.recheck = self._recheck
        check_clock("JWTVerifier", clock)
        self._clock = clock
        self._max_size = max_size

    @property
    def algorithms(self) -> tuple[str, ...]:
        return self._algorithms

    @property
    def issuers(self) -> frozenset[str] | None:
        """Whose tokens are accepted; None where that is not pinned."""
        return self._issuers.names

    def __repr__(self) -> str:
        found = ", ".join(
            repr(source) if isinstance(source, JWKS) else str(len(source)) for source in self._issuers.sources
        )
        return f"JWTVerifier(algorithms={list(self._algorithms)}, keys={found})"

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity:
        """Return the identity that the token proves."""
        token = compact.split(credentials.secret, self._max_size)
        algorithm, kid = self._announced(token.header)
        if (source := self._issuers.only) is None:  # the payload says whose key it is, before anybody vouches for it
            source = self._issuers.source(token.open())
        key = _verifying(await source.candidates(algorithm, kid), token)
        payload = token.open()
        issuer = self._issuers.name(payload)
        times = self._rules.check(payload, self._clock())
        subject = self._rules.subject(payload)
        claims = MappingProxyType(payload)
        return Identity(
            subject=subject,
            issuer=issuer,
            token_id=claims_of.token_id(claims),
            key_id=key.id,
            scopes=claims_of.scopes(claims),
            issued_at=times.iat,
            expires_at=times.exp + self._rules.leeway,
            claims=claims,
            user=None if self._load_user is None else await load(self._load_user, claims),
        )

    async def _recheck(self, identities: Sequence[Identity]) -> list[Finding]:
        return await load_again(self._load_user, identities, lambda identity: identity.claims)  # type: ignore[arg-type]

    def _announced(self, header: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return algorithm and `kid` of a token that could be accepted: keys are fetched for no other."""
        algorithm: str = header["alg"]
        if algorithm not in self._algorithms:
            raise InvalidCredentials("header alg is not one of the configured algorithms")
        self._rules.kinds.check_header(header)
        return algorithm, header.get("kid")


def _verifying(candidates: Sequence[keys.VerificationKey], token: compact.Sealed) -> keys.VerificationKey:
    """Return the key that signed the token; refuse what none of them signed."""
    if not candidates:
        raise InvalidCredentials("no configured key has the kid and algorithm of the token")
    for key in candidates:
        if key.verifies(token.signed, token.signature):
            return key
    raise InvalidCredentials("signature does not match")
