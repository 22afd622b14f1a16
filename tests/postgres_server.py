"""A real PostgreSQL for the tests: on a free port of the loopback interface, its data in a directory of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

START_TIMEOUT = 60.0
QUIET = {"autovacuum": "off", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer:
    """One server with the user and database `postgres`, whom it trusts."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="wsauth-postgres-"))
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._user: dict[str, str] = {}

    def start(self) -> None:
        """Make its data, start it and wait until it takes connections."""
        binaries, data = _binaries(), self.directory / "data"
        data.mkdir()
        if os.getuid() == 0:  # it refuses to run as root
            self._user = {"user": "postgres", "group": "postgres"}
            for path in (self.directory, data):
                shutil.chown(path, "postgres", "postgres")
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._user)
        settings = {**QUIET, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(data)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                **self._user,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while subprocess.run(
            [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        ).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"postgres did not start:\n{(self.directory / 'log').read_text()}")
            time.sleep(0.05)

    def close(self) -> None:
        """End it at once and remove what it stored."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _binaries() -> Path:
    """The directory of the server's binaries; Debian keeps them out of the path."""
    found = [Path(path).resolve() for path in (shutil.which("postgres"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    for postgres in found:
        if (postgres.parent / "initdb").exists():
            return postgres.parent
    pytest.fail("these tests need PostgreSQL: run scripts/postgres")
