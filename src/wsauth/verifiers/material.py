"""Reading key material: PEM, DER, SSH, certificates, JWKs, joserfc and cryptography keys, secrets.

What is read is always the public part; a private key gives its public one. Nothing here shows a key in an error.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from wsauth.core.errors import ConfigurationError
from wsauth.verifiers import strength
from wsauth.verifiers import thumbprint as thumbprints
from wsauth.verifiers.misplaced import ADDRESS, misplaced

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.serialization import (
        load_der_private_key,
        load_der_public_key,
        load_pem_private_key,
        load_pem_public_key,
        load_ssh_private_key,
        load_ssh_public_key,
    )
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, JWKRegistry, KeySet, OctKey, OKPKey, RSAKey
    from joserfc.jws import JWSRegistry
except ImportError as error:
    raise ConfigurationError('JWTVerifier needs joserfc; run `pip install "wsauth[jwt]"`') from error

if TYPE_CHECKING:
    from joserfc.jwa import JWSAlgModel

Key: TypeAlias = OctKey | RSAKey | ECKey | OKPKey
PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
KEY_SET = KeySet
KeyLike: TypeAlias = str | bytes | Mapping[str, Any] | Key | PublicKey

_PRIVATE = (RSAPrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey)
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_MEMBERS = frozenset(("kty", "crv", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi"))  # RFC 7518 §6, RFC 8037 §2
_MARKERS = (b"-----BEGIN ", b"---- BEGIN ", b"ssh-rsa ", b"ssh-dss ", b"ssh-ed25519 ", b"ecdsa-sha2-")
_LOADERS: tuple[Callable[[bytes], Any], ...] = (
    load_pem_public_key,
    load_der_public_key,
    load_ssh_public_key,
    lambda data: x509.load_pem_x509_certificate(data).public_key(),
    lambda data: x509.load_der_x509_certificate(data).public_key(),
    lambda data: load_pem_private_key(data, password=None),
    lambda data: load_der_private_key(data, password=None),
    lambda data: load_ssh_private_key(data, password=None),
)


@dataclass(frozen=True, slots=True)
class Material:
    """A key as it was found: the bytes of a secret, or a public key of the cryptography library."""

    value: Any = field(repr=False)
    kid: str | None = None
    algorithm: str | None = None
    use: str = "sig"
    operations: Any = None

    @property
    def kind(self) -> str:
        """`secret`, `RSA` or the name of the curve."""
        if isinstance(self.value, bytes):
            return "secret"
        if isinstance(self.value, RSAPublicKey):
            return "RSA"
        if isinstance(self.value, EllipticCurvePublicKey):
            return _CURVES.get(self.value.curve.name, self.value.curve.name)
        return type(self.value).__name__.lstrip("_").removesuffix("PublicKey")


def read(configured: Any) -> Material:
    """Return the material in any form that a key is configured in. Raises ConfigurationError."""
    if isinstance(configured, str):
        configured = configured.encode("utf-8")
    if isinstance(configured, (bytes, bytearray)):
        return Material(_read_text(bytes(configured)))
    if isinstance(configured, Mapping):
        return _described(_read_jwk(configured), configured)
    if isinstance(configured, (OctKey, RSAKey, ECKey, OKPKey)):
        return _described(configured.public_key, _parameters(configured))
    if isinstance(configured, _PRIVATE):
        configured = configured.public_key()
    if isinstance(configured, (RSAPublicKey, EllipticCurvePublicKey, Ed25519PublicKey)):
        return Material(configured)
    raise ConfigurationError(
        f"JWTVerifier: a {type(configured).__name__} is no key; {strength.unwrapping(configured)}"
        "give a secret, a PEM text, a JWK or JWKS('https://…')"
    )


def prepare(value: Any, algorithm: str) -> tuple[Key, JWSAlgModel]:
    """Return the JOSE library's key and algorithm, once the key is strong enough for it."""
    return _import(value, algorithm), JWSRegistry.algorithms[algorithm]


def thumbprint(value: Any) -> str:
    """Return what a key is called that has no name."""
    if isinstance(value, bytes):
        return thumbprints.of_secret(value)
    return thumbprints.of_public(_imported(value).as_dict(private=False))


def _import(value: Any, algorithm: str) -> Key:
    if isinstance(value, bytes):
        strength.check_secret(value, algorithm)
        return OctKey.import_key(value)
    if isinstance(value, RSAPublicKey):
        strength.check_rsa(value.key_size)
    return _imported(value)


def _imported(value: PublicKey) -> Key:
    if isinstance(value, RSAPublicKey):
        return RSAKey.import_key(value)
    return ECKey.import_key(value) if isinstance(value, EllipticCurvePublicKey) else OKPKey.import_key(value)


def _parameters(key: Key) -> Mapping[str, Any]:
    original = key.original_value if isinstance(key.original_value, dict) else {}
    return {**original, **(key.extra_parameters or {})}


def _described(value: Any, jwk: Mapping[str, Any]) -> Material:
    return Material(value, jwk.get("kid"), jwk.get("alg"), jwk.get("use", "sig"), jwk.get("key_ops"))


def _read_text(data: bytes) -> Any:
    """A key where the text is one in any encoding, else the text itself, which is then a secret.

    A public key is so never taken for a secret: an attacker who knows it could sign with it (CVE-2022-29217,
    CVE-2024-33663).
    """
    key = _read_key(data)
    if key is None and (body := _base64(data)) is not None:
        key = _read_key(body)  # PEM without its first and last line
    if key is not None:
        return key
    if any(marker in data for marker in _MARKERS):
        raise ConfigurationError(
            "JWTVerifier: the key looks like PEM or SSH and cannot be read; it may be truncated, or encrypted:"
            " write the public key, `openssl pkey -in key.pem -pubout`"
        )
    if data.lstrip().startswith(b"{") and b'"kty"' in data:
        raise ConfigurationError("JWTVerifier: the key is the text of a JWK; write JWTVerifier(json.loads(key), …)")
    if (found := misplaced(data)) is ADDRESS:
        raise ConfigurationError(
            f"JWTVerifier: the key is {found.what}; to fetch the keys that are published there write"
            " JWTVerifier(JWKS('https://…'), algorithms=['RS256'], …)"
        )
    if found is not None:
        raise ConfigurationError(f"JWTVerifier: the key is {found.what}; {found.instead}")
    return data


def _read_key(data: bytes) -> Any:
    for loader in _LOADERS:
        try:
            key = loader(data)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: encrypted, and no password given
            continue
        return key.public_key() if hasattr(key, "private_bytes") else key
    return None


def _base64(data: bytes) -> bytes | None:
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        return None


def _read_jwk(jwk: Mapping[str, Any]) -> Any:
    """The key of a JWK (RFC 7517), from its public members alone."""
    kty = jwk.get("kty")
    try:
        if kty == "oct":
            return _base64url(jwk["k"])
        if kty == "RSA":
            strength.check_rsa(int.from_bytes(_base64url(jwk["n"])).bit_length())
        members = {name: jwk[name] for name in _PUBLIC_MEMBERS[str(kty)]}
        public = JWKRegistry.import_key({"kty": str(kty), **members}).public_key
        if "d" in jwk and not _belongs(jwk, public):
            raise ConfigurationError(
                f"JWTVerifier: the private and the public part of the {kty} JWK are of two keys; what the one signs the"
                " other does not verify: write the public JWK of the key that signs"
            )
        return public
    except KeyError as error:
        raise ConfigurationError(f"JWTVerifier: the JWK misses, or does not support the value of, {error}") from None
    except (JoseError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"JWTVerifier: the {kty} JWK cannot be read ({type(error).__name__})") from None


def _belongs(jwk: Mapping[str, Any], public: Any) -> bool:
    """Whether the private part is that of the public one."""
    try:
        own = JWKRegistry.import_key({name: jwk[name] for name in _MEMBERS & jwk.keys()}).private_key
    except (JoseError, ValueError, TypeError, AttributeError):  # the library compares them too, for some kinds
        return False
    return isinstance(own, _PRIVATE) and own.public_key() == public


def _base64url(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
