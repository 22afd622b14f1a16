"""A Redis at a distance: a certificate for TLS, and a proxy that holds everything back for half of a round trip.

python -m storm.network <port> <port of the target> <seconds of a round trip>
"""

from __future__ import annotations

import asyncio
import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis_server import free_port
from servers.process import TESTS

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate of the loopback address, and its key: two files."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, directory: Path) -> Certificate:
        """Make one that is valid for a day."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(address, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        made = cls(directory / "redis.crt", directory / "redis.key")
        made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def options(self, port: int) -> list[str]:
        """Return what redis-server needs to speak TLS on that port."""
        named = {
            "--tls-port": port,
            "--tls-cert-file": self.certificate,
            "--tls-key-file": self.key,
            "--tls-ca-cert-file": self.certificate,
            "--tls-auth-clients": "no",
        }
        return [str(word) for pair in named.items() for word in pair]


@contextmanager
def far(target: int, seconds: float) -> Iterator[int]:
    """Yield a port behind which the target is a round trip of so many seconds away."""
    port = free_port()
    command = [sys.executable, "-m", "storm.network", str(port), str(target), str(seconds)]
    process = subprocess.Popen(command, cwd=TESTS, stdin=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass on what comes, later, without waiting for one piece before the next is read."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while data := await reader.read(65536):
            loop.call_later(seconds, writer.write, data)
    loop.call_later(seconds, writer.close)


async def _serve(port: int, target: int, seconds: float) -> None:
    forwarding: set[Any] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(HOST, target)
        except OSError:
            writer.close()
            return
        for one, other in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(_forward(one, other, seconds / 2))
            forwarding.add(task)
            task.add_done_callback(forwarding.discard)

    async with await asyncio.start_server(accept, HOST, port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
