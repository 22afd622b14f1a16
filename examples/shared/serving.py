"""Command line, free port and the lines that say where to look."""

import argparse
import logging
import os
import socket
from pathlib import Path

from shared.people import PEOPLE

HOST = "127.0.0.1"
DATA = Path(__file__).parent.parent / ".demo"


def arguments(title: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"{title}: the wsauth demo")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")), help="0 for any free one")
    parser.add_argument("--data", type=Path, default=DATA, help="directory of the database")
    options = parser.parse_args()
    options.port = free_port(options.port)
    return options


def free_port(wanted: int) -> int:
    """Return the wanted port, or the next one that nobody listens on."""
    for port in range(wanted, wanted + 50) if wanted else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise SystemExit(f"no free port from {wanted} on; choose another with --port")


def announce(title: str, port: int) -> None:
    print(f"\n  wsauth demo on {title}\n\n  open  http://{HOST}:{port}/\n")
    for person in PEOPLE:
        print(f"    {person['name']:<6} {person['password']:<11} {person['note']}")
    print("\n  What wsauth refuses is logged below, under the id that the page shows. Ctrl+C stops.\n", flush=True)


def log_decisions() -> None:
    logging.basicConfig(level=logging.WARNING, format="  %(levelname)-7s %(name)s: %(message)s")
    logging.getLogger("wsauth").setLevel(logging.INFO)
