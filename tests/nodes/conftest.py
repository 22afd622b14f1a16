"""One ring of nodes for all tests, with a Redis; and how long after each change the sockets were closed."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import pytest
from patience import HANG
from redis_server import RedisServer
from servers.configurations import CONFIGURATIONS

import wsauth
from nodes.cluster import Client, Cluster

SOURCE = str(Path(wsauth.__file__).parent)
_latencies: dict[tuple[str, str], list[float]] = defaultdict(list)  # by scenario and configuration


@pytest.fixture(scope="session")
def _ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with RedisServer() as redis:
        ring = Cluster(list(CONFIGURATIONS), redis.url, tmp_path_factory.mktemp("ring"))
        yield ring
        ring.stop()
        _check_logs(ring)


@pytest.fixture
async def ring(_ring: Cluster) -> Cluster:
    """The six server configurations, which share a database and a Redis."""
    await _ring.wait_until_ready()
    return _ring


@pytest.fixture(scope="session")
def _pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pair = Cluster(["uvicorn-websockets", "daphne"], "database", tmp_path_factory.mktemp("pair"))
    yield pair
    pair.stop()
    _check_logs(pair)


@pytest.fixture
async def pair(_pair: Cluster) -> Cluster:
    """Two nodes whose log is a table of the database that they share."""
    await _pair.wait_until_ready()
    return _pair


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    async with Client(cookies=jar, verify=False, timeout=HANG) as client:
        yield client


def _check_logs(cluster: Cluster) -> None:
    """No node may have met with an error, whether its sockets closed or not."""
    for node in cluster.nodes.values():
        assert "ERROR:wsauth" not in node.printed, node.printed[-4000:]
        assert SOURCE not in node.printed, node.printed[-4000:]  # a traceback through wsauth


@pytest.fixture
def latencies(request: pytest.FixtureRequest) -> Any:
    """Note what a scenario measured, by the name of the place: "uvicorn-websockets /sync/signals"."""

    def note(scenario: str, measured: dict[str, float]) -> None:
        for place, seconds in measured.items():
            _latencies[scenario, place.partition(" ")[0]].append(seconds)

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """With -v, say how long it took from the commit to the close: median and maximum in milliseconds."""
    if not _latencies or terminalreporter.verbosity < 1:
        return
    terminalreporter.section("milliseconds from the commit to the close: median / maximum")
    for scenario in dict.fromkeys(scenario for scenario, _ in _latencies):
        of_each = [(place, seconds) for (of, place), seconds in _latencies.items() if of == scenario]
        for place, seconds in of_each:
            median, most = statistics.median(seconds) * 1000, max(seconds) * 1000
            terminalreporter.write_line(f"{scenario:28} {place:26} {median:6.0f} / {most:6.0f}  of {len(seconds)}")
