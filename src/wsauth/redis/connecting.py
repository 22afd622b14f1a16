"""Making a connection to Redis, phase by phase, so that the log can say which of them took how long."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from wsauth.redis.address import Address
from wsauth.redis.faults import Late, Unreached

Info = tuple[Any, ...]  # as getaddrinfo has it

_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # seconds, seconds, probes


class Phases:
    """How long each phase of making a connection took, and when all of it has to be done."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = self._entered = time.monotonic()
        self._done: list[str] = []

    @property
    def left(self) -> float:
        return max(0.001, self._began + self._seconds - time.monotonic())

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Raises Late or Unreached, with the phase and what the ones before it took, for whatever goes wrong in it."""
        self._entered = time.monotonic()
        try:
            yield
        except TimeoutError:
            raise Late(name, f"{self} {name} was not done", self._seconds) from None
        except OSError as error:
            raise Unreached(name, error, str(self)) from error
        self._done.append(f"{name} took {time.monotonic() - self._entered:.1f} s,")

    def __str__(self) -> str:
        return " ".join(self._done)


async def open_stream(address: Address, phases: Phases) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect on the running event loop, up to TLS. Raises Late or Unreached."""
    if address.path:
        with phases.phase("the socket"):
            async with asyncio.timeout(phases.left):
                return await asyncio.open_unix_connection(address.path)
    with phases.phase("the name"):
        async with asyncio.timeout(phases.left):
            infos = await asyncio.wrap_future(_resolved(address))
    with phases.phase("TCP"):
        stream = await _first(infos, phases)
        if address.tls is None:
            return await asyncio.open_connection(sock=stream)
    with phases.phase("TLS"):
        async with asyncio.timeout(phases.left):
            return await asyncio.open_connection(sock=stream, ssl=address.tls, server_hostname=address.host)


async def _first(infos: list[Info], phases: Phases) -> socket.socket:
    """Connect to the first address that answers, each in its share of the time."""
    loop = asyncio.get_running_loop()
    for number, info in enumerate(infos):
        stream = _socket(info)
        try:
            stream.setblocking(False)
            async with asyncio.timeout(phases.left / (len(infos) - number)):
                await loop.sock_connect(stream, info[4])
        except BaseException as error:
            stream.close()
            if number + 1 == len(infos) or not isinstance(error, OSError):
                raise
        else:
            return stream
    raise OSError("the name has no address")


def open_socket(address: Address, phases: Phases) -> socket.socket:
    """Connect in this thread, up to TLS. Raises Late or Unreached."""
    if address.path:
        with phases.phase("the socket"):
            return _connected(socket.socket(socket.AF_UNIX), address.path, phases.left)
    with phases.phase("the name"):
        infos = _resolved(address).result(phases.left)
    with phases.phase("TCP"):
        stream = _first_now(infos, phases)
    if address.tls is None:
        return stream
    with phases.phase("TLS"):
        return _secured(stream, address.tls, address.host, phases.left)


def _first_now(infos: list[Info], phases: Phases) -> socket.socket:
    for number, info in enumerate(infos):
        try:
            return _connected(_socket(info), info[4], phases.left / (len(infos) - number))
        except OSError:
            if number + 1 == len(infos):
                raise
    raise OSError("the name has no address")


def _connected(stream: socket.socket, where: Any, seconds: float) -> socket.socket:
    try:
        stream.settimeout(seconds)
        stream.connect(where)
    except BaseException:
        stream.close()
        raise
    return stream


def _secured(stream: socket.socket, tls: ssl.SSLContext, host: str, seconds: float) -> socket.socket:
    try:
        stream.settimeout(seconds)
        return tls.wrap_socket(stream, server_hostname=host)
    except BaseException:
        stream.close()
        raise


def _socket(info: Info) -> socket.socket:
    stream = socket.socket(info[0], info[1], info[2])
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # not everywhere
            stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return stream


# Names

_pending: dict[tuple[int, str, int], Future[list[Info]]] = {}  # by process: a child has none of its parent's threads


def _resolved(address: Address) -> Future[list[Info]]:
    """The addresses of a host, from a thread that may hang: no deadline ends `getaddrinfo`.

    Whoever asks while it hangs waits for the same answer, so there is one such thread for a host, and none of the event
    loop's own is taken from the application.
    """
    key = (os.getpid(), address.host, address.port)
    if (pending := _pending.get(key)) is not None:
        return pending
    future: Future[list[Info]] = Future()
    future.set_running_or_notify_cancel()  # so that none of those who wait can cancel it for the others
    if _is_number(address.host):
        _resolve(future, address)
        return future
    _pending[key] = future
    future.add_done_callback(lambda _: _pending.pop(key, None))
    threading.Thread(target=_resolve, args=(future, address), name="wsauth-resolve", daemon=True).start()
    return future


def _resolve(future: Future[list[Info]], address: Address) -> None:
    try:
        future.set_result(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
    except Exception as error:  # a name that cannot be encoded raises UnicodeError
        future.set_exception(error if isinstance(error, OSError) else OSError("this is no name of a host"))


def _is_number(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False
