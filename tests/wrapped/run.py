"""Run uvicorn's and Starlette's own WebSocket tests with wsauth around every application: `python tests/wrapped/run.py`.

It downloads the source distributions of the installed versions, runs their tests without and with `wrapping.py`, and fails
where a test that passes without wsauth does not pass with it. About two minutes, so it is not part of the test suite.
"""

# ruff: noqa: T201  # a command: it prints what it found

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

SUITES = {
    "uvicorn": ["tests/protocols/test_websocket.py"],
    "starlette": [
        "tests/test_websockets.py",
        "tests/test_testclient.py",
        "tests/test_applications.py",
        "tests/test_authentication.py",
        "tests/test_endpoints.py",
        "tests/test_exceptions.py",
        "tests/test_routing.py",
        "tests/middleware/test_base.py",
        "tests/middleware/test_session.py",
    ],
}
NEEDED = ["pytest-mock", "trustme", "sniffio", "trio", "outcome", "python-multipart"]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:asyncio"]
HERE = Path(__file__).parent


def main() -> int:
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        _pip("install", "--target", str(directory / "needed"), "--no-deps", *NEEDED)
        for package, files in SUITES.items():
            source = _source(package, directory)
            plain = _passed(source, files, directory, wrapped=False)
            wrapped = _passed(source, files, directory, wrapped=True)
            lost = sorted(plain - wrapped)
            broken += len(lost)
            print(f"{package} {version(package)}: {len(plain)} pass without wsauth, {len(wrapped)} with it")
            print(*lost, sep="\n", end="\n" if lost else "")
    return min(broken, 1)


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def _source(package: str, directory: Path) -> Path:
    requirement = f"{package}=={version(package)}"
    _pip("download", "--no-binary", ":all:", "--no-deps", "--dest", str(directory), requirement)
    (archive,) = directory.glob(f"{package}-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")
    return directory / archive.name.removesuffix(".tar.gz")


def _passed(source: Path, files: list[str], directory: Path, *, wrapped: bool) -> set[str]:
    """Run the tests, and return the names of those that passed. wsauth refuses trio, so only asyncio counts."""
    report = directory / "report.xml"
    path = os.pathsep.join([str(HERE), str(directory / "needed")])
    command = [*PYTEST, *(["-p", "wrapping"] if wrapped else []), f"--junitxml={report}", "-k", "not trio", *files]
    result = subprocess.run(command, cwd=source, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    if wrapped and "\n0 applications ran behind wsauth" in result.stdout:
        raise RuntimeError("nothing was wrapped")
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314  # pytest has just written it
    return {f"{case.get('classname')}.{case.get('name')}" for case in cases if len(case) == 0}


if __name__ == "__main__":
    sys.exit(main())
