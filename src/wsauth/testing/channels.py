"""Channels' communicator, as a browser would connect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels.testing import WebsocketCommunicator

from wsauth.testing.acting import browser_headers


def communicator(
    application: Any,
    path: str,
    *,
    host: str = "testserver",
    origin: str | None = "",
    headers: Sequence[tuple[bytes, bytes]] = (),
    subprotocols: Sequence[str] = (),
) -> WebsocketCommunicator:
    """Return a communicator whose handshake names a Host and an Origin, so that cookies are read.

    `origin` is the page of this host unless given; None sends none, as a native client does.
    """
    sent = browser_headers(host)
    if origin is None:
        del sent["origin"]
    elif origin:
        sent["origin"] = origin
    named = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]
    return WebsocketCommunicator(application, path, headers=[*named, *headers], subprotocols=list(subprotocols))
