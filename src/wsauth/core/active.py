"""Whether a user of the application's own is active, whatever kind of object stands for him."""

from __future__ import annotations

import inspect
from typing import Any

from wsauth.core.errors import VerifierUnavailable

TRUE_OF_ACTIVE = ("is_active", "active", "is_enabled", "enabled", "is_authenticated")
TRUE_OF_INACTIVE = ("is_disabled", "disabled", "is_blocked", "is_banned", "is_suspended", "is_deleted", "is_anonymous")
_NO = ("", "0", "f", "false", "n", "no", "off", "none", "null")  # as texts come out of hashes and forms
_PLAIN = (bool, int, float, str, bytes, type(None))
_EMPTY = (bool, str, bytes, dict, list, tuple)
_ABSENT = object()


def is_nobody_or_inactive(user: Any) -> bool:
    """Whether there is no user, or something known of him says that he is inactive.

    None, False, and an empty text or container are nobody, and so is what says that it is not authenticated. The names above
    are looked for among the attributes of an object and the keys of a mapping or a row; a method is called. Raises
    VerifierUnavailable where one is async, or the user was not awaited.
    """
    if inspect.isawaitable(user):
        _discard(user)
        raise VerifierUnavailable(f"the user is a {type(user).__name__} that nobody awaits; write `return await ...`")
    if user is None or (type(user) in _EMPTY and not user):
        return True
    return not all(_says(user, name, True) for name in TRUE_OF_ACTIVE) or any(
        _says(user, name, False) for name in TRUE_OF_INACTIVE
    )


def is_active(user: Any) -> bool:
    """Whether `is_active` alone, where there is one, is true of him, as Django's own backends ask. A method is called."""
    return _says(user, "is_active", True)


def _says(user: Any, name: str, otherwise: bool) -> bool:
    value = _entry(user, name)
    if value is True or value is False:
        return value
    if value is _ABSENT:
        return otherwise
    if callable(value):
        value = value()
    if inspect.isawaitable(value):
        _discard(value)
        raise VerifierUnavailable(f"{type(user).__name__}.{name} is async; write an attribute or a property")
    if not isinstance(value, _PLAIN):  # a relation, say, that happens to have such a name
        return bool(value) if name == "is_active" else otherwise
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text.strip().lower() not in _NO if isinstance(text, str) else bool(text)


def _discard(awaitable: Any) -> None:
    getattr(awaitable, "close", lambda: None)()  # or Python warns that nobody awaits it


def _entry(user: Any, name: str) -> Any:
    """The entry of a mapping or a row (asyncpg's and sqlite3's are no Mapping), or the attribute."""
    if hasattr(type(user), "keys") and hasattr(type(user), "__getitem__") and name in list(user.keys()):
        return user[name]
    return getattr(user, name, _ABSENT)
