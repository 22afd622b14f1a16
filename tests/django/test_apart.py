"""A session that is in no database does not come back with a rollback, and neither do its connections."""

from __future__ import annotations

import contextlib
import threading

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends import cache, db, file
from django.db import connection, connections, transaction
from django.db.backends.signals import connection_created
from django.test import TestCase
from patience import HANG
from project.live import Live

from wsauth import Connections
from wsauth.core.reasons import Reason
from wsauth.django import DatabaseLog, log, publishing, session_ends, session_id
from wsauth.revocation.log import MemoryLog
from wsauth.revocation.record import Verb


@pytest.fixture(autouse=True)
def _alone(alone):
    """Or the tests' own logs would hear of it too."""
    for store in (cache, file, db):
        session_ends.watch(store.SessionStore)


@pytest.fixture
def held():
    return Connections(log=DatabaseLog())


@pytest.fixture
def rows():
    from wsauth.django.models import Revocation

    return Revocation.objects


@pytest.fixture
def _others_do_not_wait_long(monkeypatch):
    """For the lock of SQLite."""
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"timeout": 0.05})


def logged_in(held, store):
    session = store.SessionStore()
    session[SESSION_KEY] = "1"
    session.save()
    return session, Live(held, session_id=session_id(session.session_key))


def flush_and_fail(session, socket, before=lambda: None):
    """What a view does under ATOMIC_REQUESTS. Returns what the socket was told before the end, and who still writes then."""
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        before()
        session.flush()
        told, writing = list(socket.told), apart()
        raise ZeroDivisionError
    return told, writing


def apart():
    return [thread for thread in threading.enumerate() if thread.name == "wsauth-apart"]


def wait_for_what_goes_on():
    for thread in apart():
        thread.join(HANG)


@pytest.mark.parametrize("store", [cache, file])
def test_a_session_in_no_database_ends_its_connections_though_the_transaction_is_rolled_back(held, rows, store):
    """Here at once, and elsewhere by a row that is committed before the caller goes on."""
    session, socket = logged_in(held, store)
    assert flush_and_fail(session, socket)[0] == ["REVOKED"]
    assert (socket.told, rows.count(), apart()) == (["REVOKED"], 1, [])


def test_a_transaction_that_commits_records_it_once(held, rows):
    """And without a transaction no thread is needed."""
    session, socket = logged_in(held, cache)
    with transaction.atomic():
        session.flush()
    assert (socket.told, rows.count()) == (["REVOKED"], 1)
    session, socket = logged_in(held, cache)
    created = []
    connection_created.connect(created.append, weak=False, dispatch_uid="test")
    session.flush()
    connection_created.disconnect(dispatch_uid="test")
    assert (socket.told, rows.count(), created) == (["REVOKED"], 2, [])


def test_a_session_in_the_database_comes_back_with_a_rollback(held, rows):
    """It is still good, so nobody is told."""
    session, socket = logged_in(held, db)
    assert flush_and_fail(session, socket)[0] == []
    assert (socket.told, rows.count()) == ([], 0)


def test_where_the_caller_has_locked_the_database_the_row_is_written_when_it_is_free(held, rows):
    """SQLite has one writer: the connections are closed at once, the caller waits for half a second, and then goes on."""
    session, socket = logged_in(held, cache)
    told, writing = flush_and_fail(session, socket, before=lambda: User.objects.create(username="carol"))
    assert told == ["REVOKED"]
    assert len(writing) == 1, "it does not wait for as long as that takes"
    wait_for_what_goes_on()
    assert (socket.told, rows.count()) == (["REVOKED"], 1)


@pytest.mark.usefixtures("_others_do_not_wait_long")
def test_where_the_lock_lasts_too_long_it_is_left_to_the_re_check(held, rows, caplog, monkeypatch):
    """Which is logged as an error; here it counts all the same."""
    session, socket = logged_in(held, cache)
    monkeypatch.setattr(log, "APART", HANG)
    told, writing = flush_and_fail(session, socket, before=lambda: User.objects.create(username="carol"))
    assert (told, writing) == (["REVOKED"], [])
    assert rows.count() == 0
    assert "revoke by session_id is left to the re-check: the revocation was not recorded: the database" in caplog.text


def test_the_connection_of_its_own_is_closed(held, rows):
    """A database has few of them."""
    opened = []

    def note(connection, **kwargs):
        opened.append(connection)

    session, socket = logged_in(held, cache)
    connection_created.connect(note)
    flush_and_fail(session, socket)
    connection_created.disconnect(note)
    (own,) = opened
    assert own is not connections["default"]
    assert own.connection is None


def test_in_a_test_case_nothing_is_left_beside_its_transaction(held, rows, monkeypatch):
    """Its rollback takes the row along, and no other connection is opened; the connections are closed at once."""
    monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail("another thread"))
    session, socket = logged_in(held, cache)
    atomics = TestCase._enter_atomics()
    try:
        session.flush()
        assert (socket.told, rows.count()) == (["REVOKED"], 1)
    finally:
        TestCase._rollback_atomics(atomics)
    assert rows.count() == 0


def test_in_a_database_in_memory_the_connections_are_closed_at_once(held, rows, monkeypatch):
    """Another connection would find another database, or this one locked; there is no other process either."""
    monkeypatch.setattr(type(connection._connections["default"]), "is_in_memory_db", lambda self: True)
    monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail("another thread"))
    session, socket = logged_in(held, cache)
    assert flush_and_fail(session, socket)[0] == ["REVOKED"]
    with transaction.atomic():
        held.revoke_now(subject="1")
        assert socket.told == ["REVOKED"], "what is in the database still waits for the commit"


def test_a_log_that_knows_no_apart_is_told_at_once():
    """As one of a project's own, and those that take no part in transactions."""

    class Own(MemoryLog):
        in_transaction = True

    held = Connections(log=Own())
    socket = Live(held)
    with transaction.atomic():
        publishing.publish(Verb.REVOKE, None, Reason.REVOKED, subject="1")
        assert socket.told == ["REVOKED"]
