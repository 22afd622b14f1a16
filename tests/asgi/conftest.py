"""Every test here runs on a loop whose time is told, and must leave no task and no timer behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakes import FakeTimeLoop, left_behind, turns

from wsauth.asgi import log


def pytest_asyncio_loop_factories():
    return {"fake_time": FakeTimeLoop}


@pytest.fixture(autouse=True)
def whole_ration() -> None:
    """Each test has a log to itself."""
    log.ration.forget()


@pytest.fixture(autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    yield
    if isinstance(asyncio.get_running_loop(), FakeTimeLoop):  # else the test is not async
        await turns()
        assert left_behind() == []
