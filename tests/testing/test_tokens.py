"""The token factory agrees with the verifier."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from wsauth import Credentials, Handshake, InvalidCredentials, Reason
from wsauth.testing import FakeClock, TokenFactory
from wsauth.verifiers.jwt import JWTVerifier

SECRET = "tests of the token factory, 32 bytes or more"


async def verify(verifier, token):
    return await verifier.verify(Credentials(token), Handshake("/"))


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


async def test_its_tokens_pass_until_they_expire():
    """With a clock of one's own the whole life of a token takes no time."""
    clock = FakeClock()
    verifier = JWTVerifier(SECRET, algorithms=["HS256"], leeway=0, clock=clock)
    token = TokenFactory(SECRET, clock=clock)("alice", expires_in=60)
    assert (await verify(verifier, token)).subject == "alice"
    clock.advance(61)
    with pytest.raises(InvalidCredentials) as refused:
        await verify(verifier, token)
    assert refused.value.reason is Reason.EXPIRED


async def test_expired_and_refresh_tokens_are_refused():
    """The ready-made bad tokens are bad for the reason that their name says."""
    tokens = TokenFactory(SECRET)
    verifier = JWTVerifier(SECRET, algorithms=["HS256"])
    for token, reason in ((tokens.expired("alice"), Reason.EXPIRED), (tokens.refresh("alice"), Reason.INVALID)):
        with pytest.raises(InvalidCredentials) as refused:
            await verify(verifier, token)
        assert refused.value.reason is reason


async def test_claims_are_added_replaced_and_left_out():
    """Claims of the factory are in every token; None removes one."""
    tokens = TokenFactory(SECRET, iss="tests")
    verifier = JWTVerifier(SECRET, algorithms=["HS256"], issuer="tests")
    assert (await verify(verifier, tokens("alice", role="admin"))).claims["role"] == "admin"
    for claims in ({"iss": None}, {"exp": None}, {"iss": "others"}):
        with pytest.raises(InvalidCredentials):
            await verify(verifier, tokens("alice", **claims))


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", rsa.generate_private_key(65537, 2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
async def test_private_keys_sign_too(algorithm, key):
    """The factory takes the private key, the verifier only the public one."""
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    token = TokenFactory(pem(key), algorithm=algorithm)("alice")
    assert (await verify(JWTVerifier(public, algorithms=[algorithm]), token)).subject == "alice"
