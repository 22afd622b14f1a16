"""What of a context can make a difference to an answer: the variables that the application has set there.

A tenant, a language or a database may stand in a ContextVar that a middleware has set, and a router, a manager or a
`load_user` looks at it. So whoever is asked together with others, or again later, is asked in a context that holds the
same. Left out is what is known to make no difference (`bystanders`), and what a policy names.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any
from weakref import WeakValueDictionary

from wsauth.core.bystanders import local_storage, own, parts
from wsauth.core.carriers import NOTHING as NO_PART
from wsauth.core.carriers import contents

_PLAIN = frozenset((bool, int, float, str, bytes, type(None), uuid.UUID))


class Variables:
    """Variables of a context with their values. Equal ones are one object, which all connections share.

    Values are equal where they are plain (a str, a number, a UUID, a tuple or frozenset of these), of one type and equal.
    Any other value is equal to itself alone. For an `asgiref.local.Local`, that is said of each of its attributes; for
    the container of a tracer, of each value that the application has put into it (`carriers`).
    """

    __slots__ = ("__weakref__", "_context", "_locals")

    def __init__(self, values: dict[ContextVar[Any], Any], stored: tuple[ContextVar[Any], ...] = ()) -> None:
        self._context = Context()
        self._locals = stored
        for variable, value in values.items():
            self._context.run(variable.set, value)

    def __repr__(self) -> str:
        return f"Variables({', '.join(sorted(variable.name for variable in self._context))})"

    def __iter__(self) -> Iterator[tuple[ContextVar[Any], Any]]:
        return iter(self._context.items())

    def context(self) -> Context:
        """Return a context that holds these and nothing else: a new one, for whatever runs in it may change it."""
        context = self._context.copy()
        for variable in self._locals:
            context.run(variable.set, dict(context[variable]))
        return context


NOTHING = Variables({})

is_recheck: ContextVar[bool] = own(ContextVar("wsauth_is_recheck", default=False))  # whether a look is under way here

_ignored: ContextVar[frozenset[ContextVar[Any]]] = own(ContextVar("wsauth_ignored", default=frozenset()))
_known: WeakValueDictionary[frozenset[Any], Variables] = WeakValueDictionary()


@contextmanager
def ignoring(variables: frozenset[ContextVar[Any]]) -> Iterator[None]:
    """Let these make no difference within the block."""
    token = _ignored.set(variables)
    try:
        yield
    finally:
        _ignored.reset(token)


def present() -> Variables:
    """Return what stands in the present context and can make a difference."""
    ignored = _ignored.get()
    held = {
        variable: counting
        for variable, value in copy_context().items()
        if variable not in ignored and (counting := parts(variable, value)[0]) is not NO_PART
    }
    return _shared(held) if held else NOTHING


def bare() -> Context:
    """Return the present context without what can make a difference: for what is one and the same for everybody."""
    context = Context()
    for variable, value in copy_context().items():
        if (rest := parts(variable, value)[1]) is not NO_PART:
            context.run(variable.set, rest)
    return context


def _shared(held: dict[ContextVar[Any], Any]) -> Variables:
    marks = frozenset((variable, _mark_of(variable, value)) for variable, value in held.items())
    found = _known.get(marks)
    if found is None:
        # asgiref before 3.9 changes the dict of a Local in place: what is kept is as it was.
        in_place = {variable: dict(value) for variable, value in held.items() if _is_changed_in_place(variable, value)}
        found = _known[marks] = Variables(held | in_place, tuple(in_place))
    return found


def _is_changed_in_place(variable: ContextVar[Any], value: Any) -> bool:
    return isinstance(value, dict) and local_storage(variable, value) is not None


def _mark_of(variable: ContextVar[Any], value: Any) -> object:
    """What of a value must be equal. A Local is seen by the thread alone that its storage names."""
    if (stored := local_storage(variable, value)) is not None:
        return getattr(value, "thread_id", None), _marks(stored)
    if (carried := contents(value)) is not None:
        return type(value), _marks(carried)
    return _mark(value)


def _marks(values: Mapping[Any, Any]) -> frozenset[Any]:
    return frozenset((name, _mark(each)) for name, each in values.items())


def _mark(value: Any) -> object:
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if kind is tuple:
        return kind, tuple(map(_mark, value))
    if kind is frozenset:
        return kind, frozenset(map(_mark, value))
    return _Itself(value)


class _Itself:
    """A value that is equal to itself alone, whatever it says of others."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)
