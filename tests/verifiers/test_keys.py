"""A key verifies with one algorithm only, and weak, foreign or misplaced keys never get as far as a request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from verifiers.signing import (
    EC,
    ED,
    KEYS,
    RSA,
    SECRET,
    base64url,
    claims,
    der,
    identity,
    jwk,
    pem,
    refusal,
    signed,
    token,
    verifier,
)

from wsauth.core.errors import ConfigurationError
from wsauth.core.reasons import Reason
from wsauth.verifiers.keys import key_id

OTHER = b"pL8#kX2!vN6@qW9$zR3%tY7^bM1&cH5*jF0(dS4)gA-uE_iO=eQ+wT/rU?yP.oI,aK"


def refused(key: Any, algorithms: Any = ("HS256",)) -> str:
    with pytest.raises(ConfigurationError) as caught:
        verifier(key, algorithms)
    return str(caught.value)


def private(key: Any, encoding: Encoding = Encoding.PEM, password: bytes | None = None) -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(encoding, PrivateFormat.PKCS8, lock)


def ssh(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


def certificate(key: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "id.example.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    return builder.not_valid_after(datetime(2036, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())


# --- which algorithms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", KEYS)
def test_token_of_the_configured_algorithm_is_accepted(algorithm: str):
    """HMAC, RSA, RSA-PSS, ECDSA and Ed25519 verify under their JOSE names."""
    key = SECRET if algorithm.startswith("HS") else KEYS[algorithm]
    assert identity(token(algorithm=algorithm), key=key, algorithms=[algorithm]).subject == "42"


@pytest.mark.parametrize(
    ("algorithms", "fix"),
    [
        ("HS256", "algorithms=['HS256']"),
        ([], "algorithms=["),
        (None, "algorithms=["),
        (["none"], "unsigned"),
        (["HS256", "None"], "unsigned"),
        (["HS257"], "HS257"),
        (["hs256"], "hs256"),
        ([256], "256"),
    ],
)
def test_algorithms_that_are_no_list_of_known_ones_stop_the_start(algorithms: Any, fix: str):
    """The error names what was found and what to write."""
    from wsauth.verifiers.jwt import JWTVerifier

    with pytest.raises(ConfigurationError) as caught:
        JWTVerifier(SECRET, algorithms)
    assert fix in str(caught.value)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [(SECRET, ["HS256", "HS512"]), (pem(RSA), ["RS256", "PS256"]), (pem(ED), ["EdDSA", "Ed25519"])],
)
def test_key_that_fits_two_algorithms_stops_the_start(key: Any, algorithms: list[str]):
    """RFC 8725 §3.1: each key is used with exactly one algorithm."""
    assert f'algorithms=["{algorithms[0]}"]' in refused(key, algorithms)


def test_jwk_with_alg_settles_which_algorithm_its_key_serves():
    """Where several are configured, the JWK's own `alg` decides, and no other is accepted with that key."""
    by = verifier(jwk("RS256", alg="PS256"), ["RS256", "PS256"])
    assert identity(token(algorithm="PS256"), by).subject == "42"
    assert refusal(token(algorithm="RS256"), by) is Reason.INVALID


def test_keys_of_different_kinds_each_get_their_algorithm():
    """An RSA key and an EC key beside each other need no further words."""
    by = verifier([pem(RSA), pem(EC)], ["RS256", "ES256"])
    assert identity(token(algorithm="RS256"), by).subject == identity(token(algorithm="ES256"), by).subject == "42"


@pytest.mark.parametrize(
    ("key", "configured", "used"),
    [
        (SECRET, "HS256", "HS512"),
        (SECRET, "HS512", "HS256"),
        (pem(RSA), "RS256", "PS256"),
        (pem(RSA), "RS256", "RS384"),
    ],
)
def test_right_key_with_another_algorithm_of_the_family_is_refused(key: Any, configured: str, used: str):
    """A correct signature of an algorithm that is not configured is worth nothing."""
    assert refusal(token(algorithm=used), key=key, algorithms=[configured]) is Reason.INVALID


def test_header_that_lies_about_the_algorithm_is_refused():
    """A key verifies only tokens that name its own algorithm, even where both are configured."""
    by = verifier([jwk("RS256", alg="RS256"), pem(EC)], ["RS256", "PS256", "ES256"])
    header = json.dumps({"alg": "PS256"}).encode()
    assert refusal(signed(header, json.dumps(claims()).encode(), "RS256"), by) is Reason.INVALID


def test_asymmetric_token_at_an_hmac_verifier_is_refused_and_so_is_the_reverse():
    """Kinds of keys never mix."""
    assert refusal(token(algorithm="RS256")) is Reason.INVALID
    assert refusal(token(), key=pem(RSA), algorithms=["RS256"]) is Reason.INVALID


# --- public keys are no secrets ---------------------------------------------------------------------------------------


PUBLIC_AS_SECRET = {
    f"{name} {form}": value
    for name, key in {"RSA": RSA, "EC": EC, "Ed25519": ED}.items()
    for form, value in {
        "PEM": pem(key),
        "PEM text": pem(key).decode(),
        "PEM stripped": pem(key).strip(),
        "PEM with text before": b"the key:\n" + pem(key),
        "PEM body": b"".join(pem(key).splitlines()[1:-1]),
        "PEM truncated": pem(key)[:60],
        "DER": der(key),
        "SSH": ssh(key),
        "private PEM": private(key),
        "encrypted PEM": private(key, password=b"x"),
        "certificate": certificate(RSA).public_bytes(Encoding.PEM),
        "certificate DER": certificate(RSA).public_bytes(Encoding.DER),
        "JWK text": json.dumps({"kty": "RSA", "n": "AQAB", "e": "AQAB", "padding": "x" * 40}),
    }.items()
}


@pytest.mark.parametrize("key", PUBLIC_AS_SECRET.values(), ids=PUBLIC_AS_SECRET.keys())
def test_public_key_as_hmac_secret_stops_the_start(key: Any):
    """Whoever has the public key could sign with it (CVE-2022-29217), however the key is encoded."""
    message = refused(key)
    assert "BEGIN" not in message
    assert "AQAB" not in message


@pytest.mark.parametrize("encode", [pem, der, lambda key: pem(key).strip(), lambda key: pem(key) + b"\n"])
def test_token_signed_with_the_public_key_as_secret_is_refused(encode: Any):
    """The classic algorithm confusion fails on an RSA verifier."""
    head = f"{base64url(json.dumps({'alg': 'HS256'}).encode())}.{token().split('.')[1]}"
    forged = f"{head}.{base64url(hmac.new(encode(RSA), head.encode(), hashlib.sha256).digest())}"
    assert refusal(forged, key=pem(RSA), algorithms=["RS256"]) is Reason.INVALID


def test_error_about_a_misplaced_public_key_says_what_to_write():
    """The deployer reads which algorithm belongs to the key."""
    assert 'algorithms=["RS256"]' in refused(pem(RSA))
    assert 'algorithms=["ES256"]' in refused(pem(EC))
    assert "json.loads" in refused(json.dumps(jwk("RS256")))
    assert "openssl pkey" in refused(private(RSA, password=b"x"))


# --- weak keys --------------------------------------------------------------------------------------------------------

WEAK = {
    "empty": b"",
    "NUL": b"\0",
    "NULs": b"\0" * 64,
    "word": "your-secret-key",
    "31 bytes": SECRET[:31],
    "one character": "a" * 64,
    "word again and again": "secret" * 12,
    "word again and cut": ("secret" * 12)[:64],
    "phrase again and again": "correct-horse-battery/" * 3,
    "few characters": "abcdefg" * 8 + "aaab" * 3,
    "jwt.io": "a-string-secret-at-least-256-bits-long",
    "FastAPI tutorial": "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "RFC 7515": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "placeholder": "your-256-bit-secret-goes-here-please-replace-it",
    "placeholder in capitals": "CHANGE_ME_CHANGE_ME_BEFORE_PRODUCTION_1234",
    "published JWK": {"kty": "oct", "k": "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"},
    "short JWK": {"kty": "oct", "k": "AyM1Sysp"},
    "joserfc key": OctKey.import_key(SECRET[:20]),
}


@pytest.mark.parametrize("key", WEAK.values(), ids=WEAK.keys())
def test_weak_secret_stops_the_start(key: Any):
    """A secret that is short, simple or published is refused when the verifier is built, and is not shown."""
    message = refused(key)
    assert "secrets.token_urlsafe" in message
    assert not isinstance(key, str) or key not in message


@pytest.mark.parametrize(("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_secret_is_as_long_as_the_hash(algorithm: str, least: int):
    """RFC 7518 §3.2: a key of at least the size of the hash output."""
    verifier(SECRET[:least], [algorithm])
    assert f"at least {least}" in refused(SECRET[: least - 1], [algorithm])


@pytest.mark.parametrize("form", ["PEM", "JWK", "joserfc", "cryptography"])
def test_rsa_key_below_2048_bits_stops_the_start(form: str):
    """RFC 7518 §3.3: 2048 bits or more."""
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the test
    numbers = weak.public_key().public_numbers()
    keys = {
        "PEM": pem(weak),
        "JWK": {"kty": "RSA", "n": base64url(numbers.n.to_bytes(128)), "e": "AQAB"},
        "joserfc": RSAKey(weak, weak),
        "cryptography": weak.public_key(),
    }
    assert "1024 bits" in refused(keys[form], ["RS256"])


UNFIT = {
    "P-384 for ES256": (pem(ec.generate_private_key(ec.SECP384R1())), "P-384"),
    "secp256k1": (pem(ec.generate_private_key(ec.SECP256K1())), "secp256k1"),
    "Ed448": (pem(ed448.Ed448PrivateKey.generate()), "Ed448"),
    "DSA": (pem(dsa.generate_private_key(2048)), "DSA"),
    "RSA": (pem(RSA), "RSA"),
    "secret": (SECRET, "a secret"),
    "JWK of another alg": (jwk("ES256", alg="ES384"), "ES384"),
    "JWK for encryption": (jwk("ES256", use="enc"), "use='enc'"),
    "JWK for other operations": (jwk("ES256", key_ops=["deriveKey"]), "key_ops=['deriveKey']"),
    "JWK for no operation": (jwk("ES256", key_ops=[]), "key_ops=[]"),
    "JWK with operations of no list": (jwk("ES256", key_ops="verify"), "key_ops='verify'"),
    "JWK for encryption in a mapping": ({"k": jwk("ES256", use="enc")}, "use='enc'"),
    "JWK for other operations in a list": ([jwk("ES256", key_ops=["encrypt"])], "key_ops=['encrypt']"),
    "JWK for key agreement": (jwk("ES256", alg="ECDH-ES"), "ECDH-ES"),
    "JWK with an alg of no text": (jwk("ES256", alg=["ES256"]), "['ES256']"),
    "joserfc key for other operations": (ECKey.import_key(jwk("ES256", key_ops=["deriveKey"])), "deriveKey"),
    "unknown kty": ({"kty": "AKP", "pub": "AA"}, "AKP"),
    "no coordinates": ({"kty": "EC", "crv": "P-256"}, "'x'"),
    "point off the curve": (jwk("ES256", x=base64url(b"\x01" * 32)), "cannot be read"),
    "number as coordinate": (jwk("ES256", x=1), "cannot be read"),
    "unknown curve": (jwk("ES256", crv="P-999"), "P-999"),
    "secret JWK of no base64": ({"kty": "oct", "k": "é"}, "cannot be read"),
    "secret JWK of a list": ({"kty": "oct", "k": []}, "cannot be read"),
    "kid that is no text": (jwk("ES256", kid=7), "kid"),
    "number": (7, "int"),
    "None": (None, "NoneType"),
    "empty list": ([], "found 0 keys"),
    "empty set": ({"keys": []}, "found 0 keys"),
    "17 keys": ([pem(EC)] * 17, "found 17 keys"),
    "empty name": ({"": pem(EC)}, "kid"),
}


@pytest.mark.parametrize(("key", "clue"), UNFIT.values(), ids=UNFIT.keys())
def test_key_that_does_not_fit_stops_the_start(key: Any, clue: str):
    """Wrong curve, wrong kind, wrong purpose or no key at all: the error names what was found."""
    assert clue in refused(key, ["ES256"])


@pytest.mark.parametrize(
    ("algorithm", "other"),
    [
        ("RS256", rsa.generate_private_key(65537, 2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_jwk_of_two_keys_stops_the_start(algorithm: str, other: Any):
    """The private part would sign what the public one refuses, for everybody and for ever."""
    ours = KEYS[algorithm].as_dict(private=True)
    theirs = type(KEYS[algorithm]).import_key(other).as_dict(private=False)
    message = refused({**ours, **theirs}, [algorithm])
    assert "of two keys" in message
    assert ours["d"][:8] not in message


# --- what is no key ---------------------------------------------------------------------------------------------------


ADDRESSES = [
    "https://id.example.com/.well-known/jwks.json",
    "http://localhost:8080/realms/main/protocol/openid-connect/certs",
    "  https://id.example.com/.well-known/jwks.json?user=hunter2\n",
    "HTTPS://ID.EXAMPLE.COM/.WELL-KNOWN/JWKS.JSON",
    "id.example.com/.well-known/jwks.json",
    "//id.example.com/.well-known/openid/keys",
    "file:///etc/keys/the-public-key-of-the-issuer",
]


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_address_is_no_secret(address: str, algorithm: str):
    """Whoever knows where the keys are published could sign with it; the error says to write JWKS."""
    for form in (address, address.encode(), [address], {"k": address}):
        message = refused(form, [algorithm])
        assert "JWKS('https://…')" in message
        assert "HS256" not in message
        assert "hunter2" not in message


@pytest.mark.parametrize("name", ["/etc/keys/of-the-issuer/public.pem", "keys/of-the-application/jwtRS256.key.pub"])
def test_name_of_a_file_is_no_secret(name: str):
    """A path is the same on every machine; the error says to read the file."""
    assert "read_bytes()" in refused(name)
    assert "read_bytes()" in refused(name, ["RS256"])


# --- forms of keys ----------------------------------------------------------------------------------------------------


FORMS = {
    "PEM": pem(RSA),
    "PEM text": pem(RSA).decode(),
    "PEM body, as Keycloak shows it": b"".join(pem(RSA).splitlines()[1:-1]),
    "DER": der(RSA),
    "bytearray": bytearray(pem(RSA)),
    "SSH": ssh(RSA),
    "private PEM": private(RSA),
    "private DER": private(RSA, Encoding.DER),
    "certificate": certificate(RSA).public_bytes(Encoding.PEM),
    "JWK": jwk("RS256"),
    "private JWK": KEYS["RS256"].as_dict(private=True),
    "JWK Set": {"keys": [jwk("RS256"), jwk("ES256"), jwk("RS256", use="enc"), jwk("RS256", key_ops=["encrypt"]), "x"]},
    "JWK with operations": jwk("RS256", key_ops=["verify"]),
    "joserfc key": KEYS["RS256"],
    "joserfc key with parameters": RSAKey.import_key(RSA, {"kid": "k", "alg": "RS256"}),
    "joserfc key set": KeySet([RSAKey.import_key(jwk("RS256"))]),
    "cryptography key": RSA,
    "cryptography public key": RSA.public_key(),
    "list": [pem(RSA)],
    "mapping": {"k": pem(RSA)},
}


@pytest.mark.parametrize("key", FORMS.values(), ids=FORMS.keys())
def test_key_is_taken_in_every_usual_form(key: Any):
    """However the key is configured, a token of its owner is accepted, and one of anybody else is not."""
    by = verifier(key, ["RS256"])
    assert identity(token(algorithm="RS256"), by).subject == "42"
    stranger = RSAKey.import_key(rsa.generate_private_key(65537, 2048))
    assert refusal(token(algorithm="RS256", key=stranger), by) is Reason.INVALID


def test_secret_that_is_base64_by_chance_is_taken_as_it_is():
    """A secret is its text; nothing is decoded."""
    secret = base64.b64encode(hashlib.sha512(b"x").digest())
    assert identity(token(key=OctKey.import_key(secret)), key=secret).subject == "42"


def test_jwk_secret_is_decoded():
    """The `k` of a JWK is base64url (RFC 7518 §6.4.1)."""
    assert identity(token(), key=jwk("HS256")).subject == "42"


def test_private_key_is_not_kept():
    """The verifier holds the public part only."""
    by = verifier(private(RSA), ["RS256"])
    assert not any(key.key.is_private for key in by._keys.candidates("RS256", None))


def test_repr_and_error_show_no_key():
    """Neither verifier nor key shows secret material."""
    by = verifier(SECRET)
    shown = repr(by) + repr(by._keys.candidates("HS256", None))
    assert SECRET.decode()[:8] not in shown
    assert "HS256" in shown


# --- selection --------------------------------------------------------------------------------------------------------

OLD, NEW = OctKey.import_key(OTHER), KEYS["HS256"]


def test_during_rotation_both_keys_are_accepted_and_afterwards_only_the_new_one():
    """A list holds the new key and the old; the token of a removed key is refused."""
    both = verifier([SECRET, OTHER])
    assert identity(token(key=NEW), both).subject == identity(token(key=OLD), both).subject == "42"
    assert refusal(token(key=OLD), verifier([SECRET])) is Reason.INVALID


def test_name_selects_its_key_alone():
    """With names, a token is verified by the key it names and by no other."""
    by = verifier({"new": SECRET, "old": OTHER})
    assert identity(token(key=OLD, kid="old"), by).subject == "42"
    assert refusal(token(key=OLD, kid="new"), by) is Reason.INVALID


def test_token_without_a_name_is_tried_with_each_key_of_its_algorithm():
    """A `kid` is optional (RFC 7515 §4.1.4)."""
    assert identity(token(key=OLD), verifier({"new": SECRET, "old": OTHER})).subject == "42"


def test_name_means_nothing_where_no_key_has_one():
    """Configuring one PEM works with an issuer that names its keys."""
    assert identity(token(kid="2026-10")).subject == "42"


def test_unknown_name_falls_to_keys_without_a_name_only():
    """A key that has a name never verifies a token with another name."""
    by = verifier([jwk("HS256", kid="new"), OTHER])
    assert identity(token(key=OLD, kid="elsewhere"), by).subject == "42"
    assert refusal(token(key=NEW, kid="elsewhere"), by) is Reason.INVALID


@pytest.mark.parametrize(
    "kid",
    [
        "../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "; cat /etc/passwd",
        "new\0",
        "\0",
        "",
        "NEW",
        "new ",
        "*",
        "\ud800",
    ],
)
def test_hostile_name_selects_nothing(kid: str):
    """A `kid` is compared and never used as a path, query or command."""
    assert refusal(token(kid=kid), key={"new": SECRET}) is Reason.INVALID


# --- what the key is called -------------------------------------------------------------------------------------------

EC_THUMBPRINT = KEYS["ES256"].thumbprint()  # by the JOSE library


@pytest.mark.parametrize("kid", [..., "old"], ids=repr)
def test_token_that_leaves_its_kid_out_is_still_found_by_its_key(kid: Any):
    """The id is that of the key that verified, not what the header says."""
    for ring in ({"old": OTHER, "new": SECRET}, [jwk("HS256", kid="new"), jwk("HS256", kid="old", k=base64url(OTHER))]):
        assert identity(token(key=OLD, kid=kid), verifier(ring)).key_id == "old"


@pytest.mark.parametrize("kid", [..., "old", "elsewhere", ""], ids=repr)
def test_token_cannot_name_a_key_that_has_no_name(kid: Any):
    """Whatever its header says, it is found by the id of the key that verified."""
    by = verifier([SECRET, OTHER])
    assert identity(token(key=OLD, kid=kid), by).key_id == key_id(OTHER)
    assert identity(token(key=NEW, kid=kid), by).key_id == key_id(SECRET)


def test_key_without_a_name_is_called_by_its_thumbprint_in_every_form():
    """RFC 7638: whoever has the key, in whatever form, can say its id."""
    for form in (pem(EC), der(EC), EC, EC.public_key(), jwk("ES256"), KEYS["ES256"], private(EC), ssh(EC)):
        assert key_id(form) == EC_THUMBPRINT
        assert identity(token(algorithm="ES256", kid="whatever"), verifier(form, ["ES256"])).key_id == EC_THUMBPRINT
    for algorithm, form in (("RS256", pem(RSA)), ("EdDSA", pem(ED))):
        assert key_id(form) == KEYS[algorithm].thumbprint()


def test_key_with_a_name_is_called_by_it():
    """The `kid` of a JWK, or the name that a mapping gives."""
    assert key_id(jwk("ES256", kid="k")) == "k"
    assert identity(token(), verifier({"k": SECRET})).key_id == "k"
    with pytest.raises(ConfigurationError, match="kid"):
        key_id(jwk("ES256", kid=7))


def test_id_of_a_secret_is_the_same_everywhere_and_no_digest_of_the_secret_alone():
    """It travels in revocations, so it is no hash that a list of hashed secrets could be compared with."""
    found = key_id(SECRET)
    assert found == key_id(SECRET.decode()) == key_id(jwk("HS256")) == "pE7CUQyZR3TNIEc6ioANwA"
    assert found not in (KEYS["HS256"].thumbprint(), base64url(hashlib.sha256(SECRET).digest()))


def test_key_that_is_given_under_two_names_stops_the_start():
    """Its tokens would choose by which of the two a revocation finds them."""
    for twice in ({"a": SECRET, "b": SECRET}, [SECRET, jwk("HS256", kid="a")], {"a": pem(EC), "b": der(EC)}):
        assert "are one key" in refused(twice, ["HS256", "ES256"])
    assert identity(token(), verifier([SECRET, SECRET])).key_id == key_id(SECRET)


# --- dependencies -----------------------------------------------------------------------------------------------------


def test_missing_library_is_named_with_the_command_that_installs_it():
    """Without joserfc the error says what to install, when the application starts."""
    program = (
        "import sys; sys.modules['joserfc'] = None\n"
        "from wsauth.core.errors import ConfigurationError\n"
        "try: import wsauth.verifiers.jwt\n"
        "except ConfigurationError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 'pip install "wsauth[jwt]"' in done.stdout
