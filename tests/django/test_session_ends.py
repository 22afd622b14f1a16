"""Whatever deletes a session ends its connections, once, when it is gone, and for good."""

from __future__ import annotations

import datetime

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import SESSION_KEY, alogout, login, logout, update_session_auth_hash
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends import cache, db, file
from django.core.management import call_command
from django.db import transaction
from django.http import HttpRequest
from django.test import override_settings
from project.live import Live
from project.people import MODEL_BACKEND, log_in, open_session

from wsauth import Connections
from wsauth.django import engines, session_ends, session_id
from wsauth.django.engines import load_many
from wsauth.django.scope import session_store
from wsauth.django.session_ends import end_with


@pytest.fixture
def connections():
    return Connections()


@pytest.fixture(autouse=True)
def _watched(request):
    if "engine" in request.fixturenames:
        request.getfixturevalue("engine")
    session_ends.watch(session_store())


def published(connections):
    """How many records its log has brought."""
    return len(connections.log.records)


def logged_in(connections, user, **data):
    """A session of that user, and a socket of it."""
    key = async_to_sync(log_in)(user, **data)
    return key, Live(connections, str(user.pk), session_id=session_id(key))


def request_of(session, user=None):
    request = HttpRequest()
    request.session, request.user = session, user or AnonymousUser()
    return request


async def _arequest_of(session):
    request = request_of(session)

    async def auser():
        return request.user

    request.auser = auser
    await alogout(request)


WAYS = {
    "flush": lambda session: session.flush(),
    "aflush": lambda session: async_to_sync(session.aflush)(),
    "delete": lambda session: session.delete(),
    "adelete": lambda session: async_to_sync(session.adelete)(),
    "delete of another's": lambda session: session_store()().delete(session.session_key),
    "adelete of another's": lambda session: async_to_sync(session_store()().adelete)(session.session_key),
    "logout": lambda session: logout(request_of(session)),
    "alogout": lambda session: async_to_sync(_arequest_of)(session),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_each_way_to_delete_a_session_ends_its_sockets_with_one_record(engine, connections, alice, way):
    """In every engine, with the advice to log in; the user's other session stays."""
    key, socket = logged_in(connections, alice)
    _, other = logged_in(connections, alice, device="phone")
    way(session_store()(key))
    assert (socket.told, other.told) == (["REVOKED"], [])
    assert published(connections) == 1


@pytest.mark.parametrize("loaded", [True, False])
def test_a_cycled_key_asks_the_sockets_to_reconnect(engine, connections, alice, loaded):
    """The user is still logged in, under another key. A signed cookie keeps the old one, which stays good."""
    key, socket = logged_in(connections, alice)
    session = session_store()(key)
    assert not loaded or session[SESSION_KEY]
    session.cycle_key()
    assert socket.told == ([] if engine.endswith("signed_cookies") else ["GOING_AWAY"])
    key, socket = logged_in(connections, alice)
    async_to_sync(session_store()(key).acycle_key)()
    assert socket.told == ([] if engine.endswith("signed_cookies") else ["GOING_AWAY"])


def test_who_changes_the_password_and_stays_logged_in_reconnects(connections, alice):
    """Django cycles the key of that session then."""
    key, socket = logged_in(connections, alice)
    update_session_auth_hash(request_of(session_store()(key), alice), alice)
    assert socket.told == ["GOING_AWAY"]


def test_logging_in_publishes_nothing(engine, connections, alice):
    """Nobody was connected by the anonymous session that is cycled."""
    key = async_to_sync(open_session)(basket="three apples")
    alice.backend = MODEL_BACKEND
    request = request_of(session_store()(key))
    request.META["CSRF_COOKIE"] = "x"
    login(request, alice)
    assert published(connections) == 0


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_who_was_not_logged_in_leaves_no_record(engine, connections, way):
    """Nobody is connected by such a session: a stranger could write a record with each visit."""
    for _ in range(3):
        way(session_store()(async_to_sync(open_session)(basket="three apples")))
    assert published(connections) == 0


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_session_that_no_store_knows_leaves_no_record(engine, connections, way):
    """Any key may stand in a cookie."""
    way(session_store()("a" * 32))
    assert published(connections) == 0


def test_a_thousand_anonymous_log_outs_leave_no_record(connections):
    """With and without a look at the session before."""
    for number in range(1000):
        session = session_store()(async_to_sync(open_session)(basket="three apples") if number % 10 == 0 else None)
        session["basket"] = "four apples"
        session.save()
        logout(request_of(session if number % 2 else session_store()(session.session_key)))
    assert published(connections) == 0


def test_a_session_that_was_emptied_in_memory_is_told_of(connections, alice):
    """Its store still says who is logged in to it, and so do the sockets."""
    key, socket = logged_in(connections, alice)
    session = session_store()(key)
    session.clear()
    session.delete()
    assert socket.told == ["REVOKED"]


def test_a_store_that_cannot_be_asked_is_told_of(connections, alice, monkeypatch):
    """Somebody may be logged in."""
    key, socket = logged_in(connections, alice)
    monkeypatch.setattr(engines, "load_many", lambda *_, **__: [RuntimeError("locked")])
    session_store()(key).flush()
    assert socket.told == ["REVOKED"]


def test_an_ended_session_is_held_for_a_handshake_and_the_blind_limit(alice, monkeypatch):
    """Its store knows the rest, and whoever is cut off for longer asks it."""
    for limit, held in ((60.0, 120.0), (300.0, 360.0)):
        connections = Connections(blind_limit=limit)
        key, _ = logged_in(connections, alice)
        session_store()(key).flush()
        (record,) = connections.log.records.live()
        assert (record.until - record.at, record.exact) == (pytest.approx(held), True)


def test_logging_in_as_another_user_ends_the_first_ones_sockets(connections, alice, bob):
    """Django flushes the session."""
    key, socket = logged_in(connections, alice)
    bob.backend = MODEL_BACKEND
    login(request_of(session_store()(key)), bob)
    assert socket.told == ["REVOKED"]


def test_a_session_that_was_never_stored_is_not_told_of(engine, connections):
    """It has no key that anybody could be connected by."""
    for way in ("flush", "delete"):
        getattr(session_store()(), way)()
    session_store()().delete("")
    assert published(connections) == 0


def test_what_a_store_deletes_while_it_loads_is_not_told_of(connections, alice):
    """It has expired, which the connection knows by itself; `clearsessions` would write a record for each."""
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.file"):
        session_ends.watch(file.SessionStore)
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        keys = [async_to_sync(log_in)(alice, _session_expiry=yesterday.isoformat()) for _ in range(3)]
        file.SessionStore(keys[0]).load()
        async_to_sync(file.SessionStore(keys[1]).aload)()
        call_command("clearsessions")
        assert not any(file.SessionStore().exists(key) for key in keys)
    assert published(connections) == 0


def test_a_handshake_tells_nothing(engine, connections, alice):
    """Neither for a key that nobody knows, nor for a good one."""
    load_many([async_to_sync(log_in)(alice), "x" * 32, ""])
    assert published(connections) == 0


def test_a_deletion_in_the_database_is_told_of_when_it_is_committed(connections, alice):
    """Where it is rolled back, the session is still good."""
    key, socket = logged_in(connections, alice)
    with transaction.atomic():
        session_store()(key).flush()
        transaction.set_rollback(True)
    assert socket.told == []
    with transaction.atomic():
        session_store()(key).flush()
        assert socket.told == []
    assert socket.told == ["REVOKED"]


@override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cache")
def test_a_deletion_elsewhere_is_told_of_at_once(connections, alice):
    """No transaction brings it back."""
    session_ends.watch(cache.SessionStore)
    key, socket = logged_in(connections, alice)
    with transaction.atomic():
        session_store()(key).flush()
        assert socket.told == ["REVOKED"]


def test_it_is_told_of_when_the_session_is_gone(connections, alice, monkeypatch):
    """A handshake in between is judged by the store, which must say no."""
    there = []
    key, socket = logged_in(connections, alice)
    monkeypatch.setattr(socket, "end", lambda reason: there.append(db.SessionStore().exists(key)))
    logout(request_of(db.SessionStore(key), alice))
    assert there == [False]


def test_a_deletion_that_fails_ends_the_sockets_all_the_same(connections, alice, monkeypatch):
    """Whoever asked for it no longer wants to be connected."""
    key, socket = logged_in(connections, alice)

    def fail(*args):
        raise RuntimeError("the table is locked")

    monkeypatch.setattr(db.SessionStore, "delete", fail)
    with pytest.raises(RuntimeError, match="locked"):
        db.SessionStore(key).flush()
    assert socket.told == ["REVOKED"]


class Own(db.SessionStore):
    """An engine that calls its base's methods, and keeps a list."""

    def delete(self, session_key=None):
        super().delete(session_key)

    async def adelete(self, session_key=None):
        await sync_to_async(self.delete)(session_key)

    def flush(self):
        self.delete(self.session_key)
        self._session_key = None

    @classmethod
    def get_model_class(cls):
        return db.SessionStore.get_model_class()


class Bare:
    """A session that only has what it needs."""

    def __init__(self, key):
        self.session_key = key

    def flush(self):
        self.session_key = None


def test_a_subclass_tells_once(connections, alice):
    """Though its base tells too, and however often it is watched."""
    for _ in range(2):
        session_ends.watch(Own)
    before = Own.delete
    session_ends.watch(Own)
    assert Own.delete is before
    for count, way in enumerate(("delete", "flush"), start=1):
        key, socket = logged_in(connections, alice)
        getattr(Own(key), way)()
        assert (socket.told, published(connections)) == (["REVOKED"], count)
    key, socket = logged_in(connections, alice)
    async_to_sync(Own(key).adelete)()
    assert (socket.told, published(connections)) == (["REVOKED"], 3)


def test_methods_are_wrapped_where_they_are_defined(connections):
    """A class that inherits `load` still has that of its base: by this `engines` knows who reads rows as Django does."""

    class Base(Bare):
        def load(self):
            return {}

    class Inheriting(Base):
        pass

    session_ends.watch(Inheriting)
    assert Inheriting.load is Base.load
    assert not {"load", "flush"} & vars(Inheriting).keys()
    socket = Live(connections, session_id=session_id("the key"))
    Inheriting("the key").flush()
    assert (socket.told, published(connections)) == (["REVOKED"], 1)


def test_a_log_out_of_a_session_of_another_class_is_told_of(connections):
    """The project's own session middleware knows no SESSION_ENGINE."""
    socket = Live(connections, session_id=session_id("the key"))
    logout(request_of(Bare("the key")))
    assert (socket.told, published(connections)) == (["REVOKED"], 1)


def test_another_session_deleted_on_the_way_is_told_of_too(connections, alice, monkeypatch):
    """As where one browser at a time may be logged in."""
    (key, socket), (other, elsewhere) = logged_in(connections, alice), logged_in(connections, alice, device="phone")

    class Single(db.SessionStore):
        def flush(self):
            self.delete(other)
            super().flush()

    session_ends.watch(Single)
    Single(key).flush()
    assert socket.told == elsewhere.told == ["REVOKED"]


def test_a_session_in_a_scope_is_watched_whatever_its_class(connections):
    """Where "wsauth.django" is not installed, or a verifier brings sessions of its own."""

    class Brought(Bare):
        async def aflush(self):
            self.session_key = None

    tab, page = Live(connections, session_id=session_id("the key")), Live(connections, "a token's")
    session = Brought("the key")
    end_with(session, page)
    session.flush()
    assert tab.told == page.told == ["REVOKED"]
    session = Brought("the key")
    end_with(session, page)
    async_to_sync(session.aflush)()
    assert tab.told == page.told == ["REVOKED", "REVOKED"]
