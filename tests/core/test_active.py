"""A user is looked into, whatever kind of object stands for him: who is inactive is refused."""

from __future__ import annotations

import datetime
import sqlite3
from collections import UserDict, deque, namedtuple
from collections.abc import Callable
from concurrent.futures import Future
from enum import Enum, StrEnum
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from effort import calls
from pydantic import BaseModel, ConfigDict

from wsauth.core.active import (
    TRUE_OF_ACTIVE,
    TRUE_OF_INACTIVE,
    is_active,
    is_nobody_or_inactive,
)
from wsauth.core.errors import InvalidCredentials, VerifierUnavailable

INACTIVE: tuple[Any, ...] = (False, 0, None, "", "false", "False", " no ", "0", b"0", "off")
ACTIVE: tuple[Any, ...] = (True, 1, "true", "1", "yes", b"1", "2030-01-01")


class Record:
    """As asyncpg's: keys and items, and no Mapping."""

    def __init__(self, **entries: Any) -> None:
        self._entries = entries

    def keys(self) -> Any:
        return iter(self._entries)

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]


def as_method(name: str, value: Any) -> Any:
    return type("User", (), {name: lambda self: value})()


SHAPES = {
    "attribute": lambda name, value: SimpleNamespace(**{name: value}),
    "key": lambda name, value: {"id": 1, name: value},
    "named tuple": lambda name, value: namedtuple("User", [name])(value),
    "record": lambda name, value: Record(id=1, **{name: value}),
    "method": as_method,
    "property": lambda name, value: type("User", (), {name: property(lambda self: value)})(),
    "attribute of a dict": lambda name, value: type("User", (dict,), {name: value})(id=1),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", TRUE_OF_ACTIVE + TRUE_OF_INACTIVE)
def test_who_is_inactive_in_any_spelling_is_refused(shape, name):
    """As an attribute, a key, an item of a row, a method; as a flag, a number or a text."""
    says_no = TRUE_OF_INACTIVE if name in TRUE_OF_INACTIVE else TRUE_OF_ACTIVE
    bad, good = (ACTIVE, INACTIVE) if says_no is TRUE_OF_INACTIVE else (INACTIVE, ACTIVE)
    assert [value for value in bad if not is_nobody_or_inactive(shape(name, value))] == []
    assert [value for value in good if is_nobody_or_inactive(shape(name, value))] == []


def test_a_row_of_a_database_is_looked_into():
    """The standard library's rows have keys, and no attributes."""
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    for value, expected in ((0, True), (1, False)):
        row = database.execute("select 7 as id, ? as is_active", (value,)).fetchone()
        assert is_nobody_or_inactive(row) is expected
    database.close()


@pytest.mark.parametrize("user", [
    None, False, 0, 0.0, "", b"", {}, [], (), set(), frozenset(), MappingProxyType({}), UserDict(), deque(), NotImplemented,
    [None], (None, "no such user"), (False, "no such user"), {"user": None}, {"user": {"is_active": False}},
    "null", "None", " ", "undefined", b"null", ..., {"id": None, "name": None}, Record(id=None),
    [{"is_active": False}], (SimpleNamespace(suspended=True), False),
])  # fmt: skip
def test_nothing_is_nobody(user):
    """A function that looks a user up and finds none answers so."""
    assert is_nobody_or_inactive(user)


@pytest.mark.parametrize("user", [
    "alice", 7, True, {"id": 1}, (1, "alice"), (1, None, False, 0), ({"id": 1}, True), object(),
    SimpleNamespace(name="alice"),
    namedtuple("User", ["is_admin", "name"])(False, "alice"), {"user": "alice"}, {"user": {"id": 1}}, Mock(), uuid4(),
    {"id": 1, "name": None},
])  # fmt: skip
def test_a_user_of_whom_nothing_is_known_is_active(user):
    """Most have no such flag."""
    assert not is_nobody_or_inactive(user)


def test_what_only_bears_such_a_name_is_no_flag():
    """A relation is not asked whether it holds anything."""
    user = SimpleNamespace(active=[], disabled=object(), enabled={}, is_banned=["spam"])
    assert not is_nobody_or_inactive(user)
    assert is_nobody_or_inactive(SimpleNamespace(is_active=[]))


def test_an_async_method_cannot_be_told(recwarn):
    """It is named, and refuses: a coroutine is always true."""

    class User:
        async def is_active(self) -> bool:
            return False

    for judge in (is_active, is_nobody_or_inactive):
        with pytest.raises(VerifierUnavailable, match=r"User\.is_active is async; write an attribute"):
            judge(User())
    assert len(recwarn) == 0


def test_django_is_asked_for_is_active_alone():
    """Its sessions hold for whom it takes itself."""
    assert is_active(SimpleNamespace(disabled=True))
    assert not is_active(as_method("is_active", False))


async def test_user_that_nobody_has_awaited_is_refused():
    """A `load_user` that forgets to await answers the same for everybody: whoever he is, he is not looked into."""

    async def load() -> None:
        return None

    with pytest.raises(VerifierUnavailable, match="await"):
        is_nobody_or_inactive(load())


@pytest.mark.parametrize("user", [
    SimpleNamespace(is_authenticated=False), SimpleNamespace(is_anonymous=True), {"is_authenticated": False},
])  # fmt: skip
def test_object_that_stands_for_nobody_is_nobody(user: Any) -> None:
    """Frameworks have an object for who is not logged in; it is nobody's user."""
    assert is_nobody_or_inactive(user)


WORDS = (
    "terminated",
    "revoked",
    "deprovisioned",
    "suspended",
    "banned",
    "blocked",
    "deleted",
    "inactive",
    "deactivated",
    "disabled",
    "locked",
    "archived",
)


@pytest.mark.parametrize("word", WORDS)
def test_each_word_of_the_table_counts_in_every_spelling(word: str) -> None:
    """As a flag in snake_case and camelCase, as the moment since when, and as a status."""
    capital = word.capitalize()
    for name in (word, f"is_{word}", f"is{capital}", f"account_{word}", f"account{capital}", f"user_{word}"):
        assert is_nobody_or_inactive({"id": 1, name: True}), name
        assert not is_nobody_or_inactive({"id": 1, name: False}), name
    for since in (datetime.datetime(2026, 1, 1), datetime.date(2026, 1, 1), "2026-01-01T00:00:00Z", 1767225600):
        assert is_nobody_or_inactive({"id": 1, f"{word}_at": since})
        assert is_nobody_or_inactive(SimpleNamespace(**{f"{word}At": since}))
    for unset in (None, "", 0, "null"):
        assert not is_nobody_or_inactive({"id": 1, f"{word}_at": unset})
    for status in (word, word.upper(), f" {capital} ", word.encode()):
        for name in ("status", "state", "account_status", "accountStatus"):
            assert is_nobody_or_inactive(SimpleNamespace(**{name: status})), (name, status)
    assert is_nobody_or_inactive({"id": 1, "active": word})


@pytest.mark.parametrize("name", ["isActive", "active", "isEnabled", "enabled", "accountEnabled", "isAuthenticated"])
def test_flags_of_other_languages_are_understood(name: str) -> None:
    """JSON of a service spells its names in camelCase."""
    for value in (False, "false", 0, None):
        assert is_nobody_or_inactive({name: value})
    assert not is_nobody_or_inactive({name: True})


@pytest.mark.parametrize("entries", [
    {"IsActive": False}, {"IsSuspended": True}, {"Status": "Suspended"}, {"DeletedAt": "2026-01-01"},
    {"AccountEnabled": "false"}, {"IS_ACTIVE": 0}, {"STATUS": "LOCKED"}, {"DELETED_AT": 1767225600},
])  # fmt: skip
def test_keys_are_spelled_as_other_platforms_do(entries: dict[str, Any]) -> None:
    """In PascalCase by .NET, in capitals by Oracle."""
    assert is_nobody_or_inactive({"ID": 1, **entries})


def test_constants_of_a_class_say_nothing_of_its_objects() -> None:
    """Models name the values of their status so."""

    class User:
        ACTIVE, SUSPENDED, DELETED = 0, 1, "deleted"
        STATUS = "deleted"

        class Status:
            pass

    assert not is_nobody_or_inactive(User())


class Standing(StrEnum):
    ACTIVE, GONE = "active", "Suspended"


class Number(Enum):
    ACTIVE, LOCKED_OUT = 1, 2


def test_member_of_an_enumeration_is_the_word_that_it_stands_for() -> None:
    """By its value, or its name where the value is a number."""
    assert is_nobody_or_inactive(SimpleNamespace(status=Standing.GONE))
    assert is_nobody_or_inactive(SimpleNamespace(status=Number.LOCKED_OUT))
    for good in (Standing.ACTIVE, Number.ACTIVE):
        assert not is_nobody_or_inactive(SimpleNamespace(status=good, active=good))


@pytest.mark.parametrize("entries", [
    {"status": "online"}, {"status": "pending"}, {"status": "away"}, {"state": "CA"}, {"state": 3}, {"status": object()},
    {"status": ["suspended"]}, {"blocked": ["mallory"]}, {"blocked": object()}, {"deleted_at": object()},
    {"banned_at": None},
    {"archived": {"n": 1}}, {"locked": None}, {"unlocked": False}, {"blocked_by": "mallory"},
    {"account": {"status": "banned"}},
])  # fmt: skip
def test_what_says_nothing_clear_refuses_nobody(entries: dict[str, Any]) -> None:
    """A word of another list, a list of others whom the user has blocked, a name that is nearly one of the table."""
    assert not is_nobody_or_inactive({"id": 1, **entries})
    assert not is_nobody_or_inactive(SimpleNamespace(**entries))


def test_method_that_asks_something_is_not_called() -> None:
    """`blocked(other)` tells of two users, and a method with a status or a moment for a name does something."""

    class User:
        def blocked(self, other: object) -> bool:
            raise AssertionError

        def status(self) -> str:
            raise AssertionError

        def deleted_at(self) -> str:
            raise AssertionError

    assert not is_nobody_or_inactive(User())


def test_relation_of_such_a_name_is_not_read() -> None:
    """It would ask the database, which raises on an event loop."""

    class ForeignKey:
        field = SimpleNamespace(is_relation=True)

        def __get__(self, instance: object, owner: type) -> Any:
            if instance is not None:
                raise AssertionError("reads the database")
            return self

    assert not is_nobody_or_inactive(type("User", (), {"status": ForeignKey(), "blocked": ForeignKey()})())


class Query:
    """As an ORM's: nothing is asked before it is iterated over."""

    def __aiter__(self) -> Any: ...


@pytest.mark.parametrize("make", [
    lambda: (user for user in ()), lambda: Query(), lambda: Future(), lambda: SimpleNamespace, lambda: len, lambda: iter([]),
    lambda: ValueError("no such user"), lambda: InvalidCredentials("no such user"),
])  # fmt: skip
def test_what_is_no_user_is_named(make: Callable[[], Any]) -> None:
    """A generator, a query that nobody ran, a future, a class, a function, an exception: it is the same for everybody."""
    with pytest.raises(VerifierUnavailable, match="write"):
        is_nobody_or_inactive(make())


def test_user_costs_few_calls() -> None:
    """He is looked into at each handshake and re-check: by the names that he has, not by those of the table."""
    user = SimpleNamespace(id=1, name="alice", is_active=True)
    assert not is_nobody_or_inactive(user)  # the class is known from here on
    assert calls(lambda: is_nobody_or_inactive(user)) < 40


def test_model_of_pydantic_costs_few_calls_and_hides_nothing() -> None:
    """It has a `__getattr__`, which is slow for what is not there; fields and extra entries are found without."""

    class Model(BaseModel):
        model_config = ConfigDict(extra="allow")
        id: int

    user = Model(id=1, name="alice")
    assert not is_nobody_or_inactive(user)
    assert calls(lambda: is_nobody_or_inactive(user)) < 60
    assert is_nobody_or_inactive(Model(id=1, suspended=True))
