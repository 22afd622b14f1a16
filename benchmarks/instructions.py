"""Instructions per handshake, counted by valgrind: repeatable to a fraction of a per cent on any machine, and slow.

    python -m benchmarks.instructions wsauth-jwt none ams

Each guard runs in front of the bare application, on SQLite, one handshake at a time. Two runs of different length are
subtracted, so that starting Python does not count. Needs valgrind: `apt-get install valgrind`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile

from benchmarks.configuration import Configuration
from benchmarks.processes import Worker
from benchmarks.services import services

FEW, MANY = 50, 250  # handshakes
VALGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def instructions(configuration: Configuration) -> float:
    """Instructions of one handshake, all threads."""
    return (_collected(configuration, MANY) - _collected(configuration, FEW)) / (MANY - FEW)


def _collected(configuration: Configuration, count: int) -> int:
    with tempfile.TemporaryFile("w+") as log:
        with Worker(configuration, prefix=VALGRIND, stderr=log) as worker:
            worker.ask("handshakes", count=count, at_once=1)
            assert worker.process.stdin is not None
            worker.process.stdin.close()  # valgrind says what it counted when the process ends by itself
            worker.process.wait(120)
        log.seek(0)
        found = re.search(r"Collected : (\d+)", log.read())
    if found is None:
        raise RuntimeError("valgrind has counted nothing")
    return int(found[1])


def main(guards: list[str]) -> int:
    subprocess.run(["valgrind", "--version"], check=True, stdout=subprocess.DEVNULL)  # noqa: S607
    with services() as running:
        for guard in guards:
            found = instructions(Configuration(guard, places=running.places))
            sys.stdout.write(f"{guard:20} {found:12,.0f} instructions per handshake\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["none", "wsauth-jwt"]))
