"""PostgreSQL and Redis for one run: on private ports, in a directory that goes with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.configuration import Configuration, Places
from benchmarks.processes import REST, Process, free_port, wait_for_port

DELAY = 0.0012  # seconds there and back


@dataclass(frozen=True, slots=True)
class Services:
    """`postgres` is the process id of the postmaster."""

    places: Places
    postgres: int


@contextmanager
def services() -> Iterator[Services]:
    """Start everything, fill the databases, and stop everything at the end."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="wsauth-bench-"))
        os.chmod(directory, 0o755)  # noqa: S103 - PostgreSQL runs as another user, below its own directory
        places = Places(directory, free_port(), free_port(), free_port())
        postgres = stack.enter_context(_postgres(places))
        redis = ["redis-server", "--port", str(places.redis), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
        _start(stack, redis, places.redis)
        delay = [sys.executable, "-m", "benchmarks.delay", str(places.far), str(places.postgres), str(DELAY)]
        _start(stack, delay, places.far)
        for database in ("sqlite", "postgres"):
            _fill(replace(Configuration("none", database=database), places=places))
        yield Services(places, postgres.pid)


def _start(stack: ExitStack, command: list[str], port: int) -> Process:
    process: Process = stack.enter_context(Process(command, REST, stdout=subprocess.DEVNULL))
    wait_for_port(port, process.process)
    return process


def _fill(configuration: Configuration) -> None:
    command = [sys.executable, "-m", "benchmarks.worker", "fill"]
    with Process(command, REST, env=configuration.environment()) as process:
        if process.process.wait(120):
            raise RuntimeError(f"the database {configuration.database} could not be filled")


@contextmanager
def _postgres(places: Places) -> Iterator[Process]:
    binaries = _binaries()
    data = Path(places.directory) / "postgres"
    data.mkdir()
    user: dict[str, str] = {}
    if os.getuid() == 0:  # it refuses to run as root
        shutil.chown(data, "postgres", "postgres")
        user = {"user": "postgres", "group": "postgres"}
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **user)  # type: ignore[call-overload] # noqa: S603
    quiet = {"autovacuum": "off", "fsync": "off", "max_connections": "200", "unix_socket_directories": str(data)}
    options = [part for name, value in quiet.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(places.postgres), *options]
    with Process(command, REST, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user) as process:
        wait_for_port(places.postgres, process.process)
        yield process


def _binaries() -> Path:
    """The directory of the server's binaries; Debian keeps them out of the path."""
    found = [Path(path).resolve() for path in (shutil.which("postgres"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    for postgres in found:
        if (postgres.parent / "initdb").exists():
            return postgres.parent
    raise SystemExit("PostgreSQL's server is not installed; scripts/postgres does that")
