"""Session engines, read without side effects, and when each says that a session ends.

Django's engines answer a key that they do not know in different ways: some forget it, some make up a new session in its
place. Here there is one answer, None, and nothing is written.
"""

from __future__ import annotations

import datetime
import time
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.sessions.backends import cached_db, db, file, signed_cookies
from django.core import signing
from django.db import router
from django.utils import timezone

from wsauth.core.locations import MAX_SECRET
from wsauth.django.scope import session_store


class Loaded(NamedTuple):
    """A session with its data in memory. `expires_at` is a POSIX timestamp, None where the engine does not tell."""

    session: Any
    expires_at: float | None


def load(key: str) -> Loaded | None:
    """Return the session of that key; None for one that is unknown, deleted, expired or no key at all.

    Database engines give the `expire_date` of the row, `file` its last change and `signed_cookies` its signature plus
    the age of the session; caches do not tell when they forget a session, so they give only a date that
    `session.set_expiry` fixed.
    """
    if not (key.isascii() and key.isprintable() and len(key) <= MAX_SECRET):
        return None
    session = session_store()(key)
    if session.session_key is None:  # too short for a key
        return None
    found = _from_row(session) if isinstance(session, db.SessionStore) else _from_store(session)
    if found is None or (found.expires_at is not None and found.expires_at <= time.time()):
        return None
    return found


def _from_row(session: Any) -> Loaded | None:
    """Load a session of `db`, of `cached_db`, or of an engine made from these.

    `cached_db` is asked for its row too: its cache does not tell when the session ends. Always the database that sessions
    are written to: a replica, or the cache, may not know yet of a log-out.
    """
    key, model = session.session_key, session.model
    rows = model.objects.using(router.db_for_write(model)).filter(session_key=key, expire_date__gt=timezone.now())
    row = next((row for row in rows if row.session_key == key), None)  # a collation may match other spellings
    if row is None:
        return None
    if type(session).load in (db.SessionStore.load, cached_db.SessionStore.load):
        session._session_cache = session.decode(row.session_data)
    else:
        session._session_cache = session.load()
    return Loaded(session, row.expire_date.timestamp())


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
