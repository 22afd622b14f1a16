"""A network of 1.2 ms: a TCP proxy that holds each packet back for half of that, in both directions.

    python -m benchmarks.delay PORT TARGET_PORT SECONDS

Threads sleep more exactly than an event loop, whose timers count whole milliseconds.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import suppress


def forward(source: socket.socket, target: socket.socket, seconds: float) -> None:
    """Pass on what comes, each packet late. A conversation of questions and answers needs no more."""
    with suppress(OSError):
        while data := source.recv(65536):
            time.sleep(seconds)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def main(port: int, target: int, seconds: float) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", target))
        for one, other in ((client, server), (server, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=forward, args=(one, other, seconds / 2), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
