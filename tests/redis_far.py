"""A Redis that is far away: TLS with a certificate of its own, a password, and a proxy that holds everything back."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis_server import RedisServer, free_port

PASSWORD = "passw0rd-of-the-tests"


class TLSServer(RedisServer):
    """A `redis-server` that also speaks TLS, and wants a password."""

    def __init__(self, *options: str) -> None:
        super().__init__(*options)
        self.tls_port = free_port()
        self.authority = self.directory / "redis.crt"
        key = self.directory / "redis.key"
        certify(self.authority, key)
        files = ("--tls-cert-file", self.authority, "--tls-key-file", key, "--tls-ca-cert-file", self.authority)
        secured = ("--tls-port", self.tls_port, "--tls-auth-clients", "no", "--requirepass", PASSWORD)
        self.options = tuple(str(word) for word in (*self.options, *files, *secured))

    def tls_url(self, port: int = 0, database: int = 0) -> str:
        return f"rediss://:{PASSWORD}@127.0.0.1:{port or self.tls_port}/{database}?ssl_ca_certs={self.authority}"


def certify(certificate: Path, key_file: Path) -> None:
    """Write a self-signed certificate of the loopback address that is valid for a day, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


class Proxy:
    """A port on the way to another: each piece goes on half a round trip later. It counts the connections made."""

    def __init__(self, target: int, seconds: float) -> None:
        self.port = 0
        self.made = 0
        self.seconds = seconds
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        await asyncio.sleep(self.seconds)  # what TCP would need
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        for one, other in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(self._forward(one, other))
            self._tasks.add(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            with suppress(OSError):
                while data := await reader.read(65536):
                    loop.call_later(self.seconds / 2, _write, writer, data)
                await asyncio.sleep(self.seconds / 2)
        finally:
            writer.close()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


@asynccontextmanager
async def far(target: int, seconds: float) -> AsyncIterator[Proxy]:
    """A port behind which the target is a round trip of so many seconds away."""
    proxy = Proxy(target, seconds)
    async with await asyncio.start_server(proxy.accept, "127.0.0.1", 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        await proxy.end()
