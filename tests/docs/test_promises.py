"""Each sentence that docs/security.md promises names the tests that hold it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
PAGE = (ROOT / "docs" / "security.md").read_text()
PROMISED = PAGE.partition("## What is promised")[2].partition("\n## ")[0]
ITEM = re.compile(r"^\d+\. (.*?)(?=^\d+\. |\Z)", re.MULTILINE | re.DOTALL)
PROMISES = [tuple(item[1].split("\n", 1)) for item in ITEM.finditer(PROMISED)]


@cache
def named_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, functions) and node.name.startswith("test_")
    )


def is_a_test(name: str) -> bool:
    file, _, test = name.partition("::")
    found = named_in(TESTS / file)
    return test in found if test else bool(found)


@pytest.mark.parametrize(("promise", "rest"), PROMISES, ids=[str(n) for n, _ in enumerate(PROMISES, 1)])
def test_a_promise_names_the_tests_that_hold_it(promise: str, rest: str):
    """Each of them is there."""
    names = re.findall(r"^ +- `(.+)`$", rest, re.MULTILINE)
    assert names, promise
    assert [name for name in names if not is_a_test(name)] == []


def test_every_promise_is_read():
    """The page numbers them."""
    assert len(PROMISES) == len(re.findall(r"^\d+\. ", PROMISED, re.MULTILINE)) > 20
