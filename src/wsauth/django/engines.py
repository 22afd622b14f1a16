"""Session engines, read without side effects, and when each says that a session ends.

Django's engines answer a key that they do not know in different ways: some forget it, some make up a new session in its
place. Here there is one answer, None, and nothing is written. Tables and caches are asked for many keys at once.
"""

from __future__ import annotations

import copy
import datetime
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.sessions.backends import cache, cached_db, db, file, signed_cookies
from django.core import signing
from django.db import router

from wsauth.core.errors import VerifierUnavailable
from wsauth.core.locations import MAX_SECRET
from wsauth.django import logins, prepared
from wsauth.django.lookups import each
from wsauth.django.places import Place

LEAST = 8  # characters of a key, as Django's engines have it
_DJANGOS = (db, cached_db, cache, file, signed_cookies)


class Loaded(NamedTuple):
    """A session with its data in memory. `expires_at` is a POSIX timestamp, None where the engine does not tell."""

    session: Any
    expires_at: float | None


def load_many(keys: Sequence[str], using: str = "", store: type | None = None) -> list[Loaded | Exception | None]:
    """Return for each key its session; None for one that is unknown, deleted, expired or no key at all.

    `store` is the class of the sessions, else that of the settings.

    Rows are read from the database `using`, else from the one that the routers write sessions to.

    Database engines give the `expire_date` of the row, `file` its last change and `signed_cookies` its signature plus
    the age of the session; caches do not tell when they forget a session, so they give only a date that
    `session.set_expiry` fixed. What an engine raises for one session is the answer for that one. Raises
    VerifierUnavailable for a cache that does not answer: Django's engine would say that every session has ended.
    """
    store = store or session_store()
    opened = [_open(store, key) for key in keys]
    found = iter(_load([session for session in opened if session is not None], using))
    now = time.time()
    return [None if session is None else _alive(next(found), now) for session in opened]


def session_store() -> Any:
    """Return the SessionStore class of the project's SESSION_ENGINE."""
    return import_module(settings.SESSION_ENGINE).SessionStore


def can_be_key(key: str) -> bool:
    """Whether a text can be the key of a session at all: who is told so need not ask."""
    return LEAST <= len(key) <= MAX_SECRET and key.isascii() and key.isprintable()


def place() -> Place | None:
    """Where the present context has sessions and their users looked up; None where the project's own code asks for each."""
    store, users = session_store(), logins.place()
    if users is None or store.load not in [engine.SessionStore.load for engine in _DJANGOS]:
        return None
    return (
        (router.db_for_write(store.model), users[1]) if router.routers and issubclass(store, db.SessionStore) else users
    )


def _open(store: Any, key: str) -> Any:
    """Return the store of that key, not loaded yet; None for a text that is no key."""
    if not can_be_key(key):
        return None
    session = store(key)
    return None if session.session_key is None else session  # too short for a key


def _alive(found: Loaded | Exception | None, now: float) -> Loaded | Exception | None:
    expired = isinstance(found, Loaded) and found.expires_at is not None and found.expires_at <= now
    return None if expired else found


def _load(sessions: Sequence[Any], using: str) -> list[Loaded | Exception | None]:
    if not sessions:
        return []
    if isinstance(sessions[0], db.SessionStore):
        return _from_rows(sessions, using)
    if type(sessions[0]).load is cache.SessionStore.load:
        return _from_cache(sessions)
    return each(_from_store, sessions)


def _from_rows(sessions: Sequence[Any], using: str) -> list[Loaded | Exception | None]:
    """Load sessions of `db`, of `cached_db`, or of an engine made from these.

    `cached_db` is asked for its rows too: its cache does not tell when a session ends. Always the database that sessions
    are written to: a replica, or the cache, may not know yet of a log-out.
    """
    model = sessions[0].model
    keys = list({session.session_key for session in sessions})
    columns = ("session_key", "session_data", "expire_date")
    database = using or router.db_for_write(model)
    rows = prepared.columns(model.objects, database, "session_key", keys, *columns)
    found = {key: (data, date) for key, data, date in rows}  # by the exact key: a collation may match other spellings
    as_django = type(sessions[0]).load in (db.SessionStore.load, cached_db.SessionStore.load)

    def from_row(session: Any) -> Loaded | None:
        if session.session_key not in found:
            return None
        data, date = found[session.session_key]
        if router.routers:
            session.wsauth_database = database  # where a re-check finds it
        session._session_cache = session.decode(data) if as_django else session.load()
        return Loaded(session, date.timestamp())

    return each(from_row, sessions)


def _from_cache(sessions: Sequence[Any]) -> list[Loaded | Exception | None]:
    """Load sessions of `cache`. An outage must not look like a log-out of everybody, which it does to Django's own code."""
    store = sessions[0]._cache
    try:
        found = store.get_many([session.cache_key for session in sessions])
    except (
        Exception
    ):  # of a key that is none for this cache, or of an entry that cannot be read, or of the cache itself
        _require_answer(store)
        return each(_from_store, sessions)

    given: set[str] = set()

    def from_entry(session: Any) -> Loaded | None:
        key = session.cache_key
        if found.get(key) is None:
            return None
        session._session_cache = copy.deepcopy(found[key]) if key in given else found[key]  # as if each had been read
        given.add(key)
        return Loaded(session, _expiry(session))

    return each(from_entry, sessions)


def _require_answer(store: Any) -> None:
    try:
        store.get("wsauth")
    except Exception as error:
        raise VerifierUnavailable(f"the cache of the sessions cannot be asked: {type(error).__name__}") from None


def _from_store(session: Any) -> Loaded | None:
    """Load a session of any other engine, which may try to delete an expired one and to create one for an unknown key."""
    made_up: list[None] = []
    session.create = session.delete = lambda *_: made_up.append(None)
    try:
        session._session_cache = session.load()
        return None if made_up or session.session_key is None else Loaded(session, _expiry(session))
    except FileNotFoundError:  # logged out between one look at the file and the next
        return None
    finally:
        del session.create, session.delete


def _expiry(session: Any) -> float | None:
    if isinstance(session, signed_cookies.SessionStore):
        _, timestamp, _ = session.session_key.rsplit(":", 2)  # data:timestamp:signature, which load() has verified
        signed_at: int = signing.b62_decode(timestamp)
        age: int = session.get_session_cookie_age()
        return min(_ends(session, signed_at), signed_at + age)
    if isinstance(session, file.SessionStore):
        return _ends(session, session._last_modification().timestamp())
    fixed = isinstance(session.get("_session_expiry"), str | datetime.datetime)
    return _ends(session, time.time()) if fixed else None


def _ends(session: Any, changed: float) -> float:
    """When a session ends that was last changed at `changed`; both POSIX timestamps."""
    ends: float = session.get_expiry_date(modification=_moment(changed)).timestamp()
    return ends


def _moment(timestamp: float) -> datetime.datetime:
    """The timestamp as Django's `timezone.now()` would have given it."""
    return datetime.datetime.fromtimestamp(timestamp, tz=datetime.UTC if settings.USE_TZ else None)
