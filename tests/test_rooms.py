"""Who may know whom, read from the source: every rule fails on the import that breaks it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "wsauth"
FILES = sorted(SOURCE.rglob("*.py"))
DJANGO = {"django", "channels", "rest_framework", "rest_framework_simplejwt", "asgiref"}
FRAMEWORKS = DJANGO | {"drf_spectacular", "starlette", "fastapi"}
OPTIONAL = {  # what a room may import beside the standard library
    "verifiers": {"joserfc", "httpx", "cryptography", "jwt"},
    "asyncapi": {"pydantic", "msgspec", "yaml"},  # which make JSON Schemas and text, and know no connection
    "django": DJANGO | {"joserfc", "jwt", "drf_spectacular", "yaml"},
    "starlette": {"starlette", "fastapi", "itsdangerous"},
    "redis": {"redis"},
    "prometheus": {"prometheus_client"},
    "testing": {"django", "channels", "starlette", "joserfc", "httpx"},
    "cli": {"yaml"},
}
CORE = {"core"}
ENFORCING = CORE | {"policy", "revocation", "asgi", "verifiers"}
BELOW = {  # the rooms that a room may import, besides itself
    "core": set[str](),
    "policy": CORE | {"revocation"},
    "revocation": CORE,
    "asgi": CORE | {"policy", "revocation"},
    "verifiers": CORE,
    "asyncapi": CORE | {"policy"},
    "panel": CORE | {"policy", "asgi", "asyncapi"},
    "django": ENFORCING | {"asyncapi", "panel"},
    "starlette": ENFORCING | {"asyncapi", "panel"},
    "redis": ENFORCING,
    "prometheus": CORE,
    "testing": ENFORCING | {"django", "starlette"},
    "cli": ENFORCING | {"asyncapi"},
    "__main__": {"cli"},
    "__init__": ENFORCING,
}


LATE = ("rest_framework", "drf_spectacular", "django.contrib.auth.models", "django.contrib.sessions.models")


class Import(NamedTuple):
    """`name` in full; `eager` where it runs when the module is imported; `typing` where only a type checker reads it."""

    name: str
    line: int
    eager: bool
    typing: bool


def imports(tree: ast.AST, eager: bool = True, typing: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, eager and not typing, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.module != "wsauth" else [f"wsauth.{alias.name}" for alias in node.names]
            yield from (Import("." * node.level + name, node.lineno, eager and not typing, typing) for name in names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imports(ast.Module(node.body, []), eager, typing=True)
            yield from imports(ast.Module(node.orelse, []), eager, typing)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(node, eager and not inside, typing)


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[Import]:
    return list(imports(ast.parse(path.read_text("utf-8"))))


def outside(found: Import) -> str:
    """The distribution that an import asks for; empty for the standard library and for wsauth."""
    top = found.name.partition(".")[0]
    return "" if top in sys.stdlib_module_names or top == "wsauth" else top


files = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))


def breach(path: Path, found: Import, rule: str) -> str:
    return f"{path.relative_to(ROOT)}:{found.line} imports {found.name}: {rule}"


@files
def test_imports_are_absolute(path: Path):
    """A reader sees where a name comes from, and a moved file breaks loudly."""
    for found in imported(path):
        assert not found.name.startswith("."), breach(path, found, "write it in full")


@files
def test_core_knows_the_standard_library_only(path: Path):
    """No event loop, no clock, no framework, no room above: what decides is pure. Types may come from anywhere in core."""
    if room(path) != "core":
        return
    banned = {
        "asyncio",
        "time",
        "datetime",
        "threading",
        "socket",
        "ssl",
        "random",
        "secrets",
        "concurrent",
        "selectors",
    }
    for found in imported(path):
        top = found.name.partition(".")[0]
        assert top not in banned, breach(path, found, "core has no loop, clock, thread or chance")
        assert not outside(found), breach(path, found, "core imports the standard library only")
        assert top != "wsauth" or found.name.startswith("wsauth.core"), breach(path, found, "core knows no other room")


@files
def test_policy_has_no_loop_and_no_clock(path: Path):
    """The policy awaits verifiers, and is otherwise as pure as core."""
    if room(path) != "policy":
        return
    for found in imported(path):
        assert found.name.partition(".")[0] not in {"asyncio", "time", "threading"}, breach(
            path, found, "the policy is pure"
        )


@files
def test_rooms_know_only_the_rooms_below(path: Path):
    """Adapters know what is below them and never each other; even for types."""
    here = room(path)
    for found in imported(path):
        parts = found.name.split(".")
        if parts[0] == "wsauth" and len(parts) > 1:
            assert parts[1] in BELOW[here] | {here}, breach(path, found, f"{here} may know {sorted(BELOW[here])}")


def test_every_room_has_a_rule():
    """A new room is given its place before it is built upon."""
    assert {room(path) for path in FILES} <= BELOW.keys()


@files
def test_frameworks_stay_in_their_rooms(path: Path):
    """asgi, verifiers and revocation run under every framework, so they know none, not even inside a function."""
    here = room(path)
    for found in imported(path):
        if outside(found) in FRAMEWORKS:
            assert outside(found) in OPTIONAL.get(here, ()), breach(path, found, f"{here} knows no such framework")


@files
def test_optional_dependencies_stay_in_their_rooms(path: Path):
    """`import wsauth` needs the standard library only."""
    for found in imported(path):
        name = outside(found)
        assert not name or name in OPTIONAL.get(room(path), ()), breach(path, found, "not a dependency of this room")


@files
def test_models_are_not_imported_with_a_django_module(path: Path):
    """Before `django.setup()` models, DRF and simplejwt cannot be imported; settings modules build policies then."""
    if room(path) != "django":
        return
    for found in imported(path):
        late = found.name.startswith(LATE)
        assert not (late and found.eager), breach(path, found, "import it where it is used")


@pytest.mark.parametrize("room_of_demo", ["examples", "benchmarks", "tests", "docs"])
def test_nothing_imports_what_stands_beside_the_source(room_of_demo: str):
    """The package works where only the package is installed."""
    for path in FILES:
        for found in imported(path):
            assert found.name.partition(".")[0] != room_of_demo, breach(path, found, "it is not installed")


PAGES = [path for path in SOURCE.rglob("static/*.*") if path.suffix in (".js", ".css", ".html")]


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=lambda path: path.name)
def test_file_fits_a_head(path: Path):
    """400 lines is where to split."""
    assert len(path.read_text("utf-8").splitlines()) <= 400


@files
def test_module_says_what_lives_in_it(path: Path):
    """A stranger finds each rule by file name and first sentence."""
    tree = ast.parse(path.read_text("utf-8"))
    assert not tree.body or ast.get_docstring(tree)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", [("a.b", True, False)]),
        ("from a import b", [("a", True, False)]),
        ("from wsauth import django", [("wsauth.django", True, False)]),
        ("from .x import y", [(".x", True, False)]),
        ("if TYPE_CHECKING:\n  import a\nelse:\n  import b", [("a", False, True), ("b", True, False)]),
        ("def f():\n  import a", [("a", False, False)]),
        ("class A:\n  import a\n  def f(self):\n    import b", [("a", True, False), ("b", False, False)]),
        ("try:\n  import a\nexcept ImportError:\n  pass", [("a", True, False)]),
    ],
)
def test_the_reader_of_imports_reads(source: str, expected: list[tuple[str, bool, bool]]):
    """A rule that reads nothing breaks nothing."""
    assert [(found.name, found.eager, found.typing) for found in imports(ast.parse(source))] == expected
