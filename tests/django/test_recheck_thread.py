"""Re-checks look in a thread of their own, so that what keeps Django's thread busy closes nobody."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core import mail
from django.db import connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from fakes import Echo, FakeServer, knocking
from project.people import jwt, log_in
from project.settings import SECRET_KEY

from wsauth import EventKind, Header, Policy, Reason, SecurityScheme, WebSocketAuthMiddleware
from wsauth.django import DRFTokenVerifier, SessionVerifier, SimpleJWTVerifier, UserVerifier, load_user, recheck_thread
from wsauth.verifiers.jwt import JWTVerifier

KINDS = ["session", "drf", "simplejwt", "jwt", "load_user"]


@pytest.fixture
def looks(monkeypatch):
    """The threads that have asked the database, and the connections that they asked over."""
    found = []
    execute = CursorWrapper.execute

    def noted(cursor, *arguments):
        found.append((threading.current_thread(), connections["default"]))
        return execute(cursor, *arguments)

    monkeypatch.setattr(CursorWrapper, "execute", noted)
    return found


@pytest.fixture
def _kept(monkeypatch):
    """Connections are kept open between two looks."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)


async def presented(kind, user):
    """Return a verifier, and what proves the user to it."""
    if kind == "session":
        return SessionVerifier(), await log_in(user)
    if kind == "drf":
        from rest_framework.authtoken.models import Token

        return DRFTokenVerifier(), (await Token.objects.acreate(user=user)).key
    if kind == "simplejwt":
        from rest_framework_simplejwt.tokens import AccessToken

        return SimpleJWTVerifier(), str(await sync_to_async(AccessToken.for_user)(user))
    if kind == "load_user":
        return JWTVerifier(SECRET_KEY, algorithms=["HS256"], load_user=load_user), jwt(sub="1")
    return UserVerifier(JWTVerifier(SECRET_KEY, algorithms=["HS256"])), jwt(sub="1")


class Visitor:
    """One connection, and what its re-checks came to."""

    def __init__(self, verifier, secret, **terms):
        self.told = asyncio.Queue()
        scheme = SecurityScheme("key", Header("x-key"), verifier)
        self.policy = Policy([scheme], recheck_every=None, events=[self._note], **terms)
        self.server = FakeServer()
        self.task = self.server.start(WebSocketAuthMiddleware(Echo(), self.policy), knocking(self.server, key=secret))

    def _note(self, event):
        if event.kind in (EventKind.ACCEPTED, EventKind.DENIED):
            self.told.put_nowait(event.kind)
        elif event.kind is EventKind.RECHECKED:
            self.told.put_nowait(event.reason)

    async def rechecked(self):
        """Have it re-checked; return why it has to end, where it has to."""
        await self.policy.connections.recheck(subject="1")
        return await asyncio.wait_for(self.told.get(), 20)

    async def leaves(self):
        self.server.client_leaves()
        await asyncio.wait([self.task])


@contextlib.asynccontextmanager
async def visiting(kind, user, **terms):
    visitor = Visitor(*await presented(kind, user), **terms)
    assert await asyncio.wait_for(visitor.told.get(), 20) is EventKind.ACCEPTED
    yield visitor
    await visitor.leaves()


@contextlib.asynccontextmanager
async def django_is_busy():
    """As with a consumer that calls a slow service."""
    started, done = threading.Event(), threading.Event()

    def work():
        started.set()
        assert done.wait(60)

    working = asyncio.create_task(sync_to_async(work)())
    await asyncio.to_thread(started.wait)
    try:
        yield
    finally:
        done.set()
        await working


def deactivate(user):
    type(user).objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_consumer_that_keeps_django_busy_keeps_no_store_from_answering(kind, alice):
    """Who may be is confirmed, and who may not be any more is closed."""
    async with visiting(kind, alice) as visitor, django_is_busy():
        assert await visitor.rechecked() is None
        await asyncio.to_thread(deactivate, alice)
        assert await visitor.rechecked() is Reason.REVOKED


async def test_what_the_projects_own_recheck_asks_the_orm_is_asked_there_too(alice):
    """In a policy of which a verifier is Django's."""
    from django.contrib.auth.models import User

    async def recheck(identity):
        return identity if await User.objects.filter(pk=identity.subject, is_active=True).aexists() else None

    async with visiting("session", alice, recheck=recheck) as visitor, django_is_busy():
        await visitor.policy.connections.recheck(subject="1")
        assert [await asyncio.wait_for(visitor.told.get(), 20) for _ in range(2)] == [None, None]


async def test_one_thread_looks_and_handshakes_stay_in_djangos(alice, looks):
    """Whoever is asked about."""
    async with visiting("session", alice) as visitor:
        handshake = {thread for thread, _ in looks}
        looks.clear()
        for _ in range(2):
            assert await visitor.rechecked() is None
        ((thread, used),) = set(looks)
        assert thread not in handshake
        assert used.connection is None  # which is given back after each look, as CONN_MAX_AGE says


@pytest.mark.usefixtures("_kept")
async def test_the_thread_and_its_connection_end_when_nothing_was_asked_for_a_while(alice, looks, monkeypatch):
    """And there is another for who is asked about later."""
    monkeypatch.setattr(recheck_thread, "IDLE", 0.2)
    async with visiting("session", alice) as visitor:
        looks.clear()
        for _ in range(2):
            assert await visitor.rechecked() is None
            lingering = recheck_thread._of_this_loop()._lingering
            await asyncio.wait_for(lingering, 20)
        assert len(dict(looks)) == 2
        for thread, used in dict(looks).items():
            await asyncio.to_thread(thread.join, 20)
            assert not thread.is_alive()
            assert used.connection is None


@pytest.mark.usefixtures("_kept")
@pytest.mark.parametrize("cancels", [True, False])
def test_the_thread_and_its_connection_end_with_the_loop(alice, looks, cancels):
    """Whether the loop cancels its tasks, as `asyncio.run` does, or is just closed and followed by another."""

    async def visit():
        async with visiting("session", alice) as visitor:
            looks.clear()
            assert await visitor.rechecked() is None

    if cancels:
        asyncio.run(visit())
    else:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(visit())
        recheck_thread._threads[loop]._lingering._log_destroy_pending = False
        loop.close()
        found = list(looks)
        asyncio.run(visit())
        looks[:] = found
    ((thread, used),) = set(looks)
    thread.join(20)
    assert not thread.is_alive()
    assert used.connection is None


def test_in_a_transaction_of_djangos_thread_it_looks_there(alice, looks):
    """As in a `TestCase`, whose rows no other connection sees."""

    async def visit():
        async with visiting("session", alice) as visitor:
            await sync_to_async(deactivate)(alice)
            return await visitor.rechecked()

    with transaction.atomic():
        assert async_to_sync(visit)() is Reason.REVOKED
        transaction.set_rollback(True)
    assert {thread for thread, _ in looks} == {threading.main_thread()}


async def test_in_a_transaction_that_a_test_has_begun_in_djangos_thread_it_looks_there(alice, monkeypatch):
    """However long Django's thread takes to say so, where it is a test's."""
    monkeypatch.setattr(recheck_thread, "ASKED", 0.0)
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    atomic = transaction.atomic()
    async with visiting("session", alice) as visitor:
        await sync_to_async(atomic.__enter__)()
        await sync_to_async(deactivate)(alice)
        assert await visitor.rechecked() is Reason.REVOKED
        await sync_to_async(transaction.set_rollback)(True)
        await sync_to_async(atomic.__exit__)(None, None, None)


async def test_a_database_in_memory_is_asked_in_djangos_thread(alice, looks, monkeypatch):
    """It is seen on one connection, or locks others out."""
    async with visiting("session", alice) as visitor:
        handshake = {thread for thread, _ in looks}
        monkeypatch.setattr(type(connection._connections["default"]), "is_in_memory_db", lambda self: True)
        looks.clear()
        assert await visitor.rechecked() is None
        assert {thread for thread, _ in looks} == handshake
