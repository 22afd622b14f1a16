"""Users and tokens that live connections stand for are looked up again, many in one query, by the rules of `verify`."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.db import OperationalError
from project.counting import counted_hops, queries_of
from project.people import access_token, jwt
from project.settings import SECRET_KEY
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.authentication import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, SlidingToken

from wsauth import Credentials, Handshake, Identity, InvalidCredentials, Reason, VerifierUnavailable
from wsauth.django import DRFTokenVerifier, SimpleJWTVerifier, UserVerifier
from wsauth.django.stacks import ProjectJWT
from wsauth.verifiers.jwt import JWTVerifier

JWT = JWTVerifier(SECRET_KEY, algorithms=["HS256"])
BY_NAME = UserVerifier(JWT, field="username")
MANY = 120

VERIFIERS = {
    "rest token": (DRFTokenVerifier(), lambda user: Token.objects.get_or_create(user=user)[0].key),
    "user": (UserVerifier(JWT), lambda user: jwt(sub=str(user.pk), jti="7")),
    "user by name": (BY_NAME, lambda user: jwt(sub=user.username)),
    "simplejwt": (SimpleJWTVerifier(), access_token),
    "the project's": (ProjectJWT(), access_token),
}
every_verifier = pytest.mark.parametrize(("verifier", "secret_of"), VERIFIERS.values(), ids=VERIFIERS)


async def verify(verifier, secret):
    return await verifier.verify(Credentials(secret), Handshake("/"))


async def prove(verifier, secret_of, *users):
    return [await verify(verifier, await sync_to_async(secret_of)(user)) for user in users]


async def judged(verifier, proven, secret):
    """Re-check, and compare with what a handshake with the same credential gives now."""
    (found,) = await verifier.recheck([proven])
    try:
        fresh = await verify(verifier, secret)
    except InvalidCredentials:
        fresh = None
    holds = fresh is not None and fresh.subject == proven.subject
    assert isinstance(found, Identity) is holds
    assert found == fresh if holds else found.reason is Reason.REVOKED
    return found


# --- the price --------------------------------------------------------------------------------------------------------


@every_verifier
def test_many_take_one_query(verifier, secret_of, monkeypatch):
    """In one hop, however many sockets each of them has."""
    users = User.objects.bulk_create([User(username=f"user {number}") for number in range(MANY)])
    proven = async_to_sync(prove)(verifier, secret_of, *users)
    with counted_hops(monkeypatch) as hops:
        found, queries = queries_of(verifier.recheck, [*proven, *proven])
    assert [each.user for each in found] == [*users, *users]
    assert (len(queries), len(hops)) == (1, 1)


@every_verifier
async def test_every_connection_has_a_user_of_its_own(alice, verifier, secret_of):
    """What one consumer sets on its user, another does not see."""
    first, second = await verifier.recheck(await prove(verifier, secret_of, alice, alice))
    first.user.mood = "gay"
    assert not hasattr(second.user, "mood")


# --- the rules --------------------------------------------------------------------------------------------------------


def nothing(user):
    """Nobody changed."""


def deactivate(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete(user):
    User.objects.filter(pk=user.pk).delete()


def rename(user):
    User.objects.filter(pk=user.pk).update(username="alicia")


def give_the_name_to_another(user):
    rename(user)
    User.objects.create_user("alice")


def change_the_email(user):
    User.objects.filter(pk=user.pk).update(email="new@example.com")


@every_verifier
@pytest.mark.parametrize("change", [nothing, deactivate, delete, rename, give_the_name_to_another, change_the_email])
async def test_re_check_says_what_a_new_handshake_says(alice, bob, verifier, secret_of, change):
    """Whoever could not connect with the credential any more, or would be another one, is out; others stay."""
    secret = await sync_to_async(secret_of)(alice)
    proven = await verify(verifier, secret)
    (other,) = await prove(verifier, secret_of, bob)
    await sync_to_async(change)(alice)
    found = await judged(verifier, proven, secret)
    if change is change_the_email:
        assert found.user.email == "new@example.com"
    labelled = replace(proven, scheme="token", labels={"device": "phone"})
    found, beside = await verifier.recheck([labelled, other])
    assert beside.user == bob
    assert isinstance(found, InvalidCredentials) or (found.scheme, found.labels) == ("token", {"device": "phone"})


@pytest.mark.parametrize("change", [Token.delete, lambda token: token.user.delete()])
async def test_deleted_token_is_revoked(alice, bob, change):
    """So is one that was replaced by another of the same user."""
    secret = VERIFIERS["rest token"][1]
    proven, other = await prove(DRFTokenVerifier(), secret, alice, bob)
    key = (await Token.objects.aget(user=alice)).key
    await sync_to_async(change)(await Token.objects.select_related("user").aget(user=alice))
    await judged(DRFTokenVerifier(), proven, key)
    if await User.objects.filter(pk=alice.pk).aexists():
        await Token.objects.acreate(user=alice)
        await judged(DRFTokenVerifier(), proven, key)
    gone, stays = await DRFTokenVerifier().recheck([proven, other])
    assert gone.reason is Reason.REVOKED
    assert stays.user == bob


@pytest.mark.parametrize("change", [nothing, lambda user: User.objects.update(password="!")])
@pytest.mark.parametrize("checked", [True, False])
async def test_changed_password_counts_where_the_settings_say_so(alice, monkeypatch, change, checked):
    """CHECK_REVOKE_TOKEN holds."""
    monkeypatch.setattr(api_settings, "CHECK_REVOKE_TOKEN", checked)
    token = access_token(alice)
    proven = await verify(SimpleJWTVerifier(), token)
    await sync_to_async(change)(alice)
    found = await judged(SimpleJWTVerifier(), proven, token)
    assert isinstance(found, Identity) is (change is nothing or not checked)


@pytest.mark.parametrize("classes", [[SlidingToken], [AccessToken, SlidingToken]])
def test_blacklist_is_one_query_more(alice, bob, monkeypatch, classes):
    """Only where a token class would look at it."""
    monkeypatch.setattr(api_settings, "AUTH_TOKEN_CLASSES", classes)
    tokens = [SlidingToken.for_user(user) for user in (alice, bob, alice)]
    proven = [async_to_sync(verify)(SimpleJWTVerifier(), str(token)) for token in tokens]
    assert [type(each) for each in queries_of(SimpleJWTVerifier().recheck, proven)[0]] == [Identity] * 3
    tokens[0].blacklist()
    found, queries = queries_of(SimpleJWTVerifier().recheck, proven)
    assert [type(each) for each in found] == [InvalidCredentials, Identity, Identity]
    assert len(queries) == 2
    async_to_sync(judged)(SimpleJWTVerifier(), proven[0], str(tokens[0]))


@pytest.mark.parametrize("classes", [[AccessToken], [AccessToken, SlidingToken], [SlidingToken, AccessToken]])
async def test_blacklist_counts_for_the_kinds_that_ask_it(alice, monkeypatch, classes):
    """simplejwt does not look for access tokens there: a re-check that did would close what may reconnect at once."""
    monkeypatch.setattr(api_settings, "AUTH_TOKEN_CLASSES", classes)
    token = access_token(alice)
    proven = await verify(SimpleJWTVerifier(), token)
    outstanding = await OutstandingToken.objects.acreate(
        user=alice, jti=proven.token_id, token=token, expires_at="2099-01-01T00:00Z"
    )
    await BlacklistedToken.objects.acreate(token=outstanding)
    assert (await judged(SimpleJWTVerifier(), proven, token)).user == alice


@pytest.mark.parametrize("model", ["Account", "Named"])
def test_custom_user_models_with_other_keys(model):
    """UUIDs and texts for keys, of people whose names a careless comparison would confuse."""
    script = Path(__file__).parent / "project" / "custom_rechecks.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", script, model], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    assert before == [[True] * 4] * 5
    assert after == [[True, False, True, True]] * 5


# --- inner verifiers --------------------------------------------------------------------------------------------------


class Introspection:
    """An inner verifier that is asked again itself, and remembers by which names."""

    stateful = True

    def __init__(self):
        self.asked = []
        self.answers = {}

    async def verify(self, credentials, handshake):
        return Identity(credentials.secret, token_id=f"of {credentials.secret}")

    async def recheck(self, identities):
        self.asked = [each.subject for each in identities]
        return [self.answers.get(each.subject, each) for each in identities]


async def test_inner_verifier_is_asked_first_by_the_subjects_it_gave(alice, bob):
    """It knows nothing of primary keys. What it says ends the connection, or changes the identity."""
    inner = Introspection()
    verifier = UserVerifier(inner, field="username")
    proven = [await verify(verifier, name) for name in ("alice", "bob", "alice")]
    assert [each.user for each in await verifier.recheck(proven)] == [alice, bob, alice]
    assert inner.asked == ["alice", "bob", "alice"]
    inner.answers = {
        "alice": Identity("alice", scopes=frozenset({"read"})),
        "bob": InvalidCredentials("withdrawn", Reason.FORBIDDEN),
    }
    first, second, _ = await verifier.recheck(proven)
    assert (first.user, first.subject, first.scopes) == (alice, str(alice.pk), {"read"})
    assert second is inner.answers["bob"]
    inner.answers = {"alice": VerifierUnavailable("away"), "bob": Identity("alice")}
    first, second, _ = await verifier.recheck(proven)
    assert first is inner.answers["alice"]
    assert second.reason is Reason.REVOKED


async def test_anonymous_identity_of_an_inner_verifier_stays():
    """There is no user to look for."""
    nobody = Identity.anonymous()
    assert await UserVerifier(Introspection()).recheck([nobody]) == [nobody]


async def test_user_that_is_not_there_any_more_names_nobody(alice):
    """Where the identity has lost its user there is no name to look for."""
    (proven,) = await prove(BY_NAME, VERIFIERS["user by name"][1], alice)
    (found,) = await BY_NAME.recheck([replace(proven, user=None)])
    assert found.reason is Reason.REVOKED


@pytest.mark.parametrize("number", [1, 2])
async def test_name_that_two_users_have_now_is_nobodys(alice, bob, number):
    """A field that is not unique names nobody."""
    await User.objects.filter(pk=number).aupdate(email="a@example.com")
    verifier = UserVerifier(JWT, field="email")
    token = jwt(sub="a@example.com")
    proven = await verify(verifier, token)
    await User.objects.aupdate(email="a@example.com")
    await judged(verifier, proven, token)


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["x", "9" * 40, "1\0", "\ud800", " ", "01", "9" * 5000])
async def test_odd_subject_spoils_no_other(alice, odd):
    """A value that the column cannot hold is looked up by itself."""
    verifier = UserVerifier(JWT)
    found = await verifier.recheck([Identity(subject) for subject in ("1", odd, "x", "1")])
    users = [each.user if isinstance(each, Identity) else each.reason for each in found]
    assert users == [alice, Reason.REVOKED, Reason.REVOKED, alice]


@every_verifier
async def test_database_that_is_away_judges_nobody(alice, verifier, secret_of, monkeypatch):
    """No connection ends because a server is down."""
    proven = await prove(verifier, secret_of, alice)

    def fail(*args, **kwargs):
        raise OperationalError("away")

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", fail)
    with pytest.raises(VerifierUnavailable):
        await verifier.recheck(proven)


async def test_project_without_simplejwt_looks_users_up_too(alice, monkeypatch):
    """The other half of ProjectJWT."""
    monkeypatch.setattr("wsauth.django.stacks.find_spec", lambda name: None)
    verifier = ProjectJWT()
    token = jwt(user_id="1")
    proven = await verify(verifier, token)
    await sync_to_async(deactivate)(alice)
    await judged(verifier, proven, token)
