"""A subject becomes the one active Django user who bears it exactly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import DataError, OperationalError
from django.test import override_settings
from project.people import jwt
from project.settings import SECRET_KEY

from wsauth import (
    ConfigurationError,
    Credentials,
    Handshake,
    Identity,
    InvalidCredentials,
    VerifierUnavailable,
)
from wsauth.django import UserVerifier, load_user
from wsauth.verifiers.jwt import JWTVerifier

VERIFIER = JWTVerifier(SECRET_KEY, algorithms=["HS256"])


async def verify(subject, field="pk"):
    async def inner(credentials):
        return Identity(subject, claims={"room": "3"})

    return await UserVerifier(inner, field).verify(Credentials("token"), Handshake("/"))


async def test_subject_gives_the_user_and_keeps_what_the_token_said(alice):
    """The identity of the inner verifier, with the user in it."""
    identity = await UserVerifier(VERIFIER).verify(Credentials(jwt(sub=str(alice.pk), jti="7")), Handshake("/"))
    assert (identity.user, identity.subject, identity.token_id) == (alice, str(alice.pk), "7")


async def test_another_field_names_the_user_and_the_subject_is_the_key(alice):
    """One user has one subject, however they connect: a revocation by subject reaches all."""
    identity = await verify("alice", field="username")
    assert (identity.user, identity.subject) == (alice, str(alice.pk))


ODD_KEYS = [
    "10",
    " 1",
    "1 ",
    "01",
    "+1",
    "1.0",
    "true",
    "True",
    "None",
    "-1",
    "1\0",
    "\0",
    "\ud800",
    "\uff11",
    "1 OR 1=1",
]


@pytest.mark.parametrize("odd", [*ODD_KEYS, "9" * 40, "9" * 10_240, "x" * 10_240])
async def test_subject_that_only_resembles_a_key_is_invalid(alice, odd):
    """No spelling but the exact one, and never an error of the database."""
    with pytest.raises(InvalidCredentials):
        await verify(odd)
    assert (await verify("1")).user == alice


@pytest.mark.parametrize("odd", ["Alice", "ALICE", "alice ", " alice", "alice\0", "\uff41lice", "alic\u0435"])
async def test_name_that_only_resembles_another_is_invalid(alice, odd, monkeypatch):
    """A collation may take names for equal that are not: the row is compared with what was asked."""
    manager = User._default_manager
    monkeypatch.setattr(manager, "get", lambda **_: alice, raising=False)
    with pytest.raises(InvalidCredentials):
        await verify(odd, field="username")
    assert (await verify("alice", field="username")).user == alice


@pytest.mark.parametrize("change", [{"is_active": False}, None])
async def test_inactive_and_deleted_users_are_invalid_alike(alice, change):
    """One explanation for both: which users exist is nobody's business."""
    rows = User.objects.filter(pk=alice.pk)
    await (rows.aupdate(**change) if change else rows.adelete())
    with pytest.raises(InvalidCredentials) as caught:
        await verify(str(alice.pk))
    assert caught.value.detail == "the user is unknown or inactive"


async def test_name_of_several_users_is_invalid(alice, bob):
    """A field that is not unique names nobody."""
    await User.objects.aupdate(email="both@example.com")
    with pytest.raises(InvalidCredentials):
        await verify("both@example.com", field="email")


async def test_value_that_the_database_refuses_is_invalid(alice, monkeypatch):
    """A number beyond the column is the client's mistake; a database that is away is not."""

    def failing(error):
        def look_up(**_):
            raise error

        for name in ("get", "filter"):
            monkeypatch.setattr(User._default_manager, name, look_up, raising=False)

    failing(DataError("out of range"))
    with pytest.raises(InvalidCredentials):
        await verify("1")
    failing(OperationalError("away"))
    with pytest.raises(VerifierUnavailable):
        await verify("1")


async def test_nobody_and_anonymous_pass_through():
    """There is no user to look for."""

    async def nobody(credentials):
        return None

    assert await UserVerifier(nobody).verify(Credentials("token"), Handshake("/")) is None
    assert (await verify("")).is_anonymous


def test_what_the_inner_verifier_is_holds_for_the_whole():
    """A token stays a token, to be judged by its date of issue after a revocation; and shows as one in a document."""

    class Stored:
        stateful = True

        async def verify(self, credentials, handshake):
            return None

    assert (UserVerifier(VERIFIER).stateful, UserVerifier(VERIFIER).bearer_format) == (False, "JWT")
    assert (UserVerifier(Stored()).stateful, UserVerifier(Stored()).bearer_format) == (True, None)
    assert repr(UserVerifier(VERIFIER)) == f"UserVerifier({VERIFIER!r}, field='pk')"


@pytest.mark.parametrize("field", ["username__iexact", "no field", ""])
def test_lookup_is_no_field(field):
    """Anything but a plain field would match what it should not."""
    with pytest.raises(ConfigurationError, match="field"):
        UserVerifier(VERIFIER, field=field)


def test_plain_function_is_refused_with_the_fix():
    """It would block the event loop."""
    with pytest.raises(ConfigurationError, match="async def"):
        UserVerifier(lambda credentials: None)


# --- several issuers --------------------------------------------------------------------------------------------------

OURS, THEIRS = "https://ours.example", "https://theirs.example"
OTHER = "another key, of another issuer, of at least 32 bytes"
BOTH = JWTVerifier(issuer={OURS: SECRET_KEY, THEIRS: OTHER}, algorithms=["HS256"])
BY_ISSUER = {OURS: "pk", THEIRS: "username"}


async def found(verifier, issuer, subject):
    token = jwt(key=SECRET_KEY if issuer == OURS else OTHER, iss=issuer, sub=subject)
    return await verifier.verify(Credentials(token), Handshake("/"))


@pytest.mark.parametrize("field", ["pk", "username", {OURS: "pk"}, {**BY_ISSUER, "https://else": "pk"}])
def test_one_field_for_several_issuers_stops_the_start(field):
    """Each issuer's "1" would become the same user; the error says what to write."""
    with pytest.raises(ConfigurationError, match=f'field={{"{OURS}": ..., "{THEIRS}": ...}}'):
        UserVerifier(BOTH, field=field)
    with pytest.raises(ConfigurationError, match=r'claims\["iss"\]'):
        JWTVerifier(issuer={OURS: SECRET_KEY, THEIRS: OTHER}, algorithms=["HS256"], load_user=load_user)


@pytest.mark.parametrize("field", [{}, {OURS: "pk", THEIRS: "group__name"}, {OURS: "pk", THEIRS: ""}, ["pk"], None])
def test_field_of_an_issuer_that_is_none_stops_the_start(field):
    """A field for each, by its name."""
    with pytest.raises(ConfigurationError, match="UserVerifier"):
        UserVerifier(BOTH, field=field)


async def test_each_issuer_has_a_field_of_its_own(alice):
    """The subject is the primary key, and the issuer stays beside it; a re-check looks where the handshake did."""
    bob = await User.objects.acreate(username=str(alice.pk))
    verifier = UserVerifier(BOTH, field=BY_ISSUER)
    identities = [await found(verifier, issuer, str(alice.pk)) for issuer in (OURS, THEIRS)]
    assert [(each.user, each.subject, each.issuer) for each in identities] == [
        (alice, str(alice.pk), OURS),
        (bob, str(bob.pk), THEIRS),
    ]
    assert await verifier.recheck(identities) == identities
    await User.objects.filter(pk=bob.pk).aupdate(is_active=False)
    first, second = await verifier.recheck(identities)
    assert (first.user, type(second)) == (alice, InvalidCredentials)


@pytest.mark.parametrize("issuer", [OURS, THEIRS])
async def test_verifier_that_does_not_say_how_many_issuers_it_has_gives_nobody_a_user(alice, issuer, caplog):
    """It may be a wrapper around one of several; the log says what to write."""

    class Wrapper:
        async def verify(self, credentials, handshake):
            return await BOTH.verify(credentials, handshake)

    with pytest.raises(VerifierUnavailable):
        await found(UserVerifier(Wrapper()), issuer, str(alice.pk))
    assert f"UserVerifier(..., field={{'{issuer}': 'pk'}})" in caplog.text
    with pytest.raises(InvalidCredentials):
        await found(UserVerifier(Wrapper(), field={"https://else": "pk"}), issuer, str(alice.pk))
    assert (await found(UserVerifier(Wrapper(), field={issuer: "pk"}), issuer, str(alice.pk))).user == alice


async def test_one_issuer_needs_no_field_of_its_own(alice):
    """There is nobody to take its subjects for another's."""
    verifier = UserVerifier(JWTVerifier(SECRET_KEY, algorithms=["HS256"], issuer=OURS))
    identity = await found(verifier, OURS, str(alice.pk))
    assert (identity.user, identity.issuer) == (alice, OURS)
    assert await verifier.recheck([identity]) == [identity]


@pytest.mark.parametrize("claims", [{"sub": "{}"}, {"user_id": "{}"}, {"user_id": 1}, {"sub": "{}", "user_id": 1}])
async def test_load_user_reads_the_usual_claims(alice, claims):
    """`sub`, or simplejwt's `user_id`."""
    filled = {name: "1" if value == "{}" else value for name, value in claims.items()}
    assert (await load_user(filled)).username == "alice"


@pytest.mark.parametrize(
    "claims", [{}, {"sub": True}, {"sub": None}, {"sub": "1", "user_id": 2}, {"user_id": [1]}, {"sub": "01"}]
)
async def test_load_user_finds_nobody_by_odd_claims(alice, claims):
    """Claims of another kind name nobody, and neither do claims that name two."""
    assert await load_user(claims) is None


async def test_load_user_follows_the_settings_of_simplejwt_and_serves_the_jwt_verifier(alice):
    """As an argument of JWTVerifier it gives the identity its user."""
    verifier = JWTVerifier(SECRET_KEY, algorithms=["HS256"], subject_claim="name", load_user=load_user)
    with override_settings(SIMPLE_JWT={"USER_ID_CLAIM": "name", "USER_ID_FIELD": "username"}):
        assert (await verifier.verify(Credentials(jwt(name="alice")), Handshake("/"))).user == alice
        await User.objects.aupdate(is_active=False)
        with pytest.raises(InvalidCredentials):
            await verifier.verify(Credentials(jwt(name="alice")), Handshake("/"))


def test_custom_user_model_with_a_uuid_works_everywhere():
    """No verifier knows more of the user model than Django does."""
    script = Path(__file__).parent / "project" / "custom_users.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "pk": "account",
        "nickname": "account",
        "hexadecimal": "INVALID",
        "upper case": "INVALID",
        "half": "INVALID",
        "number": "INVALID",
        "session": "account",
        "session of another user model": "INVALID",
        "simplejwt": "account",
    }
