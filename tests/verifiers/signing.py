"""Making tokens, good and hostile, with a key that the test owns. Nothing here checks anything."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from wsauth.core.credentials import Credentials
from wsauth.core.errors import InvalidCredentials
from wsauth.core.handshake import Handshake
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason
from wsauth.verifiers.jwt import JWTVerifier

NOW = 1_800_000_000
SECRET = b"Zk3vQ9xT1mB7rL5wY2uN8cH4jD6fG0sA-Xe_Pq.Ro,Iv;Kt:Ub!Md@Wn#Ca$Fy%Hl"
RSA = generate_rsa(65537, 2048)
EC = generate_private_key(SECP256R1())
ED = Ed25519PrivateKey.generate()
KEYS: dict[str, Any] = {
    **dict.fromkeys(("HS256", "HS384", "HS512"), OctKey.import_key(SECRET)),
    **dict.fromkeys(("RS256", "RS384", "PS256", "PS512"), RSAKey.import_key(RSA)),
    "ES256": ECKey.import_key(EC),
    **dict.fromkeys(("EdDSA", "Ed25519"), OKPKey.import_key(ED)),
}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    return {"sub": "42", "iat": NOW - 10, "exp": NOW + 600, **changes}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in claims().items() if key != name}


def signed(header: bytes, payload: bytes, algorithm: str = "HS256", key: Any = None) -> str:
    """A correctly signed token of any bytes whatever."""
    segments = f"{base64url(header)}.{base64url(payload)}"
    signature = JWSRegistry.algorithms[algorithm].sign(segments.encode(), key or KEYS[algorithm])
    return f"{segments}.{base64url(signature)}"


def token(payload: Any = None, algorithm: str = "HS256", key: Any = None, **header: Any) -> str:
    header = {"alg": algorithm, "typ": "JWT", **header}
    header = {name: value for name, value in header.items() if value is not ...}
    body = json.dumps(claims() if payload is None else payload).encode()
    return signed(json.dumps(header).encode(), body, algorithm, key)


def pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def der(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def jwk(algorithm: str, **members: Any) -> dict[str, Any]:
    """The public JWK of the test's own key, or its secret one for HMAC."""
    return {**KEYS[algorithm].as_dict(private=False), **members}


def verifier(key: Any = SECRET, algorithms: Any = ("HS256",), **options: Any) -> JWTVerifier:
    return JWTVerifier(key, list(algorithms), **{"clock": lambda: NOW, **options})


async def verify(by: JWTVerifier, secret: str) -> Identity:
    return await by.verify(Credentials(secret), Handshake("/"))


def identity(secret: str, by: JWTVerifier | None = None, **options: Any) -> Identity:
    return asyncio.run(verify(by or verifier(**options), secret))


def refusal(secret: str, by: JWTVerifier | None = None, **options: Any) -> Reason:
    """The reason for which the token is refused; anything but a clean refusal fails the test."""
    with pytest.raises(InvalidCredentials) as caught:
        identity(secret, by, **options)
    assert caught.value.detail
    assert not any(len(segment) > 8 and segment in caught.value.detail for segment in secret.split("."))
    return caught.value.reason
