"""Whether a user of the application's own is active, whatever kind of object stands for him.

What `load_user` answers is looked into: is it a user at all, and does anything that it says of itself say that he may not
come in? The names and words of the table are the whole of what is understood; everything else is the application's to judge.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from enum import Enum
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NamedTuple

from wsauth.core.errors import VerifierUnavailable

# The table. Each name counts in snake_case and camelCase; as a key, which is never a constant of a class, also in PascalCase
# and in capitals, as the JSON of .NET and the rows of Oracle have it.
_ACTIVE = ("active", "enabled")
_INACTIVE: tuple[str, ...] = (
    "suspended",
    "banned",
    "blocked",
    "deleted",
    "inactive",
    "deactivated",
    "disabled",
    "locked",
)
_INACTIVE += ("archived", "terminated", "revoked", "deprovisioned")
_BEFORE = ("", "is_", "account_", "user_")
TRUE_OF_ACTIVE = (*(f"{before}{word}" for word in _ACTIVE for before in _BEFORE), "is_authenticated")
TRUE_OF_INACTIVE = (*(f"{before}{word}" for word in _INACTIVE for before in _BEFORE), "is_anonymous")
SET_OF_INACTIVE = tuple(f"{word}_at" for word in _INACTIVE)  # since when he is so; unset while he is not
STATUS = ("status", "state", "account_status", "account_state", "user_status", "user_state")
# What a status says of who may not come in, and a text where a flag is meant.
STATUS_OF_INACTIVE = frozenset({*_INACTIVE, "not_active", "locked_out", "removed", "closed", "frozen"})
_NO = frozenset({"", "0", "f", "false", "n", "no", "off", "none", "null"})  # as texts come out of hashes and forms

_NOTHING = frozenset({"", "false", "none", "null", "undefined"})  # the texts of nobody

_PLAIN = (bool, int, float, str, bytes, type(None))
_ROUTINES = (FunctionType, BuiltinFunctionType, MethodType)
_NO_KEYS: frozenset[str] = frozenset()
_ABSENT = object()
_NOT_AWAITED = ("__await__", "__aiter__", "__next__", "__anext__", "add_done_callback")  # coroutines, queries, futures


def is_nobody_or_inactive(user: Any) -> bool:
    """Whether there is no user, or something known of him says that he is inactive.

    None, False, zero, "null" and whatever is empty or holds nothing but None are nobody, and so is what says that it is not
    authenticated. The names of the
    table are looked for among the attributes of an object and the keys of a mapping or a row; a method is called. Of a list
    or a tuple its first item is looked into, of a mapping its "user". Raises VerifierUnavailable for what is no user
    (a class, an exception, a generator, a query that was never run, a coroutine), and where a method is async.
    """
    kind = _kind_of(type(user))  # type: ignore[arg-type]  # every class is hashable
    if kind.is_no_user or isinstance(user, type):
        raise _no_user(user)
    if user is None or user is NotImplemented or user is ... or (kind.may_be_nobody and not user):
        return True
    if kind.is_text:
        return _word(user) in _NOTHING
    if kind.is_row and _is_told_of_first(user) and is_nobody_or_inactive(user[0]):
        return True
    keys = frozenset(user.keys()) if kind.has_keys else _NO_KEYS
    if keys and (all(user[key] is None for key in keys) or ("user" in keys and is_nobody_or_inactive(user["user"]))):
        return True
    return any(_TABLE[name](user, name, keys) for name in _names(user, keys, kind))


def is_active(user: Any) -> bool:
    """Whether `is_active` alone, where there is one, is true of him, as Django's own backends ask. A method is called."""
    kind = _kind_of(type(user))  # type: ignore[arg-type]
    return not _is_false(user, "is_active", frozenset(user.keys()) if kind.has_keys else _NO_KEYS)


class _Kind(NamedTuple):
    """What holds for every object of a class."""

    is_no_user: bool
    may_be_nobody: bool  # where it is false: a number, a text, a container
    is_text: bool
    is_row: bool  # with a first item
    has_keys: bool  # as a mapping, and as the rows of asyncpg and sqlite3, which are none
    names: frozenset[str]  # of the table


@lru_cache(maxsize=256)
def _kind_of(kind: type) -> _Kind:
    is_text = issubclass(kind, str | bytes)
    return _Kind(
        is_no_user=any(hasattr(kind, name) for name in _NOT_AWAITED) or issubclass(kind, (BaseException, *_ROUTINES)),
        may_be_nobody=is_text or issubclass(kind, (int, float, Mapping, Set, Sequence)),
        is_text=is_text,
        is_row=issubclass(kind, Sequence) and not is_text,
        has_keys=hasattr(kind, "keys") and hasattr(kind, "__getitem__"),
        names=_names_of(kind),
    )


def _no_user(user: Any) -> VerifierUnavailable:
    kind = type(user).__name__
    if isinstance(user, (type, *_ROUTINES)):
        return VerifierUnavailable(f"the user is the {kind} {user.__name__}; write `return` with one of its objects")
    if isinstance(user, BaseException):
        return VerifierUnavailable(f"the user is the exception {kind}; write `raise`, or `return None` for nobody")
    _discard(user)
    return VerifierUnavailable(f"the user is a {kind} that nobody awaits; write `return await ...`")


def _is_told_of_first(row: Sequence[Any]) -> bool:
    """Whether the first item stands for the user: an object, or in a row without names nobody at all."""
    return not isinstance(row[0], _PLAIN) or ((row[0] is None or row[0] is False) and not hasattr(row, "_fields"))


def _is_false(user: Any, name: str, keys: frozenset[str]) -> bool:
    value = _called(user, name, keys)
    if isinstance(value, _PLAIN):
        return not value if not isinstance(value, str | bytes) else _word(value) in _NO | STATUS_OF_INACTIVE
    return name == "is_active" and value is not _ABSENT and not value  # others may be a relation of that name


def _is_true(user: Any, name: str, keys: frozenset[str]) -> bool:
    value = _called(user, name, keys)
    if not isinstance(value, _PLAIN):
        return False
    return bool(value) if not isinstance(value, str | bytes) else _word(value) not in _NO


def _is_set(user: Any, name: str, keys: frozenset[str]) -> bool:
    value = _entry(user, name, keys)
    if isinstance(value, str | bytes):
        return _word(value) not in _NO
    return isinstance(getattr(value, "year", None), int) or (isinstance(value, bool | int | float) and bool(value))


def _is_word(user: Any, name: str, keys: frozenset[str]) -> bool:
    return _word(_entry(user, name, keys)) in STATUS_OF_INACTIVE


def _word(value: Any) -> str:
    """The word that a text or the member of an enumeration is; empty for anything else."""
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str) else value.name
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text.strip().lower().replace(" ", "_").replace("-", "_") if isinstance(text, str) else ""


def _called(user: Any, name: str, keys: frozenset[str]) -> Any:
    """The entry of that name, or what it answers where it is a method. One that takes arguments says nothing of him."""
    value = _entry(user, name, keys)
    if callable(value) and (name == "is_active" or (inspect.isroutine(value) and _takes_nothing(value))):
        value = value()
    if inspect.isawaitable(value):
        _discard(value)
        raise VerifierUnavailable(f"{type(user).__name__}.{name} is async; write an attribute or a property")
    return value.value if isinstance(value, Enum) else value


def _takes_nothing(method: Any) -> bool:
    try:
        inspect.signature(method).bind()
    except (TypeError, ValueError):
        return False
    return True


def _discard(awaitable: Any) -> None:
    getattr(awaitable, "close", lambda: None)()  # or Python warns that nobody awaits it


def _entry(user: Any, name: str, keys: frozenset[str]) -> Any:
    return user[name] if name in keys else getattr(user, name, _ABSENT)


def _names(user: Any, keys: frozenset[str], kind: _Kind) -> frozenset[str]:
    """The names of the table that there are. To look for each by itself would take longer than all the rest."""
    found = kind.names
    for own in (getattr(user, "__dict__", None), getattr(user, "model_extra", None)):
        if isinstance(own, dict) and not _ATTRIBUTES.isdisjoint(own):
            found |= _ATTRIBUTES & own.keys()
    return found if _TABLE.keys().isdisjoint(keys) else found | (_TABLE.keys() & keys)


def _names_of(kind: type) -> frozenset[str]:
    """Those that every object of a class has. A class with a `__getattr__` may have any; pydantic's says which."""
    if hasattr(kind, "__getattr__") and not hasattr(kind, "model_extra"):
        return _ATTRIBUTES
    found = {name: inspect.getattr_static(kind, name, _ABSENT) for name in _ATTRIBUTES}
    return frozenset(name for name, value in found.items() if value is not _ABSENT and not _is_relation(value))


def _is_relation(attribute: Any) -> bool:
    """Whether to read an attribute of a class would ask the database for other rows (Django, SQLAlchemy, peewee)."""
    if any(hasattr(attribute, name) for name in ("rel", "related", "rel_model")):
        return True
    is_djangos = getattr(getattr(attribute, "field", None), "is_relation", False)
    return is_djangos is True or hasattr(getattr(attribute, "property", None), "mapper")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _spelled_in_keys(name: str) -> tuple[str, ...]:
    return (name, _camel(name), _camel(f"_{name}"), name.upper())


_BY_NAME: dict[str, Callable[[Any, str, frozenset[str]], bool]] = {
    **dict.fromkeys(TRUE_OF_ACTIVE, _is_false),
    **dict.fromkeys(TRUE_OF_INACTIVE, _is_true),
    **dict.fromkeys(SET_OF_INACTIVE, _is_set),
    **dict.fromkeys(STATUS, _is_word),
}
_ATTRIBUTES = frozenset(spelled for name in _BY_NAME for spelled in (name, _camel(name)))
_TABLE = {spelled: says for name, says in _BY_NAME.items() for spelled in _spelled_in_keys(name)}
