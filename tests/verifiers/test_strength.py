"""A secret that anybody could guess is refused, for whatever it is to serve, and a random one never is."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable
from typing import Any

import pytest

from wsauth.core.errors import ConfigurationError
from wsauth.redis.signing import Keyring
from wsauth.starlette import SessionVerifier
from wsauth.verifiers.jwt import JWTVerifier

DJANGO = "django-insecure-w9$kq3m!v7zr@x2p8h#d5f^j&b1n*t6y(g4s)u0e-l+c_aQzWx"
GUESSED = {
    "startproject": DJANGO,
    "startproject with a line end": f"{DJANGO}\n",
    "placeholder": "your-secret-key-here-your-secret-key-here-your-secret-key-goes-here",
    "placeholder with a year": "my_super_secret_jwt_key_2026!_my_super_secret_jwt_key_2026!_my_key",
    "placeholder in capitals": "CHANGE ME BEFORE PRODUCTION, PLEASE! CHANGE ME BEFORE PRODUCTION. Please.",
    "advice": "please-change-this-secret-key-in-production-to-a-long-random-string-value",
    "spelt with digits": "sup3r-s3cr3t-k3y-sup3r-s3cr3t-k3y-p4ssw0rd-sup3r-s3cr3t-k3y-p4ssw0rd",
    "known from an example": "keyboard cat, keyboard cat, and a keyboard cat: keyboard cat keyboard",
    "keyboard": "qwertyuiopasdfghjklzxcvbnm1234567890QWERTYUIOPASDFGHJKLZXCVBNM1234567890",
    "alphabet": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=",
    "digits": "0123456789012345678901234567890123456789012345678901234567890123456",
    "one character": "x" * 70,
    "runs": "".join(letter * 8 for letter in "qhzkwmxp") + "qqqq",
    "unfilled variable": "${JWT_SECRET_OF_THE_APPLICATION_THAT_SOMEBODY_HAS_YET_TO_PUT_INTO_ENV}",
    "unfilled template": "{{ vault.secrets.the_application.jwt_signing_key_of_the_environment_x }}",
    "startproject, quoted": f'"{DJANGO}"',
    "nothing, digested": hashlib.sha256().hexdigest(),
    "a word, digested": hashlib.sha512(b"secret").hexdigest(),
    "a line, digested": base64.b64encode(hashlib.sha512(b"changeme\n").digest()).decode(),
    "Supabase's": "super-secret-jwt-token-with-at-least-32-characters-long",
    "Supabase's own": "your-super-secret-jwt-token-with-at-least-32-characters-long",
    "Hasura's": "3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R",
    "Flask's": "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "Spring's": "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
    "placeholder in base64": base64.b64encode(b"change-me-change-me-change-me-please-change-me").decode(),
    "placeholder in quotes": "'your-secret-key-here-your-secret-key-here-your-secret-key-goes-here'",
    "unfilled template of Helm": "{{ .Values.application.jwt.signing.secret | quote }} ",
    "unfilled parameter": "%env(JWT_SECRET_OF_THE_APPLICATION_IN_PRODUCTION_2026)%",
    "unfilled form": "<put the output of the generator of your choice into this very place!>",
}
SHORT = {"as documented": "your-secret-key-here", "twice": "changemechangeme", "word": "supersecretkey123"}


def session(secret: str) -> object:
    return SessionVerifier(secret)


def log(secret: str) -> object:
    return Keyring(["w9$kq3m!v7zr@x2p8h#d5f^j", secret], "default")


def token(secret: str) -> object:
    return JWTVerifier(secret, algorithms=["HS256"])


@pytest.mark.parametrize("take", [session, log, token])
@pytest.mark.parametrize("secret", GUESSED.values(), ids=GUESSED.keys())
def test_secret_that_can_be_guessed_stops_the_start(take: Callable[[str], object], secret: str):
    """Tokens, session cookies and the log hold to one rule, and no message shows the secret."""
    with pytest.raises(ConfigurationError, match=r"secrets\.token_urlsafe") as caught:
        take(secret)
    assert secret.strip()[8:] not in str(caught.value)


@pytest.mark.parametrize("take", [session, log, token])
@pytest.mark.parametrize("secret", [f"SECRET_KEY = '{DJANGO}'", f"JWT_SECRET={GUESSED['placeholder']}"])
def test_line_that_sets_a_guessed_secret_stops_the_start(take: Callable[[str], object], secret: str):
    """The name before it makes it no better."""
    with pytest.raises(ConfigurationError, match=r"startproject|public documentation|a whole line"):
        take(secret)


@pytest.mark.parametrize("take", [session, log])
@pytest.mark.parametrize("secret", [*SHORT.values(), "short", ""])
def test_short_secret_that_can_be_guessed_stops_the_start(take: Callable[[str], object], secret: str):
    """The length alone does not make a secret of sixteen characters one."""
    with pytest.raises(ConfigurationError, match=r"secrets\.token_urlsafe"):
        take(secret)


MAKERS: dict[str, Callable[[Any], str]] = {
    "token_urlsafe(64)": lambda bits: base64.urlsafe_b64encode(bits.randbytes(64)).decode(),
    "token_hex(32)": lambda bits: bits.randbytes(32).hex(),
    "token_hex(16)": lambda bits: bits.randbytes(16).hex(),
    "openssl rand -base64 32": lambda bits: base64.b64encode(bits.randbytes(32)).decode(),
    "letters": lambda bits: "".join(bits.choices("abcdefghijklmnopqrstuvwxyz", k=40)),
    "startproject's alphabet": lambda bits: "".join(bits.choices(DJANGO[16:], k=50)),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_random_secret_is_taken(make: Callable[[Any], str]):
    """Three hundred of each kind that generators make."""
    bits = random.Random(7)
    for _ in range(300):
        session(make(bits))


def test_sentence_is_taken():
    """Words are no fault of a secret as long as they are not those of an example."""
    for sentence in (
        "the horse that staples correct batteries",
        "planted secret of the application, long enough",
        "correct.horse.battery.staple.of.nobody",
        "correct/horse/battery/staple/of/nobody",
        "a key: under no stone at all, here",
    ):
        assert session(sentence)
        assert token(sentence)
