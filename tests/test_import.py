"""What `import wsauth` costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BUDGET = 10.0  # milliseconds beyond `import asyncio`
ROUNDS = 9
HEAVY = {
    *("django", "channels", "rest_framework", "starlette", "fastapi", "asgiref"),
    *("joserfc", "jwt", "cryptography", "redis", "pydantic", "httpx", "itsdangerous", "prometheus_client"),
}
MEASURE = "import asyncio, time; start = time.perf_counter(); {}; print((time.perf_counter() - start) * 1000)"


def run(code: str, cache: Path) -> str:
    """Run in a fresh interpreter, with byte code as an installed package has it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    command = [sys.executable, "-c", code]
    environment["PYTHONPYCACHEPREFIX"] = str(cache)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("pycache")
    run("import asyncio, wsauth; [getattr(wsauth, name) for name in wsauth.__all__]", prefix)
    return prefix


def milliseconds(cache: Path, *statements: str) -> list[float]:
    """The least that each statement took over several rounds, one after the other in each, so that noise meets all alike.

    Noise only ever adds, so the minimum is the cost.
    """
    rounds = [[float(run(MEASURE.format(statement), cache)) for statement in statements] for _ in range(ROUNDS)]
    return [min(times) for times in zip(*rounds, strict=True)]


@pytest.mark.parametrize("code", ["import wsauth", "import wsauth; [getattr(wsauth, name) for name in wsauth.__all__]"])
def test_import_loads_no_framework_and_no_optional_dependency(code: str, cache: Path):
    """Neither the import nor any public name needs more than the standard library."""
    loaded = run(f"{code}; import sys; print(*sys.modules)", cache).split()
    assert "wsauth" in loaded
    assert not {name.partition(".")[0] for name in loaded} & HEAVY


def test_import_is_cheap(cache: Path):
    """`import wsauth` takes under 10 ms beyond `import asyncio`."""
    [cost, nothing] = milliseconds(cache, "import wsauth", "pass")
    assert cost - nothing < BUDGET, f"import wsauth took {cost:.1f} ms; see python -X importtime -c 'import wsauth'"


def test_measurement_can_fail(cache: Path):
    """A module as heavy as a framework is over the budget by the same measure."""
    [heavy] = milliseconds(cache, "import django.http, starlette.applications")
    assert heavy > BUDGET
