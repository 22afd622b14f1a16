"""Both demos as a user runs them, and a browser to look at them with."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from chromium import launched

from demo.browsing import Demo, Visitor

if TYPE_CHECKING:
    from playwright.async_api import Browser

EXAMPLES = Path(__file__).parents[2] / "examples"
START = 300  # seconds until a demo must have printed its address


def start(name: str, directory: Path) -> Demo:
    log = directory / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, EXAMPLES / name / "run.py", "--port", "0", "--data", directory],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Demo(name, process, log)


def wait_for_address(demo: Demo) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and demo.process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+/", demo.log.read_text())
        if found and demo.answers(found[0]):
            demo.url = found[0]
            return
        time.sleep(0.1)
    pytest.fail(f"{demo.name} did not start:\n{demo.log.read_text()}")


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Demo]]:
    """Both demos, each on a free port with a fresh database."""
    running = {name: start(name, tmp_path_factory.mktemp(name)) for name in ("channels_demo", "fastapi_demo")}
    try:
        for demo in running.values():
            wait_for_address(demo)
        yield running
    finally:
        for demo in running.values():
            demo.process.kill()
            demo.process.wait()


@pytest.fixture(params=["channels_demo", "fastapi_demo"])
def demo(request: pytest.FixtureRequest, demos: dict[str, Demo]) -> Demo:
    return demos[request.param]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, demo: Demo) -> AsyncIterator[Visitor]:
    """Open the demo as somebody, in a browser profile of their own. Nothing may reach the console as an error."""
    visitor = Visitor(browser, demo)
    yield visitor
    await visitor.leave()
    assert visitor.complaints == []
