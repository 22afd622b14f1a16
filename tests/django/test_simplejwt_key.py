"""The key of SIMPLE_JWT is judged when the verifier is made, and named when a token was verified with it."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.test import override_settings
from project.people import access_token
from pydantic import SecretStr
from rest_framework_simplejwt.backends import TokenBackend

from wsauth import ConfigurationError, Credentials, Handshake, VerifierUnavailable
from wsauth.django import SimpleJWTVerifier, simplejwt_key
from wsauth.verifiers.keys import key_id

DJANGO = "django-insecure-w9$kq3m!v7zr@x2p8h#d5f^j&b1n*t6y(g4s)u0e-l+c_aQzWx"
STRONG = "w9$kq3m!v7zr@x2p8h#d5f^j&b1n*t6y(g4s)u0e-l+c_aQzWx"


def public(bits: int) -> bytes:
    key = rsa.generate_private_key(65537, bits).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("options", "clue"),
    [
        ({"SIGNING_KEY": "8 bytes!"}, "8 bytes"),
        ({"SIGNING_KEY": b"8 bytes!"}, "8 bytes"),
        ({"SIGNING_KEY": ""}, "0 bytes"),
        ({"SIGNING_KEY": None}, "0 bytes"),
        ({"SIGNING_KEY": Path("/run/secrets/jwt")}, "a PosixPath; write path.read_text()"),
        ({"SIGNING_KEY": SecretStr(STRONG)}, "a SecretStr; write settings.jwt_secret.get_secret_value()"),
        ({"SIGNING_KEY": "/run/secrets/jwt_signing_material_of_production"}, "the name of a file"),
        ({"SIGNING_KEY": f"JWT_SECRET={STRONG}"}, "a whole line of settings"),
        ({"SIGNING_KEY": STRONG, "ALGORITHM": "HS512"}, "50 bytes, and HS512"),
        ({"SIGNING_KEY": DJANGO}, "startproject"),
        ({"SIGNING_KEY": "change-this-secret-key-in-production-please"}, "placeholder"),
        ({"ALGORITHM": "RS256", "VERIFYING_KEY": public(1024)}, "1024 bits"),
    ],
)
def test_key_that_can_be_guessed_stops_the_start(options: dict[str, Any], clue: str):
    """Whoever guesses it is any user; the error names the setting."""
    with override_settings(SIMPLE_JWT=options), pytest.raises(ConfigurationError, match="SIMPLE_JWT") as caught:
        SimpleJWTVerifier()
    assert clue in str(caught.value)


def test_secret_key_is_judged_where_simplejwt_takes_it():
    """SIGNING_KEY defaults to SECRET_KEY."""
    with override_settings(SECRET_KEY=DJANGO), pytest.raises(ConfigurationError, match="startproject"):
        SimpleJWTVerifier()


def test_new_project_starts_with_debug_and_is_told(caplog: pytest.LogCaptureFixture):
    """Its SECRET_KEY is what `startproject` wrote: good enough to try things out."""
    with override_settings(SECRET_KEY=DJANGO, DEBUG=True), caplog.at_level(logging.WARNING, "wsauth"):
        SimpleJWTVerifier()
    assert "DEBUG = False refuses it" in caplog.text
    assert DJANGO not in caplog.text


@pytest.mark.parametrize(
    "options", [{}, {"SIGNING_KEY": STRONG}, {"ALGORITHM": "RS256", "VERIFYING_KEY": public(2048).decode()}]
)
def test_strong_key_is_taken(options: dict[str, Any]):
    """As simplejwt takes it."""
    with override_settings(SIMPLE_JWT=options):
        SimpleJWTVerifier()


async def test_key_is_judged_late_where_the_settings_come_late(alice: Any, monkeypatch: Any, caplog: Any):
    """A policy may be written before Django is set up: then nobody is let in, and the log says why."""
    with monkeypatch.context() as early:
        early.setattr("wsauth.django.simplejwt.django_settings", SimpleNamespace(configured=False))
        verifier = SimpleJWTVerifier()
    credentials = Credentials(access_token(alice))
    with override_settings(SIMPLE_JWT={"SIGNING_KEY": "8 bytes!"}), pytest.raises(VerifierUnavailable):
        await verifier.verify(credentials, Handshake("/"))
    assert "SIMPLE_JWT" in caplog.text
    assert (await verifier.verify(credentials, Handshake("/"))).user == alice


@pytest.mark.parametrize("header", [{}, {"kid": "of another key"}])
async def test_token_is_found_by_its_key_whatever_it_says(alice: Any, header: dict[str, str]):
    """simplejwt ignores `kid`; the id is that of the key that verified."""
    claims = jwt.decode(access_token(alice), options={"verify_signature": False})
    token = jwt.encode(claims, settings.SECRET_KEY, "HS256", headers=header)
    identity = await SimpleJWTVerifier().verify(Credentials(token), Handshake("/"))
    assert identity.key_id == key_id(settings.SECRET_KEY)


def test_public_key_is_called_by_its_thumbprint():
    """As JWTVerifier calls it."""
    key = public(2048)
    assert simplejwt_key.id_of(TokenBackend("RS256", None, key.decode()), "") == key_id(key)


def test_published_key_is_called_by_its_name():
    """simplejwt takes none from a JWK_URL that has no name."""

    class Client:
        def get_signing_key_from_jwt(self, raw: str) -> Any:
            return type("PyJWK", (), {"key_id": raw})

    backend = TokenBackend("RS256")
    backend.jwks_client = Client()
    assert simplejwt_key.id_of(backend, "the name") == "the name"
