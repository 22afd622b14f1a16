"""Every test here runs on a loop whose time is told."""

from fakes import FakeTimeLoop


def pytest_asyncio_loop_factories():
    return {"fake_time": FakeTimeLoop}
