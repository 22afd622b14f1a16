"""What `import wsauth` costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BUDGET = 3_000  # calls beyond `import asyncio`; its milliseconds are a row of the benchmarks
HEAVY = {
    *("django", "channels", "rest_framework", "starlette", "fastapi", "asgiref"),
    *("joserfc", "jwt", "cryptography", "redis", "pydantic", "httpx", "itsdangerous", "prometheus_client"),
}
MEASURE = """
import asyncio, sys
calls = 0
def count(frame, event, argument):
    global calls
    calls += event in ("call", "c_call")
sys.setprofile(count)
{}
sys.setprofile(None)
print(calls)
"""


def run(code: str, cache: Path) -> str:
    """Run in a fresh interpreter, with byte code as an installed package has it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    command = [sys.executable, "-c", code]
    environment["PYTHONPYCACHEPREFIX"] = str(cache)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300).stdout


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("pycache")
    run("import asyncio, wsauth; [getattr(wsauth, name) for name in wsauth.__all__]", prefix)
    return prefix


def calls(cache: Path, statement: str) -> int:
    return int(run(MEASURE.format(statement), cache))


@pytest.mark.parametrize("code", ["import wsauth", "import wsauth; [getattr(wsauth, name) for name in wsauth.__all__]"])
def test_import_loads_no_framework_and_no_optional_dependency(code: str, cache: Path):
    """Neither the import nor any public name needs more than the standard library."""
    loaded = run(f"{code}; import sys; print(*sys.modules)", cache).split()
    assert "wsauth" in loaded
    assert not {name.partition(".")[0] for name in loaded} & HEAVY


def test_import_is_cheap(cache: Path):
    """`import wsauth` does next to nothing beyond `import asyncio`."""
    assert calls(cache, "import wsauth") < BUDGET


def test_measurement_can_fail(cache: Path):
    """A module as heavy as a framework is over the budget by the same measure."""
    assert calls(cache, "import django.http, starlette.applications") > 10 * BUDGET
