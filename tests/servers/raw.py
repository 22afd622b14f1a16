"""HTTP and handshakes byte by byte: what no client library would send."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from patience import HANG

Headers = Sequence[tuple[str, str]]

_peers = itertools.count(1)


def fresh_peer() -> str:
    """Return a loopback address of one's own: refusals are counted by peer."""
    number = next(_peers)
    return f"127.1.{number // 250 % 250}.{number % 250 + 2}"


@dataclass
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        assert self.status == 200, f"{self.status} {self.body!r}"
        return json.loads(self.body)


@dataclass
class Wire:
    """A connection after the server's answer to the handshake."""

    response: Response
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def request(port: int, method: str, target: str) -> Response:
    """Send an HTTP request without a body."""
    async with _connection(port, None) as (reader, writer):
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", "Content-Length: 0"]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return await _read_response(reader)


@asynccontextmanager
async def handshake(
    port: int, target: str, headers: Headers = (), *, host: str | None = None, peer: str | None = None
) -> AsyncIterator[Wire]:
    """Send an opening handshake exactly as it is given, from an address of its own."""
    async with _connection(port, peer or fresh_peer()) as (reader, writer):
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {host or f'127.0.0.1:{port}'}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in headers),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        yield Wire(await _read_response(reader), reader, writer)


@asynccontextmanager
async def _connection(port: int, peer: str | None) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    source = (peer, 0) if peer else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _read_response(reader: asyncio.StreamReader, seconds: float = HANG) -> Response:
    async with asyncio.timeout(seconds):
        head = await reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        pairs = (line.partition(":") for line in lines)
        response = Response(int(status_line.split(" ")[1]), [(name.lower(), value.strip()) for name, _, value in pairs])
        if response.status != 101:
            length = response.header("content-length")
            response.body = await (reader.read() if length is None else reader.readexactly(int(length)))
        return response


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """Return a client's frame (RFC 6455 §5.2), masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload


async def read_close(reader: asyncio.StreamReader) -> tuple[int, str] | None:
    """Read frames up to the close and return its code and reason; None where the transport ends without one."""
    try:
        while True:
            first, second = await reader.readexactly(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
            payload = await reader.readexactly(size)
            if first & 0x0F == 8:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
