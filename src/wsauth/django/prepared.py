"""`SELECT … WHERE field IN (…)` without building it anew: Django's ORM takes longer to write a query than to ask it.

A statement is compiled once for each connection, by the ORM, and executed with other values. Cursor, routers, converters
and `Model.from_db` are Django's, so whatever watches or changes these still does. It is taken where the manager and its
query set are Django's own in what they select, where the backend is in what it writes (another may name the tenant's schema
in each statement), and where the statement has no parameter but the values. The ORM is asked for everything else.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models.lookups import In

_ONE = "IN (%s)"
_SELECTING = ("get_queryset", "filter", "using", "db_manager", "db")  # what of a manager decides which rows are found
_PLACE = "wsauth_prepared"  # in the connection: the statements go with it


def rows(manager: Any, field: str, values: Sequence[Any]) -> list[Any]:
    """Return the instances whose field is one of the values, from the database that the manager reads."""
    database, model = manager.db, manager.model
    select = _select(manager, database, field, values)
    if select is None:
        return list(manager.filter(**{f"{field}__in": values}))
    return [model.from_db(database, select.names, row) for row in select.rows(values)]


def columns(manager: Any, database: str, field: str, values: Sequence[Any], *names: str) -> list[Sequence[Any]]:
    """Return these columns of the rows whose field is one of the values."""
    select = _select(manager, database, field, values, names)
    if select is None:
        return list(manager.using(database).filter(**{f"{field}__in": values}).values_list(*names))
    return select.rows(values)


@dataclass(frozen=True, slots=True)
class _Select:
    """A compiled statement. `names` are those of its columns."""

    connection: Any
    compiler: Any
    converters: Any
    head: str
    tail: str
    field: Any
    names: Sequence[str]

    def rows(self, values: Sequence[Any]) -> list[Sequence[Any]]:
        sql = f"{self.head}IN ({', '.join(['%s'] * len(values))}){self.tail}"
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [_parameter(self.field, value, self.connection) for value in values])
            found: list[Sequence[Any]] = cursor.fetchall()
        return list(self.compiler.apply_converters(found, self.converters)) if self.converters else found


def _select(
    manager: Any, database: str, field: str, values: Sequence[Any], names: Sequence[str] = ()
) -> _Select | None:
    """Return the statement; None where the ORM has to be asked."""
    if not values or None in values or not is_plain(manager):  # the ORM finds nothing by None, and does not ask
        return None
    connection = connections[database]
    operations: Any = connection.ops.__class__
    if not _writes_as_django(operations) or "quote_name" in vars(connection.ops):
        return None
    known = connection.__dict__.setdefault(_PLACE, {})
    key = (type(manager), manager.model, manager.model._meta.db_table, field, names)
    if key not in known:
        try:
            known[key] = _compiled(manager, connection, field, values[0], names)
        except EmptyResultSet:  # a field that takes this value for none: the next one may be another
            return None
    select: _Select | None = known[key]
    return select


def is_plain(manager: Any) -> bool:
    """Whether a manager selects as Django's own does."""
    kind: Any = type(manager)
    return _is_plain(kind) and vars(manager).keys().isdisjoint(_SELECTING)


@functools.lru_cache(maxsize=32)
def _is_plain(kind: Any) -> bool:
    return (
        issubclass(kind, models.Manager)
        and kind._queryset_class is models.QuerySet
        and all(getattr(kind, name) is getattr(models.Manager, name) for name in _SELECTING)
    )


@functools.lru_cache(maxsize=32)
def _writes_as_django(operations: Any) -> bool:
    """Whether the statements of a backend are Django's own, and so the same in every context."""
    sources = (operations.__module__, operations.quote_name.__module__, operations.compiler_module)
    return all(source.startswith("django.") for source in sources)


def _compiled(manager: Any, connection: Any, field: str, value: Any, names: Sequence[str]) -> _Select | None:
    """Let the ORM compile the query for one value, and see that it is one that is written so for any others."""
    queryset = manager.using(connection.alias).filter(**{f"{field}__in": [value]})
    if names:
        queryset = queryset.values_list(*names)
    (lookup,) = queryset.query.where.children
    if type(lookup) is not In:
        return None
    compiler = queryset.query.get_compiler(connection=connection)
    sql, parameters = compiler.as_sql()
    lookup.rhs = []  # it may be the key of a session, and the compiler is kept
    head, _, tail = sql.partition(_ONE)
    if (
        sql.count("%s") != sql.count(_ONE)
        or list(parameters) != [_parameter(lookup.lhs.output_field, value, connection)]
        or connection.ops.max_in_list_size() is not None
    ):
        return None
    selected = [expression for expression, _, _ in compiler.select]
    names = names or [expression.target.attname for expression in selected]
    return _Select(connection, compiler, compiler.get_converters(selected), head, tail, lookup.lhs.output_field, names)


def _parameter(field: Any, value: Any, connection: Any) -> Any:
    """The value as the lookup `In` gives it to the database."""
    return field.get_db_prep_value(field.get_prep_value(value), connection, prepared=True)
