"""simplejwt judges its tokens by the project's settings; wsauth adds strictness, never leniency."""

from __future__ import annotations

import time

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import OperationalError
from project.people import access_token, jwt
from rest_framework_simplejwt.authentication import api_settings
from rest_framework_simplejwt.state import token_backend
from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken, UntypedToken

from wsauth import Credentials, Handshake, InvalidCredentials, Reason, VerifierUnavailable
from wsauth.django import SimpleJWTVerifier


async def verify(token):
    return await SimpleJWTVerifier().verify(Credentials(token), Handshake("/"))


async def refused(token):
    with pytest.raises(InvalidCredentials) as caught:
        await verify(token)
    return caught.value.reason


async def test_access_token_gives_its_user(alice):
    """Subject, dates, id and claims are those of the token."""
    identity = await verify(access_token(alice, scope="read write"))
    assert (identity.user, identity.subject) == (alice, str(alice.pk))
    assert identity.expires_at == pytest.approx(time.time() + 300, abs=30)
    assert identity.issued_at == pytest.approx(time.time(), abs=30)
    assert identity.token_id == identity.claims["jti"]
    assert identity.scopes == {"read", "write"}


async def test_expired_token_is_expired(alice):
    """The client is told to refresh, not to log in."""
    assert await refused(access_token(alice, exp=int(time.time()) - 1)) is Reason.EXPIRED


async def test_forged_and_expired_token_is_invalid(alice):
    """Who did not sign it learns nothing about its date."""
    claims = {"user_id": str(alice.pk), "token_type": "access", "jti": "1"}
    assert await refused(jwt(key="x" * 40, exp=1, **claims)) is Reason.INVALID


async def test_refresh_token_is_invalid_expired_or_not(alice):
    """It is no access token, and refreshing it would not help."""
    refresh = await sync_to_async(RefreshToken.for_user)(alice)
    assert await refused(str(refresh)) is Reason.INVALID
    refresh["exp"] = 1
    assert await refused(str(refresh)) is Reason.INVALID


@pytest.mark.parametrize("exp", ["9999999999", None, True, [], 1e300, -5, float("inf")])
async def test_date_that_is_no_number_is_refused(alice, exp):
    """A text, true or infinity is no date: simplejwt answers some of them with a crash."""
    token = access_token(alice, exp=exp)
    assert await refused(token) in (Reason.INVALID, Reason.MALFORMED)


async def test_token_without_an_end_is_refused(alice):
    """A connection must end some day."""
    assert await refused(jwt(exp=None, user_id=str(alice.pk), token_type="access", jti="1")) is Reason.INVALID


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_other_date_that_is_no_number_is_refused(alice, claim):
    """Every date is checked, not only the end."""
    assert await refused(access_token(alice, **{claim: "1"})) is Reason.INVALID


@pytest.mark.parametrize(
    "subject", [True, None, 1.0, [1], {"id": 1}, "01", " 1", "true", "", "1\0", "9" * 5000, "x" * 1000, "\ud800"]
)
async def test_user_claim_that_only_resembles_a_key_is_invalid(alice, subject):
    """True is not user 1, and no claim is an error of the database."""
    assert await refused(access_token(alice, user_id=subject)) in (Reason.INVALID, Reason.MALFORMED)
    assert (await verify(access_token(alice, user_id=1))).subject == "1"


async def test_token_without_a_user_claim_is_invalid(alice):
    """It proves that somebody was logged in, and not who."""
    assert await refused(jwt(token_type="access", jti="1")) is Reason.INVALID


async def test_inactive_and_deleted_users_are_invalid(alice, monkeypatch):
    """CHECK_USER_IS_ACTIVE = False does not let an inactive user connect."""
    token = access_token(alice)
    await User.objects.aupdate(is_active=False)
    assert await refused(token) is Reason.INVALID
    monkeypatch.setattr(api_settings, "CHECK_USER_IS_ACTIVE", False)
    assert await refused(token) is Reason.INVALID
    await User.objects.all().adelete()
    assert await refused(token) is Reason.INVALID


async def test_changed_password_is_invalid_where_the_settings_say_so(alice, monkeypatch):
    """CHECK_REVOKE_TOKEN holds."""
    monkeypatch.setattr(api_settings, "CHECK_REVOKE_TOKEN", True)
    token = access_token(alice)
    assert (await verify(token)).user == alice
    await User.objects.aupdate(password="!")
    assert await refused(token) is Reason.INVALID


async def test_leeway_of_the_settings_holds_for_the_connection_too(alice, monkeypatch):
    """A token within its leeway does not open a connection that ends at once."""
    monkeypatch.setattr(token_backend, "leeway", 30)
    exp = int(time.time()) - 5
    assert (await verify(access_token(alice, exp=exp))).expires_at == exp + 30


async def test_user_id_field_and_claim_of_the_settings_hold(alice, monkeypatch):
    """The claim names the user by the configured field."""
    monkeypatch.setattr(api_settings, "USER_ID_FIELD", "username")
    monkeypatch.setattr(api_settings, "USER_ID_CLAIM", "name")
    identity = await verify(access_token(alice))
    assert (identity.claims["name"], identity.subject) == ("alice", str(alice.pk))


async def test_token_classes_of_the_settings_hold_with_the_blacklist(alice, monkeypatch):
    """Sliding tokens where they are configured, unless they are blacklisted."""
    monkeypatch.setattr(api_settings, "AUTH_TOKEN_CLASSES", [SlidingToken])
    assert await refused(access_token(alice)) is Reason.INVALID
    token = await sync_to_async(SlidingToken.for_user)(alice)
    assert (await verify(str(token))).user == alice
    await sync_to_async(token.blacklist)()
    assert await refused(str(token)) is Reason.INVALID


async def test_tokens_without_type_or_id_pass_where_the_settings_say_so(alice, monkeypatch):
    """A project that turned the claims off has tokens without them; an expired one is still expired."""
    monkeypatch.setattr(api_settings, "TOKEN_TYPE_CLAIM", None)
    monkeypatch.setattr(api_settings, "JTI_CLAIM", None)
    monkeypatch.setattr(api_settings, "AUTH_TOKEN_CLASSES", [UntypedToken])
    assert (await verify(jwt(user_id=str(alice.pk)))).token_id is None
    assert await refused(jwt(user_id=str(alice.pk), exp=1)) is Reason.EXPIRED


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "é.é.é", "x" * 9000, "..", "null"])
async def test_text_that_is_no_token_is_malformed(token):
    """Nothing irregular reaches simplejwt."""
    assert await refused(token) is Reason.MALFORMED


async def test_database_that_is_away_makes_the_verifier_unavailable(alice, monkeypatch):
    """A token is not invalid because a server is down."""

    def fail(*args, **kwargs):
        raise OperationalError("away")

    monkeypatch.setattr("django.db.models.query.QuerySet.get", fail)
    with pytest.raises(VerifierUnavailable):
        await verify(access_token(alice))


@pytest.mark.parametrize("mark", [{"nonce": "n"}, {"events": {}}, {"cnf": {"jkt": "x"}}, {"token_use": "id"}])
async def test_project_that_tells_no_kinds_apart_takes_no_token_that_shows_another(alice, mark, monkeypatch):
    """Without TOKEN_TYPE_CLAIM simplejwt takes whatever its key signed, or that of an issuer of its own."""
    monkeypatch.setattr(api_settings, "TOKEN_TYPE_CLAIM", None)
    plain = {"user_id": str(alice.pk), "jti": "1"}
    assert (await verify(jwt(**plain))).user == alice
    assert await refused(jwt(**plain, **mark)) is Reason.INVALID
