"""The names that users import: few, documented, and ours."""

from __future__ import annotations

import inspect
import re
import types

import pytest

import wsauth

SUBMODULES = {"asgi", "core", "policy", "revocation", "verifiers", "testing", "asyncapi", "panel", "cli"}
SUBMODULES |= {"django", "starlette", "redis", "prometheus"}


@pytest.mark.parametrize("name", wsauth.__all__)
def test_public_name_exists_and_is_ours(name: str):
    """It is defined in wsauth, under the name by which it is imported."""
    value = getattr(wsauth, name)
    assert value.__module__.startswith("wsauth.")
    assert value.__name__ == name


@pytest.mark.parametrize("name", wsauth.__all__)
def test_public_name_is_documented(name: str):
    """Its docstring is a sentence of its own, not what `dataclass` or `Enum` made up, nor what it inherited."""
    value = getattr(wsauth, name)
    doc = inspect.cleandoc((vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__) or "")
    assert re.match(r"[A-Z`].*[.:]", doc, re.DOTALL), doc
    assert not doc.startswith(f"{name}(")


def test_nothing_else_is_public():
    """What is not in `__all__` is a submodule, or starts with an underscore."""
    leaked = {name for name in dir(wsauth) if not name.startswith("_")} - set(wsauth.__all__)
    assert leaked - SUBMODULES - {"annotations", "TYPE_CHECKING", "Any"} == set()
    assert all(isinstance(getattr(wsauth, name), types.ModuleType) for name in leaked & SUBMODULES)


def test_all_is_sorted_and_holds_no_name_twice():
    """A diff shows what became public."""
    assert len(set(wsauth.__all__)) == len(wsauth.__all__)
    assert [*wsauth.__all__] == sorted(wsauth.__all__)


def test_star_import_gives_exactly_all():
    """Whether or not names are loaded when they are first used."""
    namespace: dict[str, object] = {}
    exec("from wsauth import *", namespace)  # noqa: S102
    assert namespace.keys() - {"__builtins__"} == set(wsauth.__all__)


def test_unknown_name_is_an_attribute_error():
    """A typing error fails where it is written."""
    with pytest.raises(AttributeError, match="Polisy"):
        wsauth.Polisy  # noqa: B018


def test_version_is_a_version():
    """PEP 440, as the distribution has it."""
    from importlib.metadata import version

    assert wsauth.__version__ == version("wsauth")
