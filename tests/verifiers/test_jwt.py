"""A JWT proves an identity, or it is refused cleanly; nothing in between."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st
from verifiers.signing import (
    EC,
    ED,
    KEYS,
    NOW,
    RSA,
    SECRET,
    base64url,
    claims,
    identity,
    jwk,
    pem,
    refusal,
    signed,
    token,
    verifier,
    verify,
)

from wsauth.core.errors import ConfigurationError, InvalidCredentials, VerifierUnavailable
from wsauth.core.identity import Identity
from wsauth.core.locations import Query
from wsauth.core.reasons import Reason
from wsauth.core.scheme import SecurityScheme
from wsauth.core.verifier import Verifier, as_verifier
from wsauth.verifiers.jwt import JWTVerifier

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, FIPS 186-4 D.1.2.3


def test_good_token_becomes_an_identity():
    """Every part of the identity comes from the verified claims; the connection lives until `exp` and the leeway."""
    payload = claims(jti="j1", scope="read", name="Ada")
    found = identity(token(payload))
    assert (found.subject, found.token_id, found.scopes) == ("42", "j1", {"read"})
    assert (found.issued_at, found.expires_at) == (NOW - 10, NOW + 605)
    assert dict(found.claims) == payload
    assert found.user is None


def test_claims_are_read_only():
    """Nothing downstream can change what the token said."""
    with pytest.raises(TypeError):
        identity(token()).claims["sub"] = "1"  # type: ignore[index]


def test_verifier_fits_the_seam_of_policies():
    """It is a Verifier without state, and tells documents what its credentials look like."""
    by = verifier()
    assert isinstance(by, Verifier)
    assert as_verifier(by, "here") is by
    assert (by.stateful, by.bearer_format, by.algorithms) == (False, "JWT", ("HS256",))
    assert repr(by) == "JWTVerifier(algorithms=['HS256'], keys=1)"


# --- algorithm and signature ------------------------------------------------------------------------------------------

NO_ALGORITHM = [
    "none",
    "None",
    "NONE",
    "nOnE",
    "none ",
    "\0none",
    "",
    "null",
    "hs256",
    "HS256\0",
    "HS256 ",
    "\uff28\uff33\uff12\uff15\uff16",
    "XX",
]


@pytest.mark.parametrize("algorithm", NO_ALGORITHM)
@pytest.mark.parametrize("signature", ["", "AAAA", "hmac"])
def test_algorithm_none_or_unknown_is_refused_whatever_the_signature(algorithm: str, signature: str):
    """RFC 8725 §3.2; not even a valid HMAC as third segment helps."""
    good = signed(json.dumps({"alg": algorithm}).encode(), json.dumps(claims()).encode())
    text = good if signature == "hmac" else f"{good.rpartition('.')[0]}.{signature}"
    assert refusal(text) in (Reason.INVALID, Reason.MALFORMED)


@pytest.mark.parametrize("algorithm", [None, False, 0, [], ["HS256"], {"alg": "HS256"}, ["none"], "none"])
def test_algorithm_of_any_type_is_refused_without_a_crash(algorithm: Any):
    """Types that are no text never reach a lookup."""
    assert refusal(token(alg=algorithm)) in (Reason.INVALID, Reason.MALFORMED)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "PS256", "ES256", "EdDSA"])
def test_changed_signature_or_payload_is_refused(algorithm: str):
    """Every bit that is signed, and the signature itself, counts."""
    key = SECRET if algorithm == "HS256" else KEYS[algorithm]
    by = verifier(key, [algorithm])
    head, payload, signature = token(algorithm=algorithm).split(".")
    other = base64url(json.dumps(claims(sub="1")).encode())
    data = base64.urlsafe_b64decode(signature + "==")
    wrong = [
        bytes([data[0] ^ 1]) + data[1:],
        data[:-1],
        data + b"\0",
        data[:-1] + bytes([data[-1] ^ 1]),
        b"\0" * len(data),
    ]
    assert refusal(f"{head}.{other}.{signature}", by) is Reason.INVALID
    for spoiled in wrong:
        assert refusal(f"{head}.{payload}.{base64url(spoiled)}", by) is Reason.INVALID


def test_ecdsa_signature_is_raw_and_not_zero():
    """A DER signature and r = s = 0 (the psychic signature) are refused."""
    by = verifier(pem(EC), ["ES256"])
    head, _, signature = token(algorithm="ES256").rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    for forged in (der, b"\0" * 64, b"\0" * 32 + b"\1" * 32, ORDER.to_bytes(32) * 2):
        assert refusal(f"{head}.{base64url(forged)}", by) is Reason.INVALID


def test_second_spelling_of_an_ecdsa_signature_is_the_same_token():
    """ECDSA accepts (r, n-s) as well: revocation goes by the token id, which no spelling changes."""
    by = verifier(pem(EC), ["ES256"])
    good = token(claims(jti="j1"), algorithm="ES256")
    head, _, signature = good.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    twin = raw[:32] + (ORDER - int.from_bytes(raw[32:])).to_bytes(32)
    assert identity(f"{head}.{base64url(twin)}", by).token_id == identity(good, by).token_id == "j1"


STRANGERS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("algorithm", STRANGERS)
def test_key_in_the_header_is_ignored(algorithm: str):
    """A token signed with a key that it brings itself is refused (CVE-2018-0114), and nothing is fetched for it."""
    own = {"jku": "http://127.0.0.1:9/jwks.json", "x5u": "file:///etc/passwd", "x5c": ["MIIB"], "kid": "own"}
    brought = token(algorithm=algorithm, jwk=jwk(algorithm), **own)
    assert refusal(brought, key=STRANGERS[algorithm], algorithms=[algorithm]) is Reason.INVALID
    assert identity(brought, key=KEYS[algorithm], algorithms=[algorithm]).subject == "42"


def test_claims_are_judged_only_after_the_signature():
    """A forger learns nothing from a token of his own, not even that it has expired."""
    head, payload, _ = token(claims(exp=1)).split(".")
    assert refusal(f"{head}.{payload}.{base64url(b'x' * 32)}") is Reason.INVALID


@pytest.mark.parametrize("max_size", [0, -1, True, "8192", None, 1.5])
def test_size_limit_that_is_no_positive_number_stops_the_start(max_size: Any):
    """The limit cannot be switched off."""
    with pytest.raises(ConfigurationError, match="max_size"):
        verifier(max_size=max_size)


def test_size_limit_is_the_verifiers_own():
    """A lower limit applies to every token."""
    assert refusal(token(), max_size=50) is Reason.MALFORMED


# --- users ------------------------------------------------------------------------------------------------------------


async def load(claims: Any) -> Any:
    return {"42": SimpleNamespace(is_active=True), "43": SimpleNamespace(is_active=False), "44": "plain"}.get(
        claims["sub"]
    )


class Loader:
    async def __call__(self, claims: Any) -> Any:
        return await load(claims)


async def load_with(option: str, claims: Any) -> Any:
    return await load(claims)


@pytest.mark.parametrize("load_user", [load, Loader(), functools.partial(load_with, "x")])
def test_user_is_loaded_from_the_claims(load_user: Any):
    """An async function, a partial of one and an object with an async `__call__` all serve."""
    assert identity(token(), load_user=load_user).user.is_active
    assert identity(token(claims(sub="44")), load_user=load_user).user == "plain"


@pytest.mark.parametrize("subject", ["43", "45"])
def test_inactive_and_unknown_users_are_refused_alike(subject: str):
    """Neither reason nor text tells which users exist."""
    assert refusal(token(claims(sub=subject)), load_user=load) is Reason.INVALID


@pytest.mark.parametrize(
    "user",
    [{"is_active": False}, {"disabled": True}, {}, False, type("User", (), {"is_active": lambda self: False})()],
    ids=["dict", "disabled", "empty", "false", "method"],
)
def test_user_is_looked_into_whatever_stands_for_him(user: Any):
    """A row, a dict or a method says no as well as an attribute does."""

    async def load_it(claims: Any) -> Any:
        return user

    assert refusal(token(), load_user=load_it) is Reason.INVALID


@pytest.mark.parametrize("load_user", [lambda claims: None, functools.partial(print), len, 7])
def test_plain_function_as_load_user_stops_the_start(load_user: Any):
    """It would block the event loop, so the error says to write `async def`."""
    with pytest.raises(ConfigurationError, match="async def"):
        verifier(load_user=load_user)


def test_user_is_loaded_last():
    """The application's code never sees a token that is refused for other reasons."""

    async def never(claims: Any) -> Any:
        raise AssertionError

    assert refusal(token(claims(exp=1)), load_user=never) is Reason.EXPIRED
    assert refusal(token(claims(sub=7)), load_user=never) is Reason.INVALID
    assert refusal(token(claims(jti=7)), load_user=never) is Reason.INVALID


# --- once more --------------------------------------------------------------------------------------------------------


def test_token_without_a_user_is_not_judged_twice():
    """It speaks for itself until it expires; with `load_user` there is somebody to ask about."""
    assert getattr(verifier(), "recheck", None) is None
    assert SecurityScheme("jwt", Query("token"), verifier()).rechecker is None
    assert verifier(load_user=load).recheck is not None
    assert SecurityScheme("jwt", Query("token"), verifier(load_user=load)).rechecker is not None


class Users:
    """Loads users, counts how often and how many at once, and forgets whom it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = self.most = 0
        self.answers: dict[str, Any] = {}

    async def __call__(self, claims: Any) -> Any:
        self.asked.append(claims["sub"])
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        answer = self.answers.get(claims["sub"], SimpleNamespace(name=claims["sub"]))
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_users_are_loaded_again_a_few_at_a_time_and_once_for_equal_claims():
    """Every connection of a token gets the user that is loaded for it now, and keeps all else."""
    users = Users()
    by = verifier(load_user=users)
    proven = [await verify(by, token(claims(sub=str(number % 40), jti="j"))) for number in range(120)]
    users.asked.clear()
    users.most = 0
    found = await by.recheck(proven)
    assert (len(users.asked), users.most) == (40, 10)
    assert [each.user.name for each in found] == [each.subject for each in proven]
    assert [replace(each, user=None) for each in found] == [replace(each, user=None) for each in proven]
    assert all(each.user is not before.user for each, before in zip(found, proven, strict=True))


async def test_who_acts_as_another_keeps_him_as_long_as_the_tokens_user_is_there():
    """A subclass that puts in another user is not undone; whose token it is still is asked for."""

    class Impersonating(JWTVerifier):
        async def verify(self, credentials: Any, handshake: Any) -> Identity:
            found = await super().verify(credentials, handshake)
            return replace(found, subject="8", user="bob", scopes=found.scopes | {"impersonating"})

    users = Users()
    by = Impersonating(SECRET, algorithms=["HS256"], load_user=users, clock=lambda: NOW)
    proven = await verify(by, token(claims(sub="a")))
    assert await by.recheck([proven]) == [proven]
    users.answers = {"a": None}
    (found,) = await by.recheck([proven])
    assert isinstance(found, InvalidCredentials)


async def test_users_who_are_gone_are_revoked_and_faults_are_their_own(caplog: pytest.LogCaptureFixture):
    """What is raised for one says nothing about the others."""
    users = Users()
    by = verifier(load_user=users)
    proven = [await verify(by, token(claims(sub=name))) for name in "abcdefg"]
    users.answers = {
        "a": None,
        "b": SimpleNamespace(is_active=False),
        "c": InvalidCredentials("barred", Reason.FORBIDDEN),
        "d": InvalidCredentials("withdrawn"),
        "e": RuntimeError("secret of e"),
        "f": VerifierUnavailable("away"),
    }
    found = await by.recheck(proven)
    reasons = [each.reason if isinstance(each, InvalidCredentials) else type(each) for each in found]
    assert reasons == [
        *[Reason.REVOKED] * 2,
        Reason.FORBIDDEN,
        Reason.REVOKED,
        VerifierUnavailable,
        VerifierUnavailable,
        Identity,
    ]
    assert found[5] is users.answers["f"]
    assert found[6].user.name == "g"
    assert f"a re-check raised RuntimeError at {__file__}" in caplog.text
    assert "secret of e" not in caplog.text + found[4].detail


# --- anything at all --------------------------------------------------------------------------------------------------

MIXED = verifier([jwk("HS256"), pem(RSA), pem(EC), pem(ED)], ["HS256", "RS256", "ES256", "EdDSA"])
GOOD = [token(algorithm=name) for name in ("HS256", "RS256", "ES256", "EdDSA")]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["alg", "kid", "typ", "cty", "crit", "sub", "exp", "nbf", "iat", "iss", "aud", "jti", "scope", "type"]
)


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(text=st.text(max_size=200))
async def test_any_text_is_refused_cleanly(text: str):
    """No text whatever raises anything but InvalidCredentials."""
    with pytest.raises(InvalidCredentials):
        await verify(MIXED, text)


async def test_any_change_of_a_good_token_is_refused_cleanly():
    """Flipping, dropping, doubling or inserting characters never passes and never crashes."""
    choose = random.Random(7)
    for _ in range(1500):
        good = choose.choice(GOOD)
        at, other = choose.randrange(len(good)), choose.choice("AZaz09-_.=+/ \n\0é")
        changed = choose.choice(
            [good[:at] + other + good[at + 1 :], good[:at] + other + good[at:], good[:at] + good[at + 1 :], good[:at]]
        )
        if changed != good:
            with pytest.raises(InvalidCredentials):
                await verify(MIXED, changed)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(header=st.dictionaries(NAMES, JSON, max_size=3), payload=st.dictionaries(NAMES, JSON, max_size=4))
async def test_any_signed_json_is_accepted_or_refused_cleanly(header: dict[str, Any], payload: dict[str, Any]):
    """Even who holds the key cannot make the verifier crash; what it accepts is sound."""
    text = signed(json.dumps({"alg": "HS256", **header}).encode(), json.dumps(claims(**payload)).encode())
    try:
        found = await verify(MIXED, text)
    except InvalidCredentials as error:
        assert error.reason in (Reason.INVALID, Reason.MALFORMED, Reason.EXPIRED)  # noqa: PT017 - either outcome is fine
    else:
        assert found.subject.isprintable()
        assert NOW < found.expires_at < 1e12
