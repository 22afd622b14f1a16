"""Keys belong to their issuer (RFC 8725 §3.8): which of them may have signed what a token says who issued it.

A token's `iss` only ever selects among the configured issuers. Its signature then proves it, as no other issuer has the key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from wsauth.core.errors import ConfigurationError, InvalidCredentials
from wsauth.verifiers import keys
from wsauth.verifiers.claims import texts
from wsauth.verifiers.jwks import JWKS

if TYPE_CHECKING:
    from wsauth.verifiers.material import KeyLike

Keys: TypeAlias = "KeyLike | Iterable[KeyLike] | Mapping[str, KeyLike] | JWKS"
Issuer: TypeAlias = (
    "str | Collection[str] | Mapping[str, Keys] | Mapping[tuple[str, ...], Keys] | Mapping[str | tuple[str, ...], Keys]"
)

_FIX = 'write JWTVerifier(issuer={"https://a.example": keys_of_a, "https://b.example": keys_of_b}, algorithms=…)'


class Source:
    """The keys of one issuer: those that are configured, or those that are published at an address."""

    __slots__ = ("_algorithms", "found")

    def __init__(self, configured: Any, algorithms: tuple[str, ...]) -> None:
        self._algorithms = algorithms
        self.found: keys.KeyRing | JWKS
        if isinstance(configured, JWKS):
            configured.check_algorithms(algorithms)
            self.found = configured
        else:
            self.found = keys.load(configured, algorithms)

    @property
    def marks(self) -> frozenset[str]:
        """What tells its keys from those of another source: their thumbprints, or the address where they are."""
        return frozenset([self.found.address]) if isinstance(self.found, JWKS) else self.found.thumbprints

    async def candidates(self, algorithm: str, kid: str | None) -> list[keys.VerificationKey]:
        """Return the keys to try. Raises VerifierUnavailable where they cannot be fetched."""
        if not isinstance(self.found, JWKS):
            return self.found.candidates(algorithm, kid)
        if algorithm not in self._algorithms:  # nothing is fetched for it
            return []
        return (await self.found.ring(self._algorithms, kid)).candidates(algorithm, kid)


class Issuers:
    """The sources of one verifier, by issuer. `names` is None where any may have issued a token, `only` the one source."""

    __slots__ = ("_by_name", "names", "only")

    def __init__(self, by_name: Mapping[str, Source], anybody: Source | None = None) -> None:
        self._by_name = dict(by_name)
        self.names = frozenset(by_name) if anybody is None else None
        found = {anybody} if anybody is not None else set(by_name.values())
        self.only = found.pop() if len(found) == 1 else None

    def name(self, claims: Mapping[str, Any]) -> str | None:
        """Return the issuer that the claims name, if that is pinned. Raises InvalidCredentials for another."""
        if self.names is None:
            return None
        name = claims.get("iss")
        if not isinstance(name, str) or name not in self.names:
            raise InvalidCredentials("claim iss is not the configured issuer")
        return name

    def source(self, claims: Mapping[str, Any]) -> Source:
        """Return the keys of the issuer that the claims name. Raises InvalidCredentials for another."""
        return self._by_name[self.name(claims) or ""]

    @property
    def sources(self) -> tuple[keys.KeyRing | JWKS, ...]:
        """Each once, where issuers share them."""
        every = self._by_name.values() if self.only is None else [self.only]
        return tuple(dict.fromkeys(source.found for source in every))


def load(configured: Any, issuer: Any, algorithms: tuple[str, ...]) -> Issuers:
    """Return the issuers of a verifier's first argument and its `issuer`. Raises ConfigurationError."""
    if isinstance(issuer, Mapping):
        return _load_each(configured, issuer, algorithms)
    if isinstance(configured, Mapping) and _is_by_issuer(configured):
        raise ConfigurationError(f"JWTVerifier: the names of the keys are those of issuers; {_FIX}")
    source = Source(configured, algorithms)
    if issuer is None:
        return Issuers({}, source)
    names = texts(issuer, "issuer")
    if len(names) > 1 and not isinstance(source.found, JWKS) and len(source.found) > 1:
        raise ConfigurationError(
            f"JWTVerifier: {len(source.found)} keys are given for {len(names)} issuers, and each could sign as another"
            f" (RFC 8725 §3.8); {_FIX}"
        )
    return Issuers(dict.fromkeys(names, source))


def _load_each(configured: Any, issuer: Mapping[Any, Any], algorithms: tuple[str, ...]) -> Issuers:
    """The keys of each issuer. One that has several names is a tuple of them: whoever holds its keys writes them all."""
    if configured is not None:
        raise ConfigurationError(f"JWTVerifier: keys are given beside those of the issuers; {_FIX}")
    if not issuer:
        raise ConfigurationError(f"JWTVerifier: issuer is {{}}; {_FIX}")
    sources = {names: _source(found, algorithms) for names, found in issuer.items()}
    _check_nothing_is_shared(sources)
    by_name: dict[str, Source] = {}
    for names, source in sources.items():
        for name in texts(names, "issuer"):
            if by_name.setdefault(name, source) is not source:
                raise ConfigurationError(f"JWTVerifier: the issuer {name!r} is named twice; {_FIX}")
    return Issuers(by_name)


def _check_nothing_is_shared(sources: Mapping[Any, Source]) -> None:
    """Raise ConfigurationError where one key, or one address of keys, is that of two issuers."""
    owners: dict[str, Any] = {}
    for names, source in sources.items():
        for mark in source.marks:
            if (owner := owners.setdefault(mark, names)) is not names:
                both = (*texts(owner, "issuer"), *texts(names, "issuer"))
                raise ConfigurationError(
                    f"JWTVerifier: the issuers {owner!r} and {names!r} have a key in common, or the address of their keys:"
                    " each could sign as the other (RFC 8725 §3.8). Give each its own; where they are names of one that"
                    f" signs for all of them, write issuer={{{both!r}: keys}}"
                )


def _source(configured: Any, algorithms: tuple[str, ...]) -> Source:
    """One issuer may publish its keys where another shares a secret: no secret is published."""
    published = tuple(name for name in algorithms if keys.KINDS[name] != "secret")
    return Source(configured, published if published and isinstance(configured, JWKS) else algorithms)


def _is_by_issuer(configured: Mapping[Any, Any]) -> bool:
    """Whether a mapping that should name keys by their `kid` names issuers."""
    named = not {"kty", "keys"} & configured.keys()
    return named and any("://" in str(name) or isinstance(key, JWKS | list) for name, key in configured.items())
