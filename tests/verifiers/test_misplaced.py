"""What is written where a secret belongs, and is none, is told by what it looks like; a random text never is."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.datastructures import Secret

from wsauth.core.errors import ConfigurationError
from wsauth.redis.signing import Keyring
from wsauth.starlette import SessionVerifier
from wsauth.verifiers.jwt import JWTVerifier
from wsauth.verifiers.misplaced import misplaced

GOOD = "w9$kq3m!v7zr@x2p8h#d5f^j&b1n*t6y(g4s)u0e-l+c_aQzWx"


def session(secret: Any) -> object:
    return SessionVerifier(secret)


def log(secret: Any) -> object:
    return Keyring([GOOD, secret], "default")


def token(secret: Any) -> object:
    return JWTVerifier(secret, algorithms=["HS256"])


MISPLACED = {
    "an address": [
        "https://id.example.com/.well-known/jwks.json",
        "HTTPS://ID.EXAMPLE.COM/keys",
        "redis://:password@redis.example.com:6379/0",
        "postgres://user:pass@db.example.com/app",
        "//id.example.com/oauth2/v1/keys",
        "id.example.com/.well-known/jwks.json?x=1",
        "id.example.com/.well-known/openid-configuration",
        "login.microsoftonline.com/common/discovery/v2.0/keys",
        "localhost:8080/realms/master/protocol/openid-connect/certs",
        "dev-abcdefgh12345678.eu.auth0.com",
        "1234567890-abcdefghijklmnop.apps.googleusercontent.com",
        "git@github.com:owner/repository-of-the-keys.git",
        "somebody.with.a.name@company.example.com",
    ],
    "the name of a file": [
        "keys/jwt-private.pem",
        "/run/secrets/jwt_secret_for_production",
        "/run/secrets/JWT-Secret/For Production",
        "/Users/alice/keys/Production",
        "./config/secrets/jwt_secret_key_file",
        "../secrets/jwt_secret_key_of_the_application",
        "~/.config/my-application/jwt_signing_secret",
        "/srv2/application/current/jwt_signing_material",
        "/JwtSecrets/ProductionSigningMaterial",
        "config/secrets/jwt_secret_key_file_of_production",
        "C:\\Users\\app\\secrets\\jwtRS256_public_key_of_issuer",
        "D:/secrets/production/jwtRS256_public_key",
        "\\\\server\\share\\secrets\\jwt_signing_material",
        "settings of the application.production.yaml",
        "file:/run/secrets/JWT_SIGNING_MATERIAL",
    ],
    "kept elsewhere": [
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:jwt-AbCdEf",
        "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/jwt",
        "vault:secret/data/app#JWT_SECRET_KEY_PROD",
        "op://vault/item/field/abcdefghijklmnop",
        "projects/my-project/secrets/jwt-secret/versions/latest",
        "projects/123456789012/secrets/JwtSigning/versions/3",
        "/subscriptions/0a1b2c3d/resourceGroups/Prod/providers/Microsoft.KeyVault",
        "valueFrom:secretKeyRef:name:jwt-secret,key:signing",
        "@Microsoft.KeyVault(SecretUri=https://prod.vault.azure.net/secrets/jwt)",
        "ssm:/production/application/jwt-signing-secret",
        "env:JWT_SECRET_OF_THE_APPLICATION_IN_PRODUCTION",
        "ENC[AES256_GCM,data:Zx81kQ==,iv:9dk2,tag:aa83,type:str]",
        "ref+awssecrets://production/jwt-signing-secret",
    ],
    "the code": [
        "os.environ['JWT_SECRET_KEY_PRODUCTION']",
        "os.getenv('JWT_SECRET_KEY_PRODUCTION')",
        "process.env.JWT_SECRET_KEY_VALUE_IN_PROD",
        "import.meta.env.VITE_JWT_SECRET_KEY_VALUE",
        "ENV['JWT_SECRET_KEY_VALUE_IN_PRODUCTION']",
        "settings.JWT_SECRET_KEY_VALUE_IN_PRODUCTION",
        "config('JWT_SECRET_KEY_VALUE_IN_PRODUCTION')",
        "secrets.JWT_SECRET_KEY_VALUE_IN_PRODUCTION",
        "var.jwt_secret_key_value_in_production_env",
    ],
    "the name of a variable": ["JWT_SECRET_KEY_FROM_ENVIRONMENT_VARIABLE_X", "APPLICATION_PRODUCTION_JWTSECRET_VALUE"],
    "a whole line": [
        f"JWT_SECRET={GOOD}",
        f"export JWT_SECRET='{GOOD}'",
        f"SECRET_KEY = '{GOOD}'",
        f"jwtSecret={GOOD}",
        f"jwt_secret: {GOOD}",
        f'"secret": "{GOOD}"',
        f"[jwt]\nsecret = {GOOD}",
        f"jwt:\n  secret: {GOOD}",
        "Server=db;Database=app;User Id=sa;Password=x",
    ],
    "a whole token": [
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.",
    ],
    "the value of a header": [
        f"Bearer {'q8Zr' * 3}k2mVx9wL4tYbN7cJ5hD3gF6sA1",
        "Basic dXNlcjpwYXNzd29yZC1vZi10aGUtdXNlcg==",
    ],
    "the hash of a password": [
        "$2b$12$KIXQwZ9k1d0Uo8b7m3vH9uYQ0bMzR4tYxN7cJ5hD3gF6sA1pLkQwe",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27",
        "pbkdf2_sha256$600000$q8Zrk2mVx9wL$4tYbN7cJ5hD3gF6sA1pLkQwe0uXoTi=",
    ],
    "an object printed as text": [
        f"['{GOOD}']",
        f"('{GOOD}',)",
        f"{{'{GOOD}'}}",
        "PosixPath('/run/secrets/jwt_secret')",
    ],
    "a UUID that is not random": ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "886313e1-3b8a-5372-9b90-0c9aee199e5d"],
    "hidden": [
        "*" * 40,
        "SecretStr('**********')SecretStr('**********')",
        "sk-a" + "*" * 32 + "9f2c",
        "value is [REDACTED] by the log of it",
    ],
    "a text in JSON": [json.dumps({"type": "HS256", "key": GOOD}), json.dumps([GOOD])],
}
CASES = [(what, text) for what, texts in MISPLACED.items() for text in texts]


@pytest.mark.parametrize("take", [session, log, token])
@pytest.mark.parametrize(("what", "secret"), CASES)
def test_what_is_no_secret_stops_the_start(take: Callable[[Any], object], what: str, secret: str) -> None:
    """Of tokens, of session cookies, of the log; the error says what it is and what to write, and shows none of it."""
    with pytest.raises(ConfigurationError, match=rf"{what}.*write") as caught:
        take(secret)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("around", ["{}\n", " {}", '"{}"', "'{}'", "b'{}'", "JWT_SECRET={}", "JWT_SECRET='{}'"])
@pytest.mark.parametrize(
    "secret", ["/run/secrets/jwt_secret_for_production", "arn:aws:secretsmanager:eu-west-1:1:secret:jwt"]
)
def test_quotes_blanks_and_a_name_before_it_hide_nothing(around: str, secret: str) -> None:
    """As a file of settings spells it, which some readers leave as it is."""
    assert misplaced(around.format(secret).encode()) is not None
    assert misplaced(base64.b64encode(secret.encode())) is not None


ALPHABETS = {
    "letters and digits": string.ascii_letters + string.digits,
    "capitals": string.ascii_uppercase + string.digits,
    "capitals and underscores": string.ascii_uppercase + string.digits + "_",
    "startproject's": "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)",
    "all of ASCII": string.ascii_letters + string.digits + string.punctuation,
    "base64": string.ascii_letters + string.digits + "+/",
    "paths": string.ascii_letters + string.digits + "/._-",
}


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_random_text_is_never_taken_for_another_thing(alphabet: str) -> None:
    """Of no alphabet that a generator or a keeper of passwords draws from."""
    bits = random.Random(11)
    texts = ["".join(bits.choices(alphabet, k=length)) for length in (32, 40, 64) for _ in range(200)]
    assert [text for text in texts if misplaced(text.encode())] == []


def test_random_uuid_is_taken() -> None:
    """Version 4 is random in 122 bits."""
    assert misplaced(b"3f2b8c1e-7d94-4a6b-9e05-c8d17f60a2b3") is None


def test_random_bytes_are_never_taken_for_another_thing() -> None:
    """As they are, in base64 and in its other alphabets."""
    bits = random.Random(11)
    for encode in (bytes, base64.b64encode, base64.urlsafe_b64encode, base64.b32encode, base64.b85encode, bytes.hex):
        texts = [encode(bits.randbytes(size)) for size in (32, 33, 48, 64) for _ in range(100)]
        assert [text for text in texts if misplaced(text.encode() if isinstance(text, str) else text)] == []


@pytest.mark.parametrize(("given", "instead"), [
    (SecretStr(GOOD), r"get_secret_value\(\)"), (Path("/run/secrets/jwt"), r"read_text\(\)"),
    (Secret(GOOD), r"str\(secret\)"),
])  # fmt: skip
def test_object_around_a_secret_is_refused_with_the_line_to_write(given: Any, instead: str) -> None:
    """Pydantic's, a path, Starlette's; this last one is what SessionMiddleware takes, so that SessionVerifier does."""
    for take in (token, log, session):
        if take is session and isinstance(given, Secret):
            assert session(given)
            continue
        with pytest.raises(ConfigurationError, match=f"write .*{instead}") as caught:
            take(given)
        assert GOOD not in str(caught.value)
