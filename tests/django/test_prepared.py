"""Rows are those that the ORM finds, by a statement that it wrote once; where it might write another one, it is asked."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User, UserManager
from django.contrib.sessions.models import Session
from django.db import connection, connections, models
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token

from wsauth.django import prepared
from wsauth.django.lookups import rows_in


class Thing(models.Model):
    """What the database of the tests stores otherwise than Python has it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    heavy = models.BooleanField(default=True)
    price = models.DecimalField(max_digits=5, decimal_places=2, default="1.50")

    class Meta:
        app_label = "auth"


class Code(models.CharField):
    """Takes what is no code for no value at all."""

    def get_prep_value(self, value):
        return value if str(value).startswith("c-") else None


class Coded(models.Model):
    code = Code(max_length=9, primary_key=True)

    class Meta:
        app_label = "auth"


class FewRows(models.QuerySet):
    def filter(self, *args, **named):
        return super().filter(*args, **named).exclude(username="bob")


class Few(UserManager):
    def get_queryset(self):
        return super().get_queryset().exclude(username="bob")


class Filtering(UserManager):
    def filter(self, *args, **named):
        return super().filter(*args, **named).exclude(username="bob")


class Careful(User):
    by_queryset = UserManager.from_queryset(FewRows)()
    by_get_queryset = Few()
    by_filter = Filtering()

    class Meta:
        app_label = "auth"
        proxy = True


@contextmanager
def table(model):
    with connection.schema_editor() as editor:
        editor.create_model(model)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(model)


@pytest.fixture
def things():
    with table(Thing):
        yield [Thing.objects.create(heavy=number > 1) for number in range(3)]


@pytest.fixture
def compiled(monkeypatch):
    """Count what the ORM is made to compile, from nothing known."""
    vars(connections["default"]).pop("wsauth_prepared", None)
    made = []
    as_sql = "django.db.models.sql.compiler.SQLCompiler.as_sql"
    before = models.sql.compiler.SQLCompiler.as_sql
    monkeypatch.setattr(as_sql, lambda self, *a, **k: made.append(self.query.model) or before(self, *a, **k))
    return made


def test_a_statement_is_compiled_once(alice, bob, compiled):
    """Whatever the values, and however many."""
    assert prepared.rows(User.objects, "pk", [1]) == [alice]
    assert compiled == [User]
    assert set(prepared.rows(User.objects, "pk", ["1", 2, 3])) == {alice, bob}
    assert prepared.rows(User.objects, "pk", [7]) == []
    assert compiled == [User]


def test_each_field_has_its_own(alice, bob, compiled):
    """And each choice of columns."""
    assert prepared.rows(User.objects, "username", ["bob", "carol"]) == [bob]
    ((pk, is_active),) = prepared.columns(User.objects, "default", "username", ["alice"], "pk", "is_active")
    assert (pk, is_active) == (1, True)
    assert prepared.columns(User.objects, "default", "username", ["bob"], "username") == [("bob",)]
    assert prepared.rows(User.objects, "pk", [1]) == [alice]
    assert len(compiled) == 4


def test_an_instance_is_as_if_the_orm_had_read_it(alice):
    """It is saved as an update, to where it came from, and nothing of it is left to be read."""
    (found,) = prepared.rows(User.objects, "pk", [1])
    expected = User.objects.get(pk=1)
    assert (found._state.adding, found._state.db) == (False, "default")
    assert {name: vars(found)[name] for name in vars(expected) if name != "_state"} == {
        name: value for name, value in vars(expected).items() if name != "_state"
    }


def test_values_are_converted_both_ways(things):
    """As by the fields: SQLite keeps a UUID as a text, and True as a number."""
    found = prepared.rows(Thing.objects, "pk", [things[0].pk, str(things[2].pk)])
    assert {(each.pk, each.heavy, str(each.price)) for each in found} == {
        (things[0].pk, False, "1.50"),
        (things[2].pk, True, "1.50"),
    }
    named = prepared.columns(Thing.objects, "default", "pk", [things[1].pk], "heavy", "pk")
    assert [tuple(row) for row in named] == [(False, things[1].pk)]


def test_a_value_that_the_column_cannot_hold_is_an_error_of_the_orms(alice):
    """The caller looks for the others one by one."""
    for _ in range(2):  # before it is compiled, and after
        with pytest.raises(ValueError, match="expected a number"):
            prepared.rows(User.objects, "pk", ["x", 1])
        prepared.rows(User.objects, "pk", [1])


@pytest.mark.parametrize("values", [[], [None], [None, None]])
def test_nothing_is_asked_about_nobody(values, compiled):
    """The database is not troubled."""
    with CaptureQueriesContext(connection) as captured:
        assert prepared.rows(User.objects, "pk", values) == []
        assert prepared.columns(User.objects, "default", "pk", values, "pk") == []
    assert len(captured) == 0


def test_nothing_is_built_for_nobody(compiled):
    """Where every user is looked up by a backend of the project's own."""
    assert rows_in(User.objects, "pk", []) == []
    assert compiled == []


def test_none_hides_nobody_else(alice):
    """A session may hold it in place of a user."""
    assert prepared.rows(User.objects, "pk", [None, 1]) == [alice]


@pytest.mark.parametrize("manager", [Careful.by_queryset, Careful.by_get_queryset, Careful.by_filter])
def test_a_manager_of_ones_own_decides(alice, bob, manager):
    """Whoever it hides stays hidden."""
    for _ in range(2):
        assert [each.username for each in prepared.rows(manager, "pk", [1, 2])] == ["alice"]
        if not isinstance(manager, Filtering):  # which `using` goes past, as ever
            assert list(prepared.columns(manager, "default", "pk", [1, 2], "username")) == [("alice",)]


def test_a_manager_that_was_changed_decides(alice, bob, monkeypatch):
    """Also where only this one was."""
    monkeypatch.setattr(User.objects, "filter", lambda **named: User.objects.none(), raising=False)
    assert prepared.rows(User.objects, "pk", [1, 2]) == []


@pytest.mark.parametrize("how", ["function", "class", "compiler"])
def test_a_backend_that_writes_statements_itself_writes_each(alice, compiled, monkeypatch, how):
    """It may name the tenant's schema in them."""
    at = connections["default"]
    if how == "function":
        monkeypatch.setattr(at.ops, "quote_name", lambda name: f'"{name}"', raising=False)
    else:
        own = {"class": {}, "compiler": {"__module__": "django.x", "compiler_module": "project.compiler"}}[how]
        operations = type("Own", (type(at.ops),), own)
        assert how == "class" or not prepared._writes_as_django(operations)
        monkeypatch.setattr(at, "ops", type("Own", (type(at.ops),), {})(at))
    assert [prepared.rows(User.objects, "pk", [1]) for _ in range(2)] == [[alice]] * 2
    assert compiled == [User, User]


def test_a_lookup_of_another_kind_is_the_orms(alice, compiled):
    """A relation compares otherwise."""
    token = Token.objects.create(user=alice)
    for _ in range(2):
        assert prepared.rows(Token.objects, "user", [1]) == [token]
        assert prepared.rows(Token.objects, "key", [token.key]) == [token]
    assert compiled.count(Token) == 3, "by the relation each time, by the key once"


def test_what_watches_queries_sees_these(alice):
    """And so does what changes or forbids them."""
    prepared.rows(User.objects, "pk", [1])
    with CaptureQueriesContext(connection) as captured:
        prepared.rows(User.objects, "pk", [1])
    (query,) = captured
    assert query["sql"].endswith('FROM "auth_user" WHERE "auth_user"."id" IN (1)')

    def forbid(*arguments):
        raise LookupError("not today")

    with connection.execute_wrapper(forbid), pytest.raises(LookupError):
        prepared.rows(User.objects, "pk", [1])


def test_nobodys_key_is_kept():
    """A statement lives as long as the process, and would show it in a dump."""
    key = uuid.uuid4().hex
    vars(connections["default"]).pop("wsauth_prepared", None)
    assert prepared.columns(Session.objects, "default", "session_key", [key], "session_key") == []
    (select,) = vars(connections["default"])["wsauth_prepared"].values()
    assert key not in repr([select.compiler.query.where.children, str(select), select.head, select.tail])
    assert all(child.rhs == [] for child in select.compiler.query.where.children)


def test_a_statement_belongs_to_its_connection(alice):
    """Another database may be asked in other words, and another thread has connections of its own."""
    prepared.rows(User.objects, "pk", [1])
    known = vars(connections["default"])["wsauth_prepared"].values()
    assert {id(select.connection) for select in known if select} == {id(connections["default"])}


@pytest.mark.parametrize("values", [["nonsense"], ["nonsense", "c-1"], ["c-1", "nonsense"]])
def test_a_field_that_takes_a_value_for_none_finds_nothing_by_it(values):
    """Also where that value is the first ever asked for; the others are found."""
    vars(connections["default"]).pop("wsauth_prepared", None)
    with table(Coded):
        code = Coded.objects.create(code="c-1")
        for _ in range(2):
            assert prepared.rows(Coded.objects, "code", values) == ([code] if "c-1" in values else [])
