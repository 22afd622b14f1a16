"""What a verifier of the application's own hides of another one that it holds: above all, that it can be asked again.

A connection that nobody can be asked about outlives its session and its user, and nothing shows it. So what a verifier holds
is looked for where Python keeps it, when the policy is made.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import cast

from wsauth.core.errors import ConfigurationError

DEPTH = 4  # from a verifier to what it holds: itself, an object of the application's, a list there, and what is in it
MANY = 1000  # items of a container: more are data
_REFERRING = (types.MethodType, types.FunctionType, functools.partial, list, tuple, set, frozenset, Mapping)
_LEAVES = (str, bytes, int, float, type(None), types.ModuleType)


def check_nothing_is_hidden(verifier: object, where: str) -> None:
    """Raise ConfigurationError for a verifier that holds another one and does not say what that says of itself."""
    for inner in _held(verifier):
        name, found = _name(verifier), _name(inner)
        instead = f"write Mapped({found}(...), change) with `async def change(identity)`"
        if _hides("recheck", verifier, inner):
            raise ConfigurationError(
                f"{where}: {name} holds {found} and has no `recheck`: its connections would outlive the sessions and users"
                f" that {found} looks at again; {instead}, or give {name} `async def recheck(self, identities)`"
                " (`recheck = None` says that nobody is to be asked)"
            )
        if _hides("stateful", verifier, inner):
            raise ConfigurationError(
                f"{where}: {name} holds {found} and hides that it asks a store; {instead}, or `stateful = True` in {name}"
            )
        if _hides("framework", verifier, inner):
            raise ConfigurationError(
                f"{where}: {name} holds {found} and hides its framework, which fills the scope and knows the hosts;"
                f" {instead}, or `framework = {found}.framework` in {name}"
            )


def _hides(name: str, verifier: object, inner: object) -> bool:
    return not hasattr(verifier, name) and bool(getattr(inner, name, None))


def _held(verifier: object) -> Iterator[object]:
    """Every verifier that this one holds, however deep; not what those hold that answer for it themselves."""
    seen = {id(verifier)}
    level = [verifier]
    for _ in range(DEPTH):
        level = [value for holder in level for value in _values(holder) if _is_news(value, seen)]
        yield from filter(_is_verifier, level)
        level = [value for value in level if _static(value, "recheck") is None and not _is(value, type)]


def _is_news(value: object, seen: set[int]) -> bool:
    if _is(value, _LEAVES) or id(value) in seen:
        return False
    seen.add(id(value))
    return True


def _is(value: object, kinds: type | tuple[type, ...]) -> bool:
    """`isinstance`, which would load the settings of a lazy object of Django's."""
    return issubclass(type(value), kinds)


def _static(value: object, name: str) -> object:
    return inspect.getattr_static(value, name, None)


def _is_verifier(value: object) -> bool:
    """Whether it is a verifier, or a class of them, that says something of itself."""
    says = any(_static(value, name) is not None for name in ("recheck", "stateful", "framework"))
    return says and _static(value, "verify") is not None


def _values(holder: object) -> Iterable[object]:
    """Return what an object refers to: attributes, slots, items, arguments, and what the code of its functions names."""
    if not _is(holder, _REFERRING):
        return _attributes(holder)
    if isinstance(holder, types.MethodType):
        return (holder.__self__, holder.__func__)
    if isinstance(holder, types.FunctionType):
        return _named_by(holder)
    if isinstance(holder, functools.partial):
        return (holder.func, *holder.args, *holder.keywords.values())
    items = holder.values() if isinstance(holder, Mapping) else cast("Iterable[object]", holder)
    return islice(items, MANY)


def _attributes(holder: object) -> Iterator[object]:
    yield from list(getattr(holder, "__dict__", {}).values())
    has_code = any(_static(holder, name) is not None for name in ("verify", "__call__"))
    for cls in type(holder).__mro__[:-1]:
        for name, value in list(vars(cls).items()):
            if isinstance(value, types.MemberDescriptorType):
                yield getattr(holder, name, None)
            elif has_code and (not name.startswith("__") or name in ("__call__", "__init__")):
                yield getattr(value, "fget", None) or getattr(value, "__func__", value)  # of a property, a staticmethod


def _named_by(function: types.FunctionType) -> Iterator[object]:
    """What a function closes over, has as defaults, and names among the globals: verifiers, and classes of them."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet filled
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from filter(_is_verifier, map(function.__globals__.get, _names(function.__code__)))


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _name(value: object) -> str:
    return getattr(value, "__name__", None) or type(value).__name__
