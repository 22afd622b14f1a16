"""Keys that verify: each bound to one algorithm when the verifier is built, and picked by name when a token arrives.

RFC 8725 §3.1: "each key MUST be used with exactly one algorithm". So a token never chooses how it is verified; it only
names one of the pairs configured here. Nor does it choose what its key is called: an identity bears the id of the key that
verified. Reading a key from text is in `material`, judging it in `strength`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wsauth.core.errors import ConfigurationError
from wsauth.verifiers import material
from wsauth.verifiers.compact import MAX_KID

if TYPE_CHECKING:
    from joserfc.jwa import JWSAlgModel

    from wsauth.verifiers.material import Key, KeyLike

logger = logging.getLogger("wsauth.jwks")

# The kind of key of each algorithm: RFC 7518 §3.1, RFC 8037 §3.1 (EdDSA), RFC 9864 §2.2 (Ed25519).
KINDS = {
    **dict.fromkeys(("HS256", "HS384", "HS512"), "secret"),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    **dict.fromkeys(("EdDSA", "Ed25519"), "Ed25519"),
}
MAX_KEYS = 16  # a token without a name is tried against each key of its algorithm


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One key with its one algorithm, its name if it has one, and its id: that name, or else its thumbprint."""

    algorithm: str
    kid: str | None
    id: str
    key: Key = field(repr=False)
    model: JWSAlgModel = field(repr=False)

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        return self.model.verify(signed, signature, self.key)


class KeyRing:
    """The keys of one verifier. A token's `kid` only ever selects among them (RFC 7515 §4.1.4: it is a hint)."""

    __slots__ = ("_keys", "_named", "_nameless")

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        self._keys = tuple(keys)
        self._nameless = tuple(key for key in self._keys if key.kid is None)
        self._named: dict[str, list[VerificationKey]] = {}
        for key in self._keys:
            if key.kid is not None:
                self._named.setdefault(key.kid, []).append(key)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def thumbprints(self) -> frozenset[str]:
        return frozenset(key.key.thumbprint() for key in self._keys)

    def candidates(self, algorithm: str, kid: str | None) -> list[VerificationKey]:
        """Return the keys to try: those of that name, else those without a name; for a token without one, all."""
        keys: Sequence[VerificationKey] = self._keys
        if kid is not None:
            keys = self._named.get(kid, self._nameless)
        return [key for key in keys if key.algorithm == algorithm][:MAX_KEYS]


def check_algorithms(algorithms: object) -> tuple[str, ...]:
    """Return the configured algorithms; raise ConfigurationError unless they are a list of known ones."""
    if isinstance(algorithms, str):
        raise ConfigurationError(
            f"JWTVerifier: algorithms is the str {algorithms!r}; write algorithms=[{algorithms!r}]"
        )
    if not isinstance(algorithms, Iterable) or not (names := tuple(dict.fromkeys(algorithms))):
        raise ConfigurationError('JWTVerifier: algorithms is empty; name what the tokens use: algorithms=["RS256"]')
    for name in names:
        if isinstance(name, str) and name.lower() == "none":
            raise ConfigurationError('JWTVerifier: algorithm "none" means unsigned (RFC 8725 §3.2); remove it')
        if name not in KINDS:
            raise ConfigurationError(f"JWTVerifier: unknown algorithm {name!r}; choose from {', '.join(KINDS)}")
    return names


def load(configured: KeyLike | Iterable[KeyLike] | Mapping[str, KeyLike], algorithms: tuple[str, ...]) -> KeyRing:
    """Return the ring of a key, a list, a JWK Set or a mapping of names to keys. Raises ConfigurationError."""
    keys = [_bind(key, algorithms, kid) for kid, key in _named_keys(configured, algorithms)]
    for one, other in _twins(keys):
        raise ConfigurationError(
            f"JWTVerifier: the keys {one.id!r} and {other.id!r} are one key; give it once, or its tokens choose by which"
            " name a revocation finds them"
        )
    if not 1 <= len(keys) <= MAX_KEYS:
        raise ConfigurationError(f"JWTVerifier: found {len(keys)} keys for {_list(algorithms)}; give 1 to {MAX_KEYS}")
    return KeyRing(keys)


def load_published(jwks: Sequence[Mapping[str, Any]], algorithms: tuple[str, ...]) -> KeyRing:
    """Return the usable public keys of a fetched JWK Set. RFC 7517 §5 lets the others be ignored; they are logged."""
    keys = []
    for index, jwk in enumerate(jwks):
        if not _serves(jwk, algorithms):
            continue
        try:
            if "d" in jwk:
                raise ConfigurationError("its private part is public knowledge")
            keys.append(_bind(jwk, algorithms, None))
        except ConfigurationError as error:
            logger.warning("JWK Set: key number %d is ignored: %s", index + 1, error)
    for one, other in _twins(keys):
        logger.warning(
            "JWK Set: the keys %r and %r are one key; its tokens are revoked by the first name", one.id, other.id
        )
        keys[keys.index(other)] = replace(other, id=one.id)
    return KeyRing(keys)


def key_id(key: KeyLike) -> str:
    """Return the `Identity.key_id` of tokens that this key verifies: its `kid`, else its thumbprint (RFC 7638).

    The thumbprint of a secret is a keyed digest of it. Raises ConfigurationError for what is no key. A key that is
    configured in a mapping bears the name that it has there.
    """
    found = material.read(key)
    return _name(found.kid) or material.thumbprint(found.value)


def _named_keys(configured: Any, algorithms: tuple[str, ...]) -> list[tuple[str | None, Any]]:
    if isinstance(configured, Mapping):
        if "kty" in configured:
            return [(None, configured)]
        if isinstance(jwks := configured.get("keys"), list):
            return [(None, jwk) for jwk in jwks if _serves(jwk, algorithms)]
        return list(configured.items())
    if isinstance(configured, material.KEY_SET):
        return [(None, key) for key in configured.keys]
    if isinstance(configured, (list, tuple, set, frozenset)):
        return [(None, key) for key in configured]
    return [(None, configured)]


def _serves(jwk: object, algorithms: tuple[str, ...]) -> bool:
    """Whether a member of a JWK Set is there to verify these algorithms; sets also hold keys for other purposes."""
    if not isinstance(jwk, Mapping) or jwk.get("use", "sig") != "sig":
        return False
    if "key_ops" in jwk and not _verifies(jwk["key_ops"]):
        return False
    kind = {"oct": "secret", "RSA": "RSA"}.get(str(jwk.get("kty")), jwk.get("crv"))
    return any(jwk.get("alg", name) == name and KINDS[name] == kind for name in algorithms)


def _verifies(operations: object) -> bool:
    """Whether the `key_ops` of a JWK (RFC 7517 §4.3) name what its public part does here; a private JWK says "sign"."""
    return isinstance(operations, list) and ("verify" in operations or "sign" in operations)


def _bind(configured: Any, algorithms: tuple[str, ...], kid: str | None) -> VerificationKey:
    """Read one key, settle its algorithm and check its strength."""
    found = material.read(configured)
    if found.use != "sig":
        raise ConfigurationError(f"JWTVerifier: the JWK has use={found.use!r}; give one for signatures (use='sig')")
    if found.operations is not None and not _verifies(found.operations):
        raise ConfigurationError(
            f"JWTVerifier: the JWK has key_ops={found.operations!r}; give one that may verify (key_ops=['verify'])"
        )
    name = _name(kid if kid is not None else found.kid)
    algorithm = _algorithm(found.kind, found.algorithm, algorithms)
    key, model = material.prepare(found.value, algorithm)
    return VerificationKey(algorithm, name, name or material.thumbprint(found.value), key, model)


def _name(kid: object) -> str | None:
    if kid is None or (isinstance(kid, str) and 0 < len(kid) <= MAX_KID):
        return kid
    raise ConfigurationError(f"JWTVerifier: a kid is a text of 1 to {MAX_KID} characters (RFC 7515 §4.1.4)")


def _twins(keys: Sequence[VerificationKey]) -> list[tuple[VerificationKey, VerificationKey]]:
    """The pairs of keys that are one key under two ids."""
    first: dict[str, VerificationKey] = {}
    pairs = [(first.setdefault(key.key.thumbprint(), key), key) for key in keys]
    return [(one, other) for one, other in pairs if one.id != other.id]


def _algorithm(kind: str, named: str | None, algorithms: tuple[str, ...]) -> str:
    """The one algorithm of a key: the one its JWK names, else the only configured one that its kind fits."""
    fitting = [name for name in algorithms if KINDS[name] == kind and named in (None, name)]
    if len(fitting) == 1:
        return fitting[0]
    key = "a secret" if kind == "secret" else f"the {kind} public key"
    if fitting:
        raise ConfigurationError(
            f"JWTVerifier: {key} would serve {_list(fitting)}, but each key has one algorithm (RFC 8725 §3.1);"
            f' write algorithms=["{fitting[0]}"], or give the key as a JWK with "alg"'
        )
    usual = [name for name, needed in KINDS.items() if needed == kind]
    fix = f'if the tokens use it, write algorithms=["{named or usual[0]}"]' if usual else "it is not supported"
    clue = f" and alg {named}" if named else ""
    raise ConfigurationError(
        f"JWTVerifier: found {key}{clue}, which fits none of {_list(algorithms)}; {fix}."
        " A public key is never an HMAC secret (CVE-2022-29217)"
    )


def _list(algorithms: Iterable[str]) -> str:
    return ", ".join(algorithms)
