"""A user is looked into, whatever kind of object stands for him: who is inactive is refused."""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import pytest

from wsauth.core.active import TRUE_OF_ACTIVE, TRUE_OF_INACTIVE, is_active, is_nobody_or_inactive
from wsauth.core.errors import VerifierUnavailable

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
    "record": lambda name, value: Record(**{name: value}),
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


@pytest.mark.parametrize("user", [None, False, "", b"", {}, [], ()])
def test_nothing_is_nobody(user):
    """A function that looks a user up and finds none answers so."""
    assert is_nobody_or_inactive(user)


@pytest.mark.parametrize("user", ["alice", 7, 0, {"id": 1}, (1, "alice"), object(), SimpleNamespace(name="alice")])
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
