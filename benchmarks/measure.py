"""What one process can measure of the application that it holds: CPU seconds, seconds, bytes."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import time
import tracemalloc
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

from benchmarks.driver import Driver
from benchmarks.people import REFUSED, Presented, token
from benchmarks.subjects import ASGIApp, bare, guarded

Figures = dict[str, float]
VICTIMS = 20  # revocations of one connection, whose median is the figure
PATIENCE = 60.0  # seconds


class Stopwatch:
    """CPU of all threads of this process, and wall time, since it was made. A `profiler` sees just what is measured."""

    profiler: ClassVar[cProfile.Profile | None] = None

    def __init__(self) -> None:
        gc.collect()
        if self.profiler is not None:
            self.profiler.enable()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def figures(self, count: float) -> Figures:
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        if self.profiler is not None:
            self.profiler.disable()
        return {"count": count, "cpu": cpu, "seconds": wall}


async def handshakes(driver: Driver, count: int, at_once: int) -> Figures:
    """Handshakes that are all admitted."""
    watch = Stopwatch()
    clients = await driver.run(count, at_once)
    figures = watch.figures(count)
    if not all(client.accepted for client in clients):
        raise RuntimeError(f"not every handshake was accepted: {[c.kinds for c in clients if not c.accepted][:3]}")
    return figures


async def messages(driver: Driver, count: int) -> Figures:
    """Texts that one connection receives and sends back."""
    client = driver.client(count)
    watch = Stopwatch()
    await driver.finish([client])
    return watch.figures(count)


async def refusals(application: ASGIApp, case: str, count: int) -> Figures:
    """Handshakes that are all refused, one after the other."""
    driver = Driver(application, [REFUSED[case]])
    watch = Stopwatch()
    clients = await driver.run(count, 1)
    figures = watch.figures(count)
    if any(client.accepted for client in clients):
        raise RuntimeError(f"{case}: a handshake that was to be refused was accepted")
    return figures


async def traces(guard: str, case: str, count: int = 20) -> Figures:
    """How often a refused handshake reaches a thread, the database or the application."""
    from asgiref.sync import SyncToAsync
    from django.db.backends.utils import CursorWrapper

    seen = {"hops": 0.0, "queries": 0.0, "created": 0.0}

    def counted(name: str, function: Any) -> Any:
        def counting(*args: Any, **kwargs: Any) -> Any:
            seen[name] += 1
            return function(*args, **kwargs)

        return counting

    hop, execute = SyncToAsync.__call__, CursorWrapper.execute
    SyncToAsync.__call__, CursorWrapper.execute = counted("hops", hop), counted("queries", execute)  # type: ignore[method-assign]
    try:
        await Driver(guarded(guard, counted("created", bare)), [REFUSED[case]]).run(count, 1)
    finally:
        SyncToAsync.__call__, CursorWrapper.execute = hop, execute  # type: ignore[method-assign]
    return {**{name: number / count for name, number in seen.items()}, "reached": sum(seen.values()) / count}


async def memory(driver: Driver, count: int, *, traced: bool) -> Figures:
    """Bytes that each of so many idle connections holds, by `tracemalloc` or by the resident set of the process."""
    await driver.run(200, 100)
    gc.collect()
    if traced:
        tracemalloc.start()
    before, watch = _bytes(traced=traced), Stopwatch()
    clients, tasks = await driver.hold(count)
    cpu = watch.figures(count)["cpu"]
    gc.collect()
    held = _bytes(traced=traced) - before
    for client in clients:
        client.leave()
    await asyncio.wait(tasks)
    return {"traced": held / count} if traced else {"resident": held / count, "cpu": cpu / count}


async def allocations(driver: Driver, count: int, lines: int = 15) -> str:
    """The lines of code that hold most of the memory of idle connections, with the bytes of each per connection."""
    await driver.run(200, 100)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    clients, tasks = await driver.hold(count)
    gc.collect()
    found = tracemalloc.take_snapshot().compare_to(before, "lineno")
    for client in clients:
        client.leave()
    await asyncio.wait(tasks)
    places = ((line.size_diff / count, line.traceback[0]) for line in found[:lines])
    return "\n".join(f"{size:7.0f} B  {'/'.join(at.filename.split('/')[-3:])}:{at.lineno}" for size, at in places)


def _bytes(*, traced: bool) -> int:
    if traced:
        return tracemalloc.get_traced_memory()[0]
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def revoke_one(application: Any, count: int) -> Figures:
    """Seconds from `revoke` to the close, for one of so many connections that belong to as many users."""
    driver = Driver(application, _tokens(count))
    clients, tasks = await driver.hold(count)
    took = []
    watch = Stopwatch()
    for client in clients[:: count // VICTIMS][:VICTIMS]:
        subject = _subject_of(client.scope)
        driver.closes.clear()
        began = time.perf_counter()
        await application.policy.connections.revoke(subject=subject)
        took.append(await _last(driver.closes, 1) - began)
    watch.figures(VICTIMS)
    for client in clients:
        client.leave()
    await asyncio.wait(tasks)
    return {"seconds": median(took)}


async def revoke_all(application: Any, count: int) -> Figures:
    """Seconds from `revoke` to the last close, for so many connections of one user."""
    driver = Driver(application, [Presented(query=f"token={token('everybody')}")])
    _, tasks = await driver.hold(count)
    watch, began = Stopwatch(), time.perf_counter()
    await application.policy.connections.revoke(subject="everybody")
    last = await _last(driver.closes, count)
    figures = {"seconds": last - began, "busy": watch.figures(count)["cpu"]}
    await asyncio.wait(tasks)
    return figures


async def group_send(application: ASGIApp, count: int) -> Figures:
    """Seconds from a Channels `group_send` to the last close, for so many consumers that close when they get it."""
    from channels.layers import get_channel_layer

    from benchmarks.subjects import GROUP

    driver = Driver(application, [Presented()])
    _, tasks = await driver.hold(count)
    watch, began = Stopwatch(), time.perf_counter()
    await get_channel_layer().group_send(GROUP, {"type": "log.out"})
    last = await _last(driver.closes, count)
    figures = {"seconds": last - began, "busy": watch.figures(count)["cpu"]}
    await asyncio.wait(tasks)
    return figures


async def revoke_records(count: int) -> Figures:
    """Seconds from `revoke` until the last of so many registry records was told to end; there is no connection behind."""
    from wsauth import Connections, Identity

    ends: list[float] = []
    loop, identity = asyncio.get_running_loop(), Identity("everybody", expires_at=time.time() + 3600)
    connections = Connections()
    records = [_Record(loop, identity, ends) for _ in range(count)]
    for record in records:
        connections.open(record, identity, connections.position, stateful=False)
    watch, began = Stopwatch(), time.perf_counter()
    await connections.revoke(subject="everybody")
    last = await _last(ends, count)
    return {"seconds": last - began, "busy": watch.figures(count)["cpu"]}


class _Record:
    """What the registry needs of a connection, and no more."""

    stateful = False
    can_look_again = False

    def __init__(self, loop: asyncio.AbstractEventLoop, identity: Any, ends: list[float]) -> None:
        self.loop = loop
        self.identity = identity
        self.since = time.time() - 1
        self._ends = ends

    def end(self, reason: object) -> None:
        self.close(reason)

    def close(self, reason: object) -> None:
        self._ends.append(time.perf_counter())

    def wake(self) -> None: ...

    def stop(self, reason: object) -> None: ...

    def end_in(self, seconds: float, reason: object) -> None: ...

    def look_again(self, within: float = 0.0, after: float = 0.0) -> None: ...


async def _last(moments: list[float], count: int) -> float:
    """Wait for so many moments, and return the last of them."""
    deadline = time.monotonic() + PATIENCE
    while len(moments) < count:
        await asyncio.sleep(0)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(moments)} of {count} connections were closed")
    return moments[-1]


def _tokens(count: int) -> list[Presented]:
    return [Presented(query=f"token={token(f'user{number}')}") for number in range(count)]


def _subject_of(scope: dict[str, Any]) -> str:
    """The middleware has taken the token out of the server's scope; the address tells whose turn it was."""
    a, b, c = (int(part) for part in scope["client"][0].split(".")[1:])
    number = a << 16 | b << 8 | c
    return f"user{number}"
