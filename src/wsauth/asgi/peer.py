"""Who counts as one peer, where sockets and refusals are rationed."""

from __future__ import annotations

import socket

LONGEST = 64  # characters of a name that is no address: proxies and test clients write such

_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 §2.5.5.2


def peer_of(address: str) -> str:
    """Return the peer that a client's address stands for.

    An IPv6 client is its network of 64 bits, which is what one subscriber gets (RFC 6177); an IPv4 address that is written
    as IPv6 is itself. Servers on a Unix socket name nobody: then all are one peer.
    """
    if address.count(":") < 2:
        return address.partition(":")[0][:LONGEST]  # without a port, which some proxies append
    try:
        packed = socket.inet_pton(socket.AF_INET6, address.removeprefix("[").partition("]")[0].partition("%")[0])
    except (OSError, ValueError):
        return address[:LONGEST]
    if packed.startswith(_MAPPED):
        return socket.inet_ntoa(packed[12:])
    return packed[:8].hex(":", 2) + "::/64"
