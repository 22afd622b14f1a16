"""The processes of a run: on which core they run, what CPU they have used, and that none outlives it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.configuration import Configuration

ROOT = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER, REST = CORES[0], CORES[-1]  # what is measured has a core of its own; load generator and databases the other
TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """CPU seconds of a live process with all its threads, by its own clock (clock_getcpuclockid(3)), exact to the ns."""
    return time.clock_gettime((~pid << 3) | 2)


def cpu_of_family(pid: int) -> float:
    """CPU seconds of a process, of its children, and of those that have ended: PostgreSQL has a process per connection.

    The live ones are read exactly. Those that have ended are known to the parent in hundredths of a second, in sum.
    """
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    used = cpu_of(pid)
    for child in children:
        with suppress(OSError, ProcessLookupError):  # it has just ended
            used += cpu_of(int(child))
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return used + (int(fields[13]) + int(fields[14])) / TICK  # cutime, cstime


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{process.args!r} does not listen")


class Process:
    """A process that is pinned to a core, and ended with the block it is used in."""

    def __init__(self, arguments: list[str], core: int, **options: Any) -> None:
        self.process = subprocess.Popen(arguments, cwd=ROOT, text=True, **options)  # noqa: S603 - our own
        os.sched_setaffinity(self.process.pid, {core})
        self.pid = self.process.pid

    @contextmanager
    def _ended_on_failure(self) -> Iterator[None]:
        """For what has to happen before it can be used."""
        try:
            yield
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Worker(Process):
    """A `worker` of one configuration."""

    def __init__(self, configuration: Configuration, *, prefix: list[str] | None = None, **options: Any) -> None:
        arguments = [*(prefix or []), sys.executable, "-m", "benchmarks.worker"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        super().__init__(arguments, SERVER, env=configuration.environment(), **pipes, **options)
        self.name = configuration.name
        with self._ended_on_failure():
            self._read()

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Have something measured. Raises RuntimeError with the worker's traceback where that fails."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"what": what, **arguments}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker {self.name} has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"the worker {self.name} failed:\n{answer['error']}")
        return answer


class Server(Process):
    """uvicorn or daphne with one configuration."""

    def __init__(self, server: str, configuration: Configuration) -> None:
        self.port = free_port()
        super().__init__(_command(server, self.port), SERVER, env=configuration.environment())
        with self._ended_on_failure():
            wait_for_port(self.port, self.process)


def _command(server: str, port: int) -> list[str]:
    target = "benchmarks.served:application"
    if server == "daphne":
        arguments = ["daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), target]
    else:
        quiet = ["--log-level", "critical", "--lifespan", "off"]
        how = ["--loop", "uvloop", "--http", "httptools", "--ws", "websockets-sansio", "--backlog", "4096"]
        arguments = ["uvicorn", target, "--host", "127.0.0.1", "--port", str(port), *quiet, *how]
    return [sys.executable, "-m", *arguments]
