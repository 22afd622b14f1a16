"""A session that is deleted ends its connections: on log-out, by `flush`, and wherever else its store is told to delete it.

Django sends no signal for that. `user_logged_out` comes before the session is gone: who connects between the two would stay.
So the store's class tells, and tells afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends.base import SessionBase
from django.db import router

from wsauth.core.bystanders import own
from wsauth.core.reasons import Reason
from wsauth.django import engines
from wsauth.django.database import digest
from wsauth.django.engines import session_store
from wsauth.django.publishing import publish
from wsauth.revocation.record import Verb

if TYPE_CHECKING:
    from wsauth.asgi.connection import Connection

Rule = Callable[..., AbstractContextManager[str | None]]

_watched: WeakSet[type] = WeakSet()
_not_to_be_told: ContextVar[frozenset[str | None]] = own(ContextVar("wsauth_not_to_be_told", default=frozenset({""})))
_is_cycling: ContextVar[bool] = own(ContextVar("wsauth_is_cycling", default=False))


def watch(store: type) -> None:
    """Let a class of session stores tell of what it deletes. Its methods are wrapped once, in place, where they are defined.

    One deletion is told once, though `flush` calls `delete`, an async method the other, and a subclass its base. A key that
    is cycled is told with the advice to reconnect: the user is still logged in, under the next one. What a store deletes
    while it loads has expired, which needs no telling.
    """
    if store in _watched:  # every handshake comes here
        return
    _watched.add(store)
    for name, rule in (("delete", _deleting), ("flush", _flushing), ("cycle_key", _cycling), ("load", _loading)):
        _wrap(store, name, _plain, rule)
        _wrap(store, f"a{name}", _async, rule)


def end_with(session: Any, connection: Connection) -> None:
    """Let `session.flush()` end the connection, from whatever thread it is called, and every other one of the session.

    Ended even where the flush itself fails: whoever asked for it no longer wants to be connected. A token's connection has
    a session too, an empty one that no store knows; so it is this object that is listened to, as well as its class.
    """
    watch(session.__class__)
    session.wsauth_connection = connection


def _wrap(store: type, name: str, wrap: Callable[..., Any], rule: Rule) -> None:
    for owner in (cls for cls in store.__mro__ if name in vars(cls)):
        method = getattr(owner, name)
        if not hasattr(method, "tells_wsauth"):
            wrapped = wrap(method, rule)
            wrapped.tells_wsauth = True
            setattr(owner, name, wrapped)
        return


def _plain(method: Callable[..., Any], rule: Rule) -> Callable[..., Any]:
    @wraps(method)
    def called(session: Any, *arguments: Any, **named: Any) -> Any:
        with rule(session, *arguments, **named) as key:
            told = key if key is not None and _was_logged_in(session, key) else None
            try:
                return method(session, *arguments, **named)
            finally:  # also where it failed: whoever asked for it no longer wants to be connected
                if told is not None:
                    _tell(session, told)

    return called


def _async(method: Callable[..., Any], rule: Rule) -> Callable[..., Any]:
    @wraps(method)
    async def called(session: Any, *arguments: Any, **named: Any) -> Any:
        with rule(session, *arguments, **named) as key:
            told = key if key is not None and await sync_to_async(_was_logged_in)(session, key) else None
            try:
                return await method(session, *arguments, **named)
            finally:
                if told is not None:
                    await sync_to_async(_tell)(session, told)

    return called


@contextmanager
def _deleting(session: Any, session_key: str | None = None) -> Iterator[str | None]:
    """Yield the key to tell of; None where the caller tells of it, or there is none."""
    key = session.session_key if session_key is None else session_key
    others = _not_to_be_told.get()
    with _set(_not_to_be_told, others | {key}):
        yield None if key in others else key


@contextmanager
def _flushing(session: Any) -> Iterator[str | None]:
    try:
        with _deleting(session) as key:
            yield key
    finally:
        if (connection := getattr(session, "wsauth_connection", None)) is not None:
            connection.end(Reason.REVOKED)


@contextmanager
def _cycling(session: Any) -> Iterator[None]:
    with _set(_is_cycling, True):
        yield


@contextmanager
def _loading(session: Any) -> Iterator[None]:
    with _set(_not_to_be_told, _not_to_be_told.get() | {session.session_key}):
        yield


@contextmanager
def _set(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def _was_logged_in(session: Any, key: str) -> bool:
    """Whether anybody may be connected by what is about to be deleted: a visit without a log-in leaves no record.

    What is in memory says so, unless it was changed; otherwise the store is asked. Where it fails, somebody may be.
    """
    from django.contrib.auth import SESSION_KEY

    if not isinstance(session, SessionBase):
        return True
    if key == session.session_key and (data := vars(session).get("_session_cache")) is not None:
        if SESSION_KEY in data:
            return True
        if not session.modified:
            return False
    return any(_bears_login(store, key) for store in {type(session), session_store()})


def _bears_login(store: type, key: str) -> bool:
    from django.contrib.auth import SESSION_KEY

    try:
        (found,) = engines.load_many([key], store=store)
    except Exception:
        return True
    return isinstance(found, Exception) or (found is not None and SESSION_KEY in found.session)


def _tell(session: Any, key: str) -> None:
    from django.contrib.auth import SESSION_KEY

    is_cycled = _is_cycling.get()
    if is_cycled and SESSION_KEY not in session:
        return  # nobody was logged in to it: this is a log-in
    model = getattr(session, "model", None)  # of a session in the database, where the deletion may be rolled back
    using = None if model is None else router.db_for_write(model)
    reason = Reason.GOING_AWAY if is_cycled else Reason.REVOKED
    publish(Verb.REVOKE, using, reason, is_stored=True, session_id=digest(key))
