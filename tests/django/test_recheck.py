"""Sessions that live connections hold are judged again as a new handshake would judge them, many at the price of one."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone
from project.counting import counted_hops, queries_of
from project.engines import BACKENDS
from project.people import MODEL_BACKEND, log_in, open_session
from project.policies import verify_session as verify

from wsauth import Credentials, Handshake, Identity, InvalidCredentials, Reason, VerifierUnavailable
from wsauth.django import SessionVerifier
from wsauth.django.database import ask
from wsauth.django.scope import session_store
from wsauth.django.sessions import identify_many

SESSIONS, USERS = 500, 300


async def recheck(*identities):
    return await SessionVerifier().recheck(identities)


async def recheck_one(identity):
    (found,) = await recheck(identity)
    return found


def open_many(users, count):
    """Write so many sessions of these users at once; return their keys."""
    store = session_store()()
    keys = [f"{number:032}" for number in range(count)]
    ends = timezone.now() + timedelta(days=1)
    data = [
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: MODEL_BACKEND,
            "_auth_user_hash": user.get_session_auth_hash(),
        }
        for user in users
    ]
    rows = [
        Session(session_key=key, session_data=store.encode(data[number % len(users)]), expire_date=ends)
        for number, key in enumerate(keys)
    ]
    Session.objects.bulk_create(rows)
    return keys


@pytest.fixture
def many():
    users = User.objects.bulk_create([User(username=f"user {number}", password="!") for number in range(USERS)])
    return open_many(users, SESSIONS)


async def prove_all(keys):
    return await ask(identify_many, keys)


# --- the price --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [BACKENDS + "db", BACKENDS + "cached_db"])
def test_many_sessions_take_two_queries(many, engine, monkeypatch):
    """One for the sessions, one for their users, in one hop; for handshakes and for re-checks."""
    with override_settings(SESSION_ENGINE=engine):
        proven, queries = queries_of(prove_all, many)
        assert [type(identity) for identity in proven] == [Identity] * SESSIONS
        assert len(queries) == 2
        with counted_hops(monkeypatch) as hops:
            found, queries = queries_of(recheck, *proven)
    assert (len(queries), len(hops)) == (2, 1)
    assert [each.subject for each in found] == [each.subject for each in proven]
    assert len({each.subject for each in found}) == USERS


def test_lone_handshake_takes_the_same_two(alice):
    """Nothing extra for the one that comes alone, with a good session or none."""
    (key,) = open_many([alice], 1)
    identity, queries = queries_of(verify, key)
    assert (identity.user, len(queries)) == (alice, 2)
    assert len(queries_of(verify, "k" * 32)[1]) == 1
    assert queries_of(verify, "short") == (None, [])


def test_sockets_of_one_session_are_one_look_up(alice, monkeypatch):
    """The same key is read and decoded once, and the answer is for all."""
    (key,) = open_many([alice], 1)
    decoded = []
    decode = db.SessionStore.decode
    sockets = queries_of(prove_all, [key] * 40)[0]
    monkeypatch.setattr(db.SessionStore, "decode", lambda self, data: decoded.append(data) or decode(self, data))
    found, queries = queries_of(recheck, *sockets)
    assert (len(queries), len(decoded)) == (2, 1)
    assert [each.user for each in found] == [alice] * 40


def test_nothing_to_ask_asks_nothing():
    """An empty batch, and one of anonymous clients, costs no query."""
    nobody = Identity.anonymous(scope={"session": session_store()("k" * 32)})
    assert queries_of(recheck) == ([], [])
    assert queries_of(recheck, nobody) == ([nobody], [])


class OwnUsers(ModelBackend):
    def get_user(self, user_id):
        if user_id == 2:
            raise RuntimeError("of bob")
        return super().get_user(user_id)


@pytest.mark.parametrize(("own_sessions", "expected"), [(3, 1 + 3 + 1), (5, 1 + 5)])
def test_own_backend_is_asked_one_by_one_in_one_hop(alice, monkeypatch, own_sessions, expected):
    """Whoever reads users in his own way keeps the last word."""
    own = f"{__name__}.OwnUsers"
    users = [alice, *(User.objects.create_user(f"user {number}") for number in range(4))]
    monkeypatch.setattr("django.contrib.auth.load_backend", lambda path: OwnUsers() if path == own else ModelBackend())
    with override_settings(AUTHENTICATION_BACKENDS=[own, MODEL_BACKEND]):
        store = session_store()()
        keys = open_many(users, 5)
        for row in Session.objects.all()[:own_sessions]:
            row.session_data = store.encode({**store.decode(row.session_data), BACKEND_SESSION_KEY: own})
            row.save()
        proven = queries_of(prove_all, keys)[0]
        with counted_hops(monkeypatch) as hops:
            found, queries = queries_of(recheck, *proven)
    assert [each.user for each in found] == users
    assert (len(queries), len(hops)) == (expected, 1)


def test_own_load_is_called_for_each_in_one_hop(alice, bob, monkeypatch):
    """An engine that reads its rows in its own way does so; the rows themselves still are one query."""
    with override_settings(SESSION_ENGINE="project.engines"):
        proven = queries_of(prove_all, open_many([alice, bob], 4))[0]
        assert [each.scope["session"]["engine"] for each in proven] == ["own"] * 4
        with counted_hops(monkeypatch) as hops:
            found, queries = queries_of(recheck, *proven)
    assert [each.user for each in found] == [alice, bob] * 2
    assert (len(queries), len(hops)) == (1 + 4 + 1, 1)


async def test_cache_is_asked_once(alice, bob, monkeypatch):
    """Five hundred answers from one round trip."""
    with override_settings(SESSION_ENGINE=BACKENDS + "cache"):
        proven = await prove_all([await log_in(alice), await log_in(bob), await log_in(alice)])
        asked = []
        kind = type(caches["default"])
        get_many = kind.get_many
        monkeypatch.setattr(kind, "get_many", lambda self, keys: asked.append(keys) or get_many(self, keys))
        assert [each.user for each in await recheck(*proven)] == [alice, bob, alice]
    assert [len(keys) for keys in asked] == [3]


# --- the rules --------------------------------------------------------------------------------------------------------


def _row(key):
    return Session.objects.filter(session_key=key)


def _change_data(key, **data):
    session = session_store()(key)
    session.update(data)
    session.save()


def log_out(key, user):
    session_store()(key).flush()


def delete_row(key, user):
    _row(key).delete()


def expire(key, user):
    _row(key).update(expire_date=timezone.now() - timedelta(seconds=1))


def change_password(key, user):
    user.set_password("another")
    user.save()


def change_password_behind_django(key, user):
    User.objects.filter(pk=user.pk).update(password="!")


def deactivate(key, user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete_user(key, user):
    User.objects.filter(pk=user.pk).delete()


def log_in_another(key, user):
    other = User.objects.create_user("carol", password="of carol")
    _change_data(key, _auth_user_id=str(other.pk), _auth_user_hash=other.get_session_auth_hash())


def forget_the_user(key, user):
    session = session_store()(key)
    session.clear()
    session.save()


def forge(key, user):
    _row(key).update(session_data="forged")


def name_nobody(key, user):
    _change_data(key, _auth_user_id="x")


def name_a_number_beyond_all_columns(key, user):
    _change_data(key, _auth_user_id=str(2**70))


def drop_the_hash(key, user):
    _change_data(key, _auth_user_hash="")


def remove_backend(key, user):
    _change_data(key, **{BACKEND_SESSION_KEY: "gone.Backend"})


def change_nothing(key, user):
    """And stay connected."""


def put_something_in_the_basket(key, user):
    _change_data(key, basket="three apples")


def extend(key, user):
    _row(key).update(expire_date=timezone.now() + timedelta(days=99))


def rename(key, user):
    User.objects.filter(pk=user.pk).update(username="alicia")


def change_password_and_keep_the_session(key, user):
    change_password(key, user)
    _change_data(key, _auth_user_hash=user.get_session_auth_hash())


ENDS = [log_out, change_password, change_password_behind_django, deactivate, delete_user, log_in_another]
ENDS += [forget_the_user, name_nobody, name_a_number_beyond_all_columns, drop_the_hash, remove_backend]
ENDS_ROWS = [delete_row, expire, forge]
STAYS = [change_nothing, put_something_in_the_basket, rename, change_password_and_keep_the_session]


async def judged(identity, key):
    """Re-check, and compare with what a handshake with the same key gives now."""
    found = await recheck_one(identity)
    try:
        fresh = await verify(key)
    except InvalidCredentials as error:
        fresh = error
    holds = isinstance(fresh, Identity) and fresh.subject == identity.subject
    assert isinstance(found, Identity) is holds, (found, fresh)
    if holds:
        assert (found.user, found.session_id) == (fresh.user, fresh.session_id)
        assert found.expires_at == pytest.approx(fresh.expires_at)
    return found


@pytest.mark.parametrize("change", ENDS + STAYS)
async def test_re_check_says_what_a_new_handshake_says(alice, bob, engine, change):
    """Every rule of `verify` holds for those who are connected, and others are not touched."""
    if engine.endswith("signed_cookies") and change not in (change_password, deactivate, delete_user, change_nothing):
        change = change_password_behind_django  # the key is the session: nothing else can change it
    key, others = await log_in(alice), await log_in(bob)
    proven, other = await verify(key), await verify(others)
    await sync_to_async(change)(key, alice)
    found = await judged(proven, key)
    if change in STAYS:
        assert found.subject == proven.subject
    else:
        assert found.reason is Reason.REVOKED
    found, beside = await recheck(proven, other)
    assert isinstance(found, Identity) is (change in STAYS)
    assert beside.user == bob


@pytest.mark.parametrize("change", ENDS_ROWS)
@pytest.mark.parametrize("name", ["db", "cached_db"])
async def test_change_of_the_row_is_seen(alice, name, change):
    """Whoever changes the table behind Django means it."""
    with override_settings(SESSION_ENGINE=BACKENDS + name):
        key = await log_in(alice)
        proven = await verify(key)
        await sync_to_async(change)(key, alice)
        assert (await judged(proven, key)).reason is Reason.REVOKED


async def test_session_past_its_end_is_expired(alice, engine):
    """The client is told that time was up, not that somebody ended it."""
    key = await log_in(alice)
    proven = replace(await verify(key), expires_at=time.time() - 1)
    await sync_to_async(delete_row)(key, alice)
    caches["default"].clear()
    with override_settings(SESSION_COOKIE_AGE=-1):
        assert await verify(key) is None
        assert (await recheck_one(proven)).reason is Reason.EXPIRED


async def test_extended_session_has_its_new_end(alice):
    """Sliding sessions: the connection goes on as long as the session does."""
    key = await log_in(alice)
    proven = await verify(key)
    await sync_to_async(extend)(key, alice)
    assert (await judged(proven, key)).expires_at == pytest.approx(time.time() + 99 * 86400, abs=30)


@pytest.mark.parametrize(("fallbacks", "stays"), [(True, True), (False, False)])
async def test_change_of_the_secret_key_ends_what_no_fallback_proves(alice, settings_secret, fallbacks, stays):
    """As for handshakes: the old key proves sessions as long as it is in SECRET_KEY_FALLBACKS."""
    key = await log_in(alice)
    proven = await verify(key)
    old = [settings_secret] if fallbacks else []
    with override_settings(SECRET_KEY="a new secret key of the same good length", SECRET_KEY_FALLBACKS=old):
        assert isinstance(await judged(proven, key), Identity) is stays


@pytest.fixture
def settings_secret():
    from django.conf import settings

    return settings.SECRET_KEY


@override_settings(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.AllowAllUsersModelBackend"])
async def test_inactive_user_is_out_whatever_the_backend_says(alice):
    """A backend that lets inactive users log in does not keep them connected."""
    key = await log_in(alice, **{BACKEND_SESSION_KEY: "django.contrib.auth.backends.AllowAllUsersModelBackend"})
    proven = await verify(key)
    await sync_to_async(deactivate)(key, alice)
    assert (await judged(proven, key)).reason is Reason.REVOKED


async def test_backend_has_its_say_on_users_that_were_read_together(alice, bob, monkeypatch):
    """`user_can_authenticate` is asked for each user, also where it is overridden."""
    keys = [await log_in(alice), await log_in(bob)]
    proven = await prove_all(keys)
    monkeypatch.setattr(ModelBackend, "user_can_authenticate", lambda self, user: user.username != "bob")
    found = await recheck(*proven)
    assert found[0].user == alice
    assert found[1].reason is Reason.REVOKED


class WritesHere:
    def db_for_read(self, model, **hints):
        return "a replica" if model is Session else None

    def db_for_write(self, model, **hints):
        return "default"


async def test_replica_is_not_asked(alice):
    """It may not know yet of a log-out."""
    key = await log_in(alice)
    with override_settings(DATABASE_ROUTERS=[WritesHere()]):
        assert (await recheck_one(await verify(key))).user == alice


# --- what stays as it is ----------------------------------------------------------------------------------------------


async def test_session_of_the_connection_is_kept_with_what_the_application_put_into_it(alice):
    """Only the user and the end are fresh."""
    proven = replace(await verify(await log_in(alice)), scheme="session")
    session = proven.scope["session"]
    session["unsaved"] = "draft"
    await sync_to_async(rename)(None, alice)
    found = await recheck_one(proven)
    assert found.scope["session"] is session
    assert (session["unsaved"], session.modified) == ("draft", True)
    assert (found.scheme, found.user.username, proven.user.username) == ("session", "alicia", "alice")


async def test_every_connection_has_a_user_of_its_own(alice):
    """One row is read for three connections; what one consumer sets on its user, the others do not see."""
    keys = [await log_in(alice), await log_in(alice)]
    proven = [await verify(key) for key in (*keys, keys[0])]
    found = await recheck(*proven)
    assert [each.user for each in found] == [alice] * 3
    found[0].user.mood = "gay"
    assert [hasattr(each.user, "mood") for each in found] == [True, False, False]


@pytest.mark.parametrize("name", ["db", "cached_db", "cache"])
async def test_handshakes_with_one_key_share_nothing(alice, name):
    """Two tabs that come back at once have a session each."""
    with override_settings(SESSION_ENGINE=BACKENDS + name):
        key = await log_in(alice, basket=["apple"])
        first, second = await prove_all([key, key])
    first.scope["session"]["basket"].append("pear")
    first.user.mood = "gay"
    assert second.scope["session"]["basket"] == ["apple"]
    assert not hasattr(second.user, "mood")


async def test_batch_answers_in_order_with_what_is_no_key_between(alice, bob):
    """Each key has its own answer, whatever stands beside it."""
    keys = [
        "short",
        await log_in(alice),
        "a\0b" * 20,
        "k" * 32,
        await log_in(bob),
        await open_session(basket="x"),
        "é" * 32,
    ]
    found = await prove_all(keys)
    assert [each and each.subject for each in found] == [None, "1", None, None, "2", "", None]


async def test_anonymous_identity_stays(alice):
    """It proved nothing that could end; its session is its own affair."""
    anonymous = await verify(await open_session(basket="three apples"))
    await Session.objects.all().adelete()
    assert await recheck_one(anonymous) is anonymous


async def test_session_that_the_application_flushed_has_ended(alice):
    """There is no key left to ask for."""
    proven = await verify(await log_in(alice))
    await sync_to_async(proven.scope["session"].flush)()
    assert (await recheck_one(proven)).reason is Reason.REVOKED
    assert (await recheck_one(replace(proven, scope={}))).reason is Reason.REVOKED


# --- faults -----------------------------------------------------------------------------------------------------------


async def test_fault_of_one_is_nobody_elses(alice, bob, monkeypatch, caplog):
    """A backend that crashes for Bob says nothing about him, and Alice is judged."""
    proven = await prove_all([await log_in(alice), await log_in(bob)])
    monkeypatch.setattr("django.contrib.auth.load_backend", lambda path: OwnUsers())
    with caplog.at_level(logging.ERROR, "wsauth"):
        found = await recheck(*proven)
    assert found[0].user == alice
    assert isinstance(found[1], VerifierUnavailable)
    assert f"raised RuntimeError at {__file__}" in caplog.text
    assert "of bob" not in caplog.text + found[1].detail


@pytest.mark.parametrize("name", ["project.engines", BACKENDS + "file"])
async def test_fault_of_an_engine_for_one_is_nobody_elses(alice, bob, monkeypatch, name):
    """A session that its engine cannot load is refused to nobody but itself."""
    with override_settings(SESSION_ENGINE=name):
        keys = [await log_in(alice), await log_in(bob, broken=True)]
        proven = await prove_all(keys)
        load = session_store().load

        def fail(self):
            data = load(self)
            return data if "broken" not in data else 1 / 0

        monkeypatch.setattr(session_store(), "load", fail)
        found = await recheck(*proven)
        with pytest.raises(ZeroDivisionError):
            await SessionVerifier().verify(Credentials(keys[1]), Handshake("/"))
    assert found[0].user == alice
    assert isinstance(found[1], VerifierUnavailable)


async def test_store_that_lets_everybody_wait_is_asked_once(alice, bob, monkeypatch):
    """All of Django's database work waits in the same thread: after one slow failure nothing more is asked."""
    proven = await prove_all([await log_in(alice), await log_in(bob)])
    asked = []

    class Slow(ModelBackend):
        def get_user(self, user_id):
            asked.append(user_id)
            time.sleep(0.02)
            raise ConnectionError

    monkeypatch.setattr("django.contrib.auth.load_backend", lambda path: Slow())
    monkeypatch.setattr("wsauth.django.lookups.SLOW", 0.01)
    with pytest.raises(VerifierUnavailable):
        await recheck(*proven)
    assert asked == [1]


@pytest.mark.parametrize("where", ["wsauth.django.engines.load_many", "django.contrib.auth.load_backend"])
async def test_database_that_is_away_judges_nobody(alice, monkeypatch, where):
    """No connection ends because a server is down."""
    proven = await verify(await log_in(alice))

    def fail(*args):
        raise OperationalError("away")

    monkeypatch.setattr(where, fail)
    with pytest.raises(VerifierUnavailable):
        await recheck(proven)


async def test_cache_that_is_away_has_logged_nobody_out(alice, monkeypatch):
    """Django's engine takes an outage for an unknown key; that would close every connection with "log in again"."""
    with override_settings(SESSION_ENGINE=BACKENDS + "cache"):
        key = await log_in(alice)
        proven = await verify(key)
        kind = type(caches["default"])

        def fail(*args, **kwargs):
            raise ConnectionError("10.0.0.1 refused")

        monkeypatch.setattr(kind, "get", fail)
        for answer in (recheck(proven), verify(key)):
            with pytest.raises(VerifierUnavailable, match="cache") as caught:
                await answer
            assert "10.0.0.1" not in caught.value.detail


async def test_entry_of_the_cache_that_cannot_be_read_is_nobody_elses_fault(alice, bob):
    """Data of a class that a deploy removed: that session has ended, as Django sees it, and no other."""
    with override_settings(SESSION_ENGINE=BACKENDS + "cache"):
        keys = [await log_in(alice), await log_in(bob)]
        proven = await prove_all(keys)
        store = caches["default"]
        (entry,) = [name for name in store._cache if name.endswith(keys[1])]
        store._cache[entry] = b"no pickle"
        found = await recheck(*proven)
    assert found[0].user == alice
    assert found[1].reason is Reason.REVOKED
