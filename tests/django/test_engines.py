"""A session is found, or not, whatever engine keeps it; its end is told where the engine knows it."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import override_settings
from django.utils import timezone
from project.client import refusal, scope_of
from project.engines import BACKENDS
from project.people import log_in
from project.policies import session_app as app
from project.policies import verify_session as verify

from wsauth.django.scope import session_store


async def test_every_engine_gives_the_user(alice, engine):
    """All of Django's session engines work, and one made from them."""
    told = await scope_of(app(), sessionid=await log_in(alice, theme="dark"))
    assert (told["user"], told["session"]["theme"]) == ("alice", "dark")
    assert told["session"].get("engine") == ("own" if engine == "project.engines" else None)


async def test_unknown_key_is_nobody(engine):
    """A key of no session is no credential: another cookie may be tried."""
    assert await verify("k" * 32) is None
    assert await refusal(app(), sessionid="k" * 32) == 4401


async def test_deleted_session_is_nobody(alice, engine):
    """A session that was logged out does not open a connection; only a signed cookie is out of the server's reach."""
    key = await log_in(alice)
    await sync_to_async(session_store()(key).flush)()
    assert (await verify(key) is None) is not engine.endswith("signed_cookies")


@pytest.mark.parametrize(
    "key",
    [
        "x" * 100_000,
        "a\0b" * 20,
        "é" * 32,
        "\ud800" * 32,
        "",
        "short",
        "../../etc/passwd",
        "%s%n'--",
        ":" * 40,
        "a:b:c" * 9,
    ],
)
async def test_key_that_is_none_is_nobody(engine, key):
    """No text whatever is an error: it names no session."""
    assert await verify(key) is None


async def test_expired_row_is_nobody(alice):
    """A row whose date has passed is no session, though it is still there."""
    key = await log_in(alice)
    await Session.objects.aupdate(expire_date=timezone.now() - timedelta(seconds=1))
    assert await verify(key) is None
    assert await Session.objects.acount() == 1


async def test_row_deleted_behind_the_cache_is_nobody(alice):
    """With cached_db the table is what counts: whoever deletes a row means it."""
    with override_settings(SESSION_ENGINE=BACKENDS + "cached_db"):
        key = await log_in(alice)
        await Session.objects.all().adelete()
        assert await sync_to_async(lambda: session_store()(key).get("_auth_user_id"))() == str(alice.pk)
        assert await verify(key) is None


async def test_expired_file_is_nobody_and_nothing_is_written(alice, monkeypatch):
    """Django's engine deletes an expired file and makes up a new session; a handshake does neither."""
    with override_settings(SESSION_ENGINE=BACKENDS + "file"):
        key = await log_in(alice)
        kinds = []
        store = session_store()
        for method in ("create", "delete", "save"):
            monkeypatch.setattr(store, method, lambda self, kind=method, **_: kinds.append(kind))
        with override_settings(SESSION_COOKIE_AGE=-1):
            assert await verify(key) is None
        assert kinds == []
        assert (await verify(key)).user == alice


async def test_file_that_vanishes_while_it_is_read_is_nobody(alice, monkeypatch):
    """A log-out at that moment is a log-out."""
    with override_settings(SESSION_ENGINE=BACKENDS + "file"):
        key = await log_in(alice)
        store, look = session_store(), session_store()._last_modification

        def look_and_delete(self):
            try:
                return look(self)
            finally:
                store(key).delete()

        monkeypatch.setattr(store, "_last_modification", look_and_delete)
        assert await verify(key) is None


async def test_file_session_past_its_own_expiry_is_nobody(alice):
    """Django's file engine does not enforce `set_expiry(seconds)`; a connection does."""
    with override_settings(SESSION_ENGINE=BACKENDS + "file"):
        assert (await verify(await log_in(alice, _session_expiry=60))).user == alice
        assert await verify(await log_in(alice, _session_expiry=-60)) is None


async def test_end_is_the_rows_date(alice):
    """What `get_expiry_age` says, two weeks, is not what the row says."""
    key = await log_in(alice)
    await Session.objects.aupdate(expire_date=timezone.now() + timedelta(seconds=60))
    assert (await verify(key)).expires_at == pytest.approx(time.time() + 60, abs=30)


@pytest.mark.parametrize("fixed", [None, 600, "a date"])
async def test_end_is_what_the_engine_knows(alice, engine, fixed):
    """Rows, files and signatures tell when a session ends; a cache only tells a date that was fixed."""
    fixed = (timezone.now() + timedelta(seconds=300)).isoformat() if fixed == "a date" else fixed
    data = {} if fixed is None else {"_session_expiry": fixed}
    with override_settings(SESSION_COOKIE_AGE=1000):
        expires_at = (await verify(await log_in(alice, **data))).expires_at
    if engine.endswith(".cache") and not isinstance(fixed, str):
        assert expires_at is None
    else:
        left = {type(None): 1000, int: 600, str: 300}[type(fixed)]
        assert expires_at == pytest.approx(time.time() + left, abs=30)


async def test_signed_cookie_ends_with_its_signature(alice):
    """Nothing in the data extends a signed cookie beyond the age that Django checks."""
    with override_settings(SESSION_ENGINE=BACKENDS + "signed_cookies", SESSION_COOKIE_AGE=100):
        identity = await verify(await log_in(alice, _session_expiry=5000))
    assert identity.expires_at == pytest.approx(time.time() + 100, abs=30)


@pytest.mark.parametrize("engine", [BACKENDS + "db", BACKENDS + "file", BACKENDS + "signed_cookies"])
async def test_end_is_right_without_time_zones(alice, engine):
    """USE_TZ = False changes nothing: dates without a zone are local."""
    with override_settings(SESSION_ENGINE=engine, USE_TZ=False, SESSION_COOKIE_AGE=1000):
        expires_at = (await verify(await log_in(alice))).expires_at
    assert expires_at == pytest.approx(time.time() + 1000, abs=30)


async def test_corrupted_row_is_an_anonymous_session(alice):
    """Data that nobody signed say nothing, as in Django."""
    key = await log_in(alice)
    await Session.objects.aupdate(session_data="forged")
    assert (await verify(key)).is_anonymous


async def test_cache_that_forgot_is_nobody(alice):
    """A session that the cache dropped has ended."""
    with override_settings(SESSION_ENGINE=BACKENDS + "cache"):
        key = await log_in(alice)
        await cache.aclear()
        assert await verify(key) is None
