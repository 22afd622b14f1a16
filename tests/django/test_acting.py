"""Who acts as another user: the credential is looked at again as whose it is, and nothing that was put in is undone."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from project.counting import queries_of
from project.people import access_token, jwt, log_in, open_session
from project.settings import SECRET_KEY
from rest_framework.authtoken.models import Token

from wsauth import (
    ConfigurationError,
    Credentials,
    Handshake,
    Identity,
    InvalidCredentials,
    Mapped,
    Query,
    Reason,
    SecurityScheme,
)
from wsauth.django import DRFTokenVerifier, SessionVerifier, SimpleJWTVerifier, UserVerifier
from wsauth.django.scope import session_store
from wsauth.verifiers.jwt import JWTVerifier


def acting(base, change):
    """A subclass whose `verify` makes something of what the base finds, and that knows nothing of re-checks."""

    class Acting(base):
        async def verify(self, credentials, handshake):
            return await change(await super().verify(credentials, handshake))

    return Acting


async def as_bob(identity):
    bob = await User.objects.filter(username="bob").afirst()
    if bob is None:
        raise InvalidCredentials("nobody to act as")
    return replace(identity, subject=str(bob.pk), user=bob, scopes=identity.scopes | {"impersonating"})


async def as_bob_anew(identity):
    bob = await User.objects.aget(username="bob")
    scopes, scope, ends = frozenset({"impersonating"}), identity.scope, identity.expires_at
    return Identity(
        str(bob.pk),
        user=bob,
        scopes=scopes,
        scope=scope,
        claims=identity.claims,
        expires_at=ends,
        token_id=identity.token_id,
    )


async def session_of(user):
    return await log_in(user)


async def simplejwt_of(user):
    return await sync_to_async(access_token)(user)


async def drf_token_of(user):
    return (await Token.objects.acreate(user=user)).key


async def jwt_of(user):
    return jwt(sub=str(user.pk))


async def jwt_by_name(user):
    return jwt(sub=user.username)


def users_by(field):
    return lambda base=UserVerifier: base(JWTVerifier(SECRET_KEY, algorithms=["HS256"]), field)


KINDS = {
    "session": (SessionVerifier, (), session_of),
    "simplejwt": (SimpleJWTVerifier, (), simplejwt_of),
    "token of DRF": (DRFTokenVerifier, (), drf_token_of),
    "JWT": (UserVerifier, (JWTVerifier(SECRET_KEY, algorithms=["HS256"]),), jwt_of),
    "JWT by name": (UserVerifier, (JWTVerifier(SECRET_KEY, algorithms=["HS256"]), "username"), jwt_by_name),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=["subclass", "Mapped"])
def impersonating(request, kind):
    base, arguments, _ = kind
    return Mapped(base(*arguments), as_bob) if request.param == "Mapped" else acting(base, as_bob)(*arguments)


async def prove(verifier, secret):
    return await verifier.verify(Credentials(secret), Handshake("/"))


async def judge(verifier, identity):
    (found,) = await verifier.recheck([identity])
    return found


async def test_who_acts_as_another_stays_as_long_as_the_credential(alice, bob, kind, impersonating):
    """Re-check after re-check, with the user whom he acts as read anew, and what was added."""
    identity = await prove(impersonating, await kind[-1](alice))
    await User.objects.filter(pk=bob.pk).aupdate(is_staff=True)
    for _ in range(3):
        identity = await judge(impersonating, identity)
        assert isinstance(identity, Identity)
        assert (identity.subject, identity.user, identity.user.is_staff) == (str(bob.pk), bob, True)
        assert "impersonating" in identity.scopes
        assert identity.proven_subject == str(alice.pk)


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("how", ["deactivated", "deleted"])
async def test_neither_outlives_himself(alice, bob, kind, impersonating, who, how):
    """The one whose credential it is, and the one whom he acts as."""
    identity = await prove(impersonating, await kind[-1](alice))
    gone = User.objects.filter(username=who)
    await (gone.aupdate(is_active=False) if how == "deactivated" else gone.adelete())
    found = await judge(impersonating, identity)
    assert isinstance(found, InvalidCredentials)
    assert found.reason is Reason.REVOKED


@pytest.mark.parametrize("change", [as_bob, as_bob_anew])
async def test_session_of_who_acts_as_another_ends_with_its_log_out(alice, bob, engine, change):
    """Also where the subclass made an identity of its own; a signed cookie is the session, and cannot be ended here."""
    verifier = acting(SessionVerifier, change)()
    key = await log_in(alice)
    identity = await judge(verifier, await prove(verifier, key))
    assert (identity.subject, identity.proven_subject) == (str(bob.pk), str(alice.pk))
    await sync_to_async(session_store()(key).flush)()
    found = await judge(verifier, identity)
    if engine.endswith("signed_cookies"):
        assert (found.subject, found.proven_subject) == (str(bob.pk), str(alice.pk))
    else:
        assert found.reason is Reason.REVOKED


@pytest.mark.parametrize("kind", [KINDS["simplejwt"]], indirect=True, ids=["simplejwt"])
async def test_claims_say_whose_a_token_is(alice, bob, kind):
    """A subclass that keeps them stays, whatever it calls the subject."""
    verifier = acting(SimpleJWTVerifier, as_bob)()
    identity = await prove(verifier, await simplejwt_of(alice))
    await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
    assert isinstance(await judge(verifier, identity), InvalidCredentials)


async def test_session_that_becomes_another_users_ends(alice, bob):
    """Acting as bob does not make the session his."""
    verifier = acting(SessionVerifier, as_bob)()
    key = await log_in(alice)
    identity = await prove(verifier, key)
    await sync_to_async(_log_in_another)(key, bob)
    assert (await judge(verifier, identity)).reason is Reason.REVOKED


def _log_in_another(key, user):
    session = session_store()(key)
    session.update({"_auth_user_id": str(user.pk), "_auth_user_hash": user.get_session_auth_hash()})
    session.save()


async def test_earlier_end_that_was_put_in_stays(alice, bob):
    """An hour as another user is an hour, also after a re-check; whoever set none has the session's."""

    async def for_an_hour(identity):
        return replace(identity, expires_at=ends)

    ends = time.time() + 3600
    verifier = acting(SessionVerifier, for_an_hour)()
    identity = await judge(verifier, await prove(verifier, await log_in(alice)))
    assert identity.expires_at == ends
    assert (await judge(verifier, identity)).expires_at == ends


async def test_visitor_whom_a_subclass_knows_stays_until_the_session_ends(alice):
    """A session that nobody has logged in to may name a guest; a log-in makes it somebody's."""

    async def guest(identity):
        return replace(identity, subject=f"guest-{identity.scope['session']['guest']}", user=None)

    verifier = acting(SessionVerifier, guest)()
    key = await open_session(guest="7")
    identity = await prove(verifier, key)
    assert await judge(verifier, identity) == identity
    await sync_to_async(session_store()(key).flush)()
    assert (await judge(verifier, identity)).reason is Reason.REVOKED


def test_nobody_else_is_looked_up(alice):
    """A re-check of those who act as themselves takes as many queries as before."""
    (identity,), _ = queries_of(_prove_one, SessionVerifier(), alice)
    _, queries = queries_of(SessionVerifier().recheck, [identity])
    assert len(queries) == 2


async def _prove_one(verifier, user):
    return [await prove(verifier, await log_in(user))]


class WithScopes:
    """As it is written without a thought of re-checks."""

    def __init__(self, inner):
        self.inner = inner

    async def verify(self, credentials, handshake):
        identity = await self.inner.verify(credentials, handshake)
        return replace(identity, scopes=identity.scopes | {"chat"})


def test_object_around_a_verifier_is_refused_with_the_line_to_write(kind):
    """A deactivated user's socket would stay; around a `Mapped` of it nothing is said."""
    base, arguments, _ = kind
    with pytest.raises(ConfigurationError, match=rf"write Mapped\({base.__name__}\(\.\.\.\), change\)"):
        SecurityScheme("one", Query("token"), WithScopes(base(*arguments)))
    SecurityScheme("one", Query("token"), Mapped(base(*arguments), as_bob))
    SecurityScheme("one", Query("token"), acting(base, as_bob)(*arguments))
