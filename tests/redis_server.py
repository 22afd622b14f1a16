"""A real Redis for the tests: started, killed, frozen and restarted as they ask, its data in a directory of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

START_TIMEOUT = 60.0
OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always")


class RedisServer:
    """One `redis-server` on a free port of the loopback interface. What is written is on disk at once."""

    def __init__(self, *options: str, config: str = "") -> None:
        self.options = options
        self.config = config  # the lines of a file, for what has no option
        self.directory = Path(tempfile.mkdtemp(prefix="wsauth-redis-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        executable = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
        if not executable:
            pytest.fail("these tests need Redis: run scripts/redis, or set REDIS_SERVER to its path")
        assert self.process is None
        file = self.directory / "redis.conf"
        if self.config:
            file.write_text(self.config)
        arguments = [str(file)] * bool(self.config) + ["--port", str(self.port), "--dir", str(self.directory)]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [executable, *arguments, *OPTIONS, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not start:\n{(self.directory / 'log').read_text()}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop_gracefully(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it keep its connections and answer nobody."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def restart(self, empty: bool) -> None:
        """Kill it if it runs, and start it on the same port with or without what it had stored."""
        self.kill()
        if empty:
            shutil.rmtree(self.directory / "appendonlydir", ignore_errors=True)
        self.start()

    def close(self) -> None:
        """Kill it and remove what it stored."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as probe:
                probe.settimeout(1.0)
                probe.sendall(b"PING\r\n")
                return probe.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
