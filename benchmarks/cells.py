"""How things are measured: each cell is a few subjects that take turns, A B A B, under the same conditions."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from benchmarks.configuration import USERS, Configuration
from benchmarks.figures import Sample, Series
from benchmarks.people import Presented, presented
from benchmarks.processes import REST, ROOT, Process, Server, Worker, cpu_of, cpu_of_family
from benchmarks.services import Services

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured, and how: `what` and `arguments` are those of `worker.Bench.do`. Sockets present `sends`."""

    label: str
    configuration: Configuration
    what: str = "handshakes"
    arguments: dict[str, Any] = field(default_factory=dict)
    sends: Presented | None = None

    def placed(self, services: Services) -> Configuration:
        return replace(self.configuration, places=services.places)


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds` is how long one turn is to last, `rounds` how many turns each subject has."""

    services: Services
    loadgen: Path
    rounds: int
    seconds: float
    progress: Progress

    def count_of(self, probed: int, took: float, at_once: int = 1) -> int:
        """How many last about a turn, in whole waves, when `probed` of them took so many seconds."""
        wanted = probed * self.seconds / max(took, 1e-6)
        return max(round(wanted / at_once), 1) * at_once


class Cell(Protocol):
    """`name` stands in the goals and in the JSON, `title` in the table."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def subjects(self) -> tuple[Subject, ...]: ...

    def measure(self, run: Run) -> Series: ...


@dataclass(frozen=True, slots=True)
class InProcess:
    """Each configuration lives in a process of its own, without sockets.

    A sample has, per handshake or message, `cpu` of that process, `postgres`, their sum `total`, `seconds`, and `rate`.
    """

    name: str
    title: str
    subjects: tuple[Subject, ...]

    def measure(self, run: Run) -> Series:
        series: Series = {subject.label: [] for subject in self.subjects}
        with ExitStack() as stack:
            workers: dict[Configuration, Worker] = {}
            for subject in self.subjects:
                if subject.configuration not in workers:
                    worker = stack.enter_context(Worker(subject.placed(run.services)))
                    workers[subject.configuration] = worker
            counts = {s.label: _calibrated(workers[s.configuration], s, run) for s in self.subjects}
            for turn in range(run.rounds):
                run.progress(f"{self.name}: round {turn + 1} of {run.rounds}")
                for subject in self.subjects:
                    worker, count = workers[subject.configuration], counts[subject.label]
                    before = cpu_of_family(run.services.postgres)
                    found = worker.ask(subject.what, count=count, **subject.arguments)
                    postgres = _settled(run.services.postgres) - before
                    series[subject.label].append(_sample(found["cpu"], postgres, found["seconds"], count))
        return series


def _calibrated(worker: Worker, subject: Subject, run: Run) -> int:
    """Warm up, with every user where a cache has to be, and see how many a turn takes."""
    at_once = subject.arguments.get("at_once", 1)
    worker.ask(subject.what, count=USERS if "cache" in subject.configuration.engine else 100, **subject.arguments)
    count = 100
    while True:
        seconds = worker.ask(subject.what, count=count, **subject.arguments)["seconds"]
        if seconds > run.seconds / 10:
            return run.count_of(count, seconds, at_once)
        count *= 8


def _settled(postmaster: int) -> float:
    """The CPU of PostgreSQL, once the processes of connections that were just closed have ended."""
    used = cpu_of_family(postmaster)
    for _ in range(20):
        time.sleep(0.01)
        before, used = used, cpu_of_family(postmaster)
        if used - before < 0.0001:
            break
    return used


def _sample(cpu: float, postgres: float, seconds: float, count: int) -> Sample:
    return {
        "cpu": cpu / count,
        "postgres": postgres / count,
        "total": (cpu + postgres) / count,
        "seconds": seconds / count,
        "rate": count / seconds,
    }


@dataclass(frozen=True, slots=True)
class Fresh:
    """Each turn of each subject has a new process: memory is measured from a clean start. A sample is what it answers."""

    name: str
    title: str
    subjects: tuple[Subject, ...]
    rounds: int = 3

    def measure(self, run: Run) -> Series:
        series: Series = {subject.label: [] for subject in self.subjects}
        rounds = min(self.rounds, run.rounds)
        for turn in range(rounds):
            run.progress(f"{self.name}: round {turn + 1} of {rounds}")
            for subject in self.subjects:
                with Worker(subject.placed(run.services)) as worker:
                    series[subject.label].append(worker.ask(subject.what, **subject.arguments))
        return series


@dataclass(frozen=True, slots=True)
class Loopback:
    """A real server and real sockets, `in_flight` handshakes at a time, made by the load generator on the other core.

    Samples are as those of `InProcess`: `cpu` is the server's.
    """

    name: str
    title: str
    server: str
    subjects: tuple[Subject, ...]
    in_flight: int = 32

    def measure(self, run: Run) -> Series:
        series: Series = {subject.label: [] for subject in self.subjects}
        with ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsauth-load-")))
            servers = {s.label: stack.enter_context(Server(self.server, s.placed(run.services))) for s in self.subjects}
            requests = {s.label: _requests(s, directory) for s in self.subjects}
            counts = {}
            for subject in self.subjects:
                probed = self._load(run, servers[subject.label], requests[subject.label], 200)
                probed = self._load(run, servers[subject.label], requests[subject.label], 200)
                counts[subject.label] = run.count_of(200, probed["seconds"] * 200, self.in_flight)
            for turn in range(run.rounds):
                run.progress(f"{self.name}: round {turn + 1} of {run.rounds}")
                for label, server in servers.items():
                    series[label].append(self._load(run, server, requests[label], counts[label]))
        return series

    def _load(self, run: Run, server: Server, requests: Path, count: int) -> Sample:
        postgres, cpu = cpu_of_family(run.services.postgres), cpu_of(server.pid)
        command = [str(run.loadgen), str(server.port), str(requests), str(count), str(self.in_flight)]
        with Process(command, REST, stdout=subprocess.PIPE) as generator:
            found = json.loads(generator.process.stdout.read())
        if found["accepted"] != count:
            raise RuntimeError(f"{self.name}: {found['accepted']} of {count} handshakes were accepted: {found}")
        cpu, postgres = cpu_of(server.pid) - cpu, _settled(run.services.postgres) - postgres
        return {**_sample(cpu, postgres, found["seconds"], count), "generator": found["cpu"] / count}


def _requests(subject: Subject, directory: Path) -> Path:
    """Write the requests of a subject's clients, as the load generator reads them."""
    path = directory / subject.label.replace(" ", "-")
    clients = [subject.sends] if subject.sends else presented(subject.configuration)
    path.write_bytes(b"".join(client.request() + b"\0" for client in clients))
    return path


@dataclass(frozen=True, slots=True)
class LastClose:
    """Real sockets that all belong to one user: seconds from the word to end them until the last client has its close."""

    name: str
    title: str
    subjects: tuple[Subject, ...]
    count: int = 5000
    rounds: int = 5

    def measure(self, run: Run) -> Series:
        series: Series = {subject.label: [] for subject in self.subjects}
        rounds = min(self.rounds, run.rounds)
        with tempfile.TemporaryDirectory(prefix="wsauth-load-") as directory:
            for turn in range(rounds):
                run.progress(f"{self.name}: round {turn + 1} of {rounds}")
                for subject in self.subjects:  # on a new server: the last one remembers whom it has logged out
                    with Server("uvicorn", subject.placed(run.services)) as server:
                        series[subject.label].append(self._end(run, server, _requests(subject, Path(directory))))
        return series

    def _end(self, run: Run, server: Server, requests: Path) -> Sample:
        command = [str(run.loadgen), str(server.port), str(requests), str(self.count), "32", "hold"]
        with Process(command, REST, stdout=subprocess.PIPE) as generator:
            opened = json.loads(generator.process.stdout.readline())
            if opened.get("opened") != self.count:
                raise RuntimeError(f"{self.name}: not all of {self.count} connections are open: {opened}")
            cpu = cpu_of(server.pid)
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=60) as answer:
                began = json.loads(answer.read())["began"]
            found = json.loads(generator.process.stdout.read())
        return {"seconds": found["last_close"] - began, "busy": cpu_of(server.pid) - cpu}


IMPORT = """
import asyncio, json, sys, time
before, began = set(sys.modules), time.process_time()
{statement}
seconds = time.process_time() - began
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
frameworks = loaded & {{"django", "channels", "starlette", "fastapi", "pydantic", "redis", "joserfc", "httpx"}}
print(json.dumps({{"seconds": seconds, "frameworks": len(frameworks)}}))
"""


@dataclass(frozen=True, slots=True)
class Imports:
    """CPU seconds of an import beyond `import asyncio`, each in a new interpreter. `statements` by label."""

    name: str
    title: str
    statements: dict[str, str]
    subjects: tuple[Subject, ...] = ()

    def measure(self, run: Run) -> Series:
        run.progress(f"{self.name}: {run.rounds} rounds")
        series: Series = {label: [] for label in self.statements}
        for _ in range(run.rounds + 1):  # the first one writes the bytecode
            for label, statement in self.statements.items():
                command = [sys.executable, "-c", IMPORT.format(statement=statement)]
                done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
                series[label].append(json.loads(done.stdout))
        return {label: samples[1:] for label, samples in series.items()}
