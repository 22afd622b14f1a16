"""Who is logged in to a session: the rules of `django.contrib.auth.get_user`, for many sessions at once.

Users are read in one query where a backend reads them as Django's ModelBackend does, else one by one by the backend.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.module_loading import import_string

from wsauth.core.active import is_active
from wsauth.core.errors import InvalidCredentials
from wsauth.django.lookups import UNKNOWN_USER, Fresh, by_text, each, rows_in
from wsauth.django.places import Place, place_of_users


class _Login(NamedTuple):
    """What a session says. The backend looks the user up, and has the last word on who may be logged in."""

    session: Any
    backend: Any
    pk: Any


def place() -> Place | None:
    """Where the present context has users looked up; None where a backend of the project's own asks for each of them."""
    from django.contrib.auth import get_user_model

    in_one_query = _read_as_djangos(tuple(settings.AUTHENTICATION_BACKENDS))
    return place_of_users(get_user_model()._default_manager) if in_one_query else None


@functools.lru_cache(maxsize=8)
def _read_as_djangos(backends: tuple[str, ...]) -> bool:
    from django.contrib.auth.backends import ModelBackend

    return all(import_string(backend).get_user is ModelBackend.get_user for backend in backends)


def users_of(sessions: Sequence[Any], using: str = "") -> list[Any]:
    """Return for each session the user who is logged in to it; None where nobody is; InvalidCredentials where the login
    holds no longer, or whatever a backend raised. Users are read from the database `using`, or whatever the routers say.
    """
    from django.contrib.auth import get_user_model, load_backend
    from django.contrib.auth.backends import ModelBackend

    backend_of, primary_key = functools.cache(load_backend), get_user_model()._meta.pk
    logins = each(lambda session: _login(session, backend_of, primary_key), sessions)
    in_one_query = [
        login for login in logins if isinstance(login, _Login) and type(login.backend).get_user is ModelBackend.get_user
    ]
    pks = {str(login.pk): login.pk for login in in_one_query}
    rows = by_text(rows_in(get_user_model()._default_manager, "pk", pks.values(), using), "pk")
    fresh = Fresh()

    def user_of(login: _Login | Exception | None) -> Any:
        if not isinstance(login, _Login):
            return login
        if type(login.backend).get_user is not ModelBackend.get_user:
            return _checked(login.session, login.backend.get_user(login.pk))
        user = rows.get(str(login.pk))
        if user is not None and not login.backend.user_can_authenticate(user):
            user = None
        return fresh.own(_checked(login.session, user))

    return each(user_of, logins)


def _login(session: Any, backend_of: Callable[[str], Any], primary_key: Any) -> _Login | None:
    from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
    from django.core.exceptions import ValidationError

    try:
        stored, backend = session[SESSION_KEY], session[BACKEND_SESSION_KEY]
    except KeyError:
        return None
    if backend not in settings.AUTHENTICATION_BACKENDS:
        raise InvalidCredentials("the backend of the session is not in AUTHENTICATION_BACKENDS any more")
    try:
        pk = primary_key.to_python(stored)
    except ValidationError:  # the user model had other keys when the session was opened
        raise InvalidCredentials(UNKNOWN_USER) from None
    return _Login(session, backend_of(backend), pk)


def _checked(session: Any, user: Any) -> Any:
    if user is None or not is_active(user):
        raise InvalidCredentials(UNKNOWN_USER)
    if hasattr(user, "get_session_auth_hash"):
        _check_hash(session, user)
    return user


def _check_hash(session: Any, user: Any) -> None:
    """Refuse a session that was opened before the password was changed."""
    from django.contrib.auth import HASH_SESSION_KEY
    from django.utils.crypto import constant_time_compare

    stored, current = session.get(HASH_SESSION_KEY) or "", user.get_session_auth_hash()
    if constant_time_compare(stored, current):
        return
    if not stored or not any(constant_time_compare(stored, old) for old in user.get_session_auth_fallback_hash()):
        raise InvalidCredentials("the password was changed since the session was opened")
    # Only in memory, and not marked as modified. channels.auth.get_user(scope) knows no SECRET_KEY_FALLBACKS: it would take
    # the old hash for a changed password and delete the session.
    session._session[HASH_SESSION_KEY] = current
