"""Keys belong to their issuer: nobody signs as another, and the subjects of two are told apart (RFC 8725 §3.8)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from fakes import named, opened
from joserfc.jwk import OctKey
from verifiers.signing import EC, KEYS, RSA, SECRET, base64url, claims, identity, jwk, pem, refusal, token, verify

from wsauth import Policy, Reason
from wsauth.core.errors import ConfigurationError, VerifierUnavailable
from wsauth.core.events import subject_hash
from wsauth.verifiers.jwks import JWKS
from wsauth.verifiers.jwt import JWTVerifier

A, B = "https://a.example", "https://b.example"
OTHER = b"pL8#kX2!vN6@qW9$zR3%tY7^bM1&cH5*jF0(dS4)gA-uE_iO=eQ+wT/rU?yP.oI,aK"
KEY_OF = {A: KEYS["HS256"], B: OctKey.import_key(OTHER)}


def verifier(key: Any = None, algorithms: Any = ("HS256",), **options: Any) -> JWTVerifier:
    return JWTVerifier(key, list(algorithms), clock=lambda: 1_800_000_000, **options)


def two() -> JWTVerifier:
    return verifier(issuer={A: SECRET, B: OTHER})


def of(issuer: Any, key: Any = None, **header: Any) -> str:
    return token(claims(iss=issuer), key=key or KEY_OF[issuer], **header)


def refused(*arguments: Any, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        verifier(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("issuer", [A, B])
def test_token_of_each_issuer_is_accepted_and_names_it(issuer: str):
    """The subject is as the issuer wrote it; beside it stands who that was."""
    found = identity(of(issuer), two())
    assert (found.subject, found.issuer) == ("42", issuer)


@pytest.mark.parametrize("header", [{}, {"kid": "b"}, {"kid": B}])
def test_key_of_one_issuer_signs_for_no_other(header: dict[str, str]):
    """Whatever name of a key its token gives."""
    assert refusal(of(B, KEY_OF[A], **header), two()) is Reason.INVALID
    assert refusal(of(A, KEY_OF[B], **header), two()) is Reason.INVALID
    by = verifier(issuer={A: {"a": SECRET}, B: [jwk("HS256", kid="b", k=base64url(OTHER))]})
    assert refusal(of(B, KEY_OF[A], **header), by) is Reason.INVALID


@pytest.mark.parametrize("issuer", [None, "", "https://c.example", f"{A}/", A.upper(), [A], [A, B], {A: 1}, 7, True])
def test_token_of_another_issuer_or_none_is_refused(issuer: Any):
    """Exactly one of the names, as text."""
    assert refusal(of(issuer, KEY_OF[A]), two()) is Reason.INVALID
    assert refusal(token(), two()) is Reason.INVALID


def test_each_issuer_has_keys_in_any_form():
    """A secret here, several keys there; each serves its algorithm."""
    by = verifier(algorithms=["HS256", "RS256", "ES256"], issuer={A: SECRET, B: [pem(RSA), pem(EC)]})
    assert identity(of(A), by).issuer == A
    for algorithm in ("RS256", "ES256"):
        assert identity(token(claims(iss=B), algorithm), by).issuer == B
        assert refusal(token(claims(iss=A), algorithm), by) is Reason.INVALID
    assert by.issuers == {A, B}


async def test_published_keys_are_fetched_for_their_issuer_alone():
    """A token of another issuer, or with an algorithm that is not published, asks nobody."""
    asked = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        raise OSError

    by = verifier(algorithms=["HS256", "ES256"], issuer={A: SECRET, B: JWKS("https://b.example/keys", fetch=fetch)})
    assert (await verify(by, of(A))).issuer == A
    for text in (of("https://c.example", KEY_OF[A], kid="x"), token(claims(iss=B), kid="x")):
        with pytest.raises(Exception, match=r"iss|kid"):
            await verify(by, text)
    assert asked == []
    with pytest.raises(VerifierUnavailable):
        await verify(by, token(claims(iss=B), "ES256"))
    assert asked == ["https://b.example/keys"]


def test_one_issuer_is_pinned_and_named():
    """`Identity.issuer` is what was verified; where nothing is pinned it is nobody's word."""
    assert identity(of(A), verifier(SECRET, issuer=A)).issuer == A
    assert identity(of(A), verifier(SECRET)).issuer is None
    assert verifier(SECRET).issuers is None


def test_names_of_one_issuer_may_share_its_key():
    """Some spell themselves in two ways. With one key there is nobody else who could sign."""
    for key in (SECRET, [SECRET], {"k": SECRET}):
        by = verifier(key, issuer=[A, B])
        assert {identity(of(issuer, KEY_OF[A]), by).issuer for issuer in (A, B)} == {A, B}


SHARED = [[SECRET, OTHER], {"a": SECRET, "b": OTHER}, {"keys": [jwk("HS256"), jwk("HS256", k=base64url(OTHER))]}]


@pytest.mark.parametrize("keys", SHARED, ids=["list", "mapping", "JWK Set"])
def test_several_issuers_with_keys_in_common_stop_the_start(keys: Any):
    """Each could sign as the other; the error says what to write."""
    assert 'issuer={"https://a.example": keys_of_a' in refused(keys, issuer=[A, B])
    assert verifier(keys, issuer=A)


COMMON = {
    "secret": (SECRET, SECRET),
    "one of several": ([SECRET, OTHER], [OTHER]),
    "secret under two names": ({"a": SECRET}, {"b": SECRET}),
    "secret and its JWK": (SECRET, jwk("HS256", kid="b")),
    "JWK Set": ({"keys": [jwk("HS256")]}, SECRET),
    "PEM and its JWK": (pem(EC), jwk("ES256", kid="b")),
    "one JWKS": (shared := JWKS("https://a.example/keys"), shared),
    "one address": (JWKS("https://a.example/keys"), JWKS("HTTPS://A.example:443/keys#b", cache_for=60)),
}


@pytest.mark.parametrize(("of_a", "of_b"), COMMON.values(), ids=COMMON)
def test_key_of_two_issuers_stops_the_start(of_a: Any, of_b: Any):
    """Whoever has it could sign as either; the error says how to write two names of one issuer."""
    algorithms = ["ES256"] if isinstance(of_a, JWKS) or of_a == pem(EC) else ["HS256"]
    message = refused(algorithms=algorithms, issuer={A: of_a, B: of_b})
    assert f"the issuers '{A}' and '{B}' have a key in common" in message
    assert f"write issuer={{('{A}', '{B}'): keys}}" in message


def test_key_of_another_of_several_names_stops_the_start():
    """The line to write names them all."""
    alias = f"{A}/"
    message = refused(issuer={(A, alias): SECRET, B: SECRET})
    assert all(name in message.partition("write issuer=")[2] for name in (A, alias, B))


def test_two_names_of_one_issuer_are_written_together():
    """One authority signs for all of its tenants, and nobody else does; another issuer stands beside it."""
    one, alias = "https://one.example/tenant1", "https://one.example/tenant2"
    by = verifier(issuer={(one, alias): SECRET, B: OTHER})
    assert by.issuers == {one, alias, B}
    assert {identity(of(name, KEY_OF[A]), by).issuer for name in (one, alias)} == {one, alias}
    assert identity(of(B), by).issuer == B
    assert refusal(of(B, KEY_OF[A]), by) is Reason.INVALID
    assert refusal(of(alias, KEY_OF[B]), by) is Reason.INVALID


def test_keys_at_two_addresses_are_those_of_two_issuers():
    """Another path, query or port is another address."""
    for other in ("https://a.example/keys2", "https://a.example/keys?p=b", "https://a.example:8443/keys"):
        both = {A: JWKS("https://a.example/keys"), B: JWKS(other)}
        assert verifier(algorithms=["ES256"], issuer=both).issuers == {A, B}


@pytest.mark.parametrize(
    ("arguments", "options", "clue"),
    [
        ((SECRET,), {"issuer": {A: SECRET}}, "beside"),
        (({A: SECRET, B: OTHER},), {}, "issuer={"),
        (({"a": JWKS("https://a.example/keys")},), {}, "issuer={"),
        (({"a": [SECRET], "b": OTHER},), {}, "issuer={"),
        ((), {"issuer": {}}, "issuer"),
        ((), {"issuer": {7: SECRET}}, "issuer"),
        ((), {"issuer": {(): SECRET}}, "issuer"),
        ((), {"issuer": {(A, 7): SECRET}}, "issuer"),
        ((), {"issuer": {(A, B): SECRET, B: OTHER}}, "named twice"),
        ((), {"issuer": {"": SECRET}}, "issuer"),
        ((), {"issuer": {A: "short"}}, "32"),
        ((), {"issuer": {A: None}}, "NoneType"),
        ((), {"issuer": {A: JWKS("https://a.example/keys")}}, "no JWKS holds"),
        ((), {"issuer": A}, "NoneType"),
        ((), {}, "NoneType"),
    ],
)
def test_issuers_that_make_no_sense_stop_the_start(arguments: Any, options: Any, clue: str):
    """With what was found, or the line to write."""
    assert clue in refused(*arguments, **options)


# --- everywhere else --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whom", "codes"),
    [
        ({"subject": "42"}, [4410, 4410]),
        ({"subject": "42", "issuer": A}, [4410, None]),
        ({"issuer": B}, [None, 4410]),
        ({"subject": "43", "issuer": A}, [None, None]),
    ],
)
async def test_subject_is_revoked_for_every_issuer_or_for_one(whom: Any, codes: Any):
    """`subject=` alone is that of every issuer; with `issuer=` it is one person; `issuer=` alone is all of its people."""
    by, tokens = two(), iter([of(A), of(B)])

    async def either(credentials: Any) -> Any:
        return replace(await verify(by, next(tokens)), expires_at=None)

    events: list[Any] = []
    policy = Policy([named(verifier=either)], events=[events.append])
    both = [await opened(policy=policy) for _ in (A, B)]
    assert {event.subject_hash for event in events} == {subject_hash("42", A), subject_hash("42", B)}
    assert (await policy.connections.revoke(**whom)).closed == sum(code is not None for code in codes)
    assert policy.connections.log.records.live()[0].match == set(whom.items())
    for live, code in zip(both, codes, strict=True):
        if code is None:
            live.server.client_leaves()
    await asyncio.wait([live.task for live in both])
    assert [live.server.code for live in both] == codes
