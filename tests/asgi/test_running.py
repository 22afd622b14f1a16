"""The application at work: stopped from outside, and only that kept from the server."""

import asyncio

import pytest
from fakes import left_behind

from wsauth.asgi.running import Running


async def finish(running, application):
    with running:
        await application


async def test_an_application_that_returns_in_time_is_not_stopped():
    """And its timer goes with it."""
    running = Running()

    async def application():
        running.stop_after(3)
        await asyncio.sleep(1)

    await finish(running, application())
    assert left_behind() == []


async def test_an_application_that_does_not_return_is_stopped():
    """Its task goes on as if nothing had happened."""
    running = Running()

    async def application():
        running.stop_after(3)
        await asyncio.sleep(1000)

    await finish(running, application())
    assert asyncio.get_running_loop().time() == pytest.approx(3)
    assert asyncio.current_task().cancelling() == 0


async def test_there_is_nothing_to_stop_where_nothing_runs():
    """Before the application and after it."""
    running = Running()
    running.stop_after(3)
    await finish(running, asyncio.sleep(0))
    running.stop_after(3)
    assert left_behind() == []
