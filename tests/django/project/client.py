"""A browser, as far as an application can tell."""

from __future__ import annotations

from typing import Any

from channels.testing import WebsocketCommunicator
from patience import HANG

HOST = "testserver"
ORIGIN = f"http://{HOST}"


class Patient(WebsocketCommunicator):
    """Waits for what the application sends for as long as that takes on this machine."""

    async def receive_output(self, timeout: float = HANG) -> Any:
        return await super().receive_output(max(timeout, HANG))


def socket(
    app: Any,
    *,
    query: str = "",
    origin: str | None = ORIGIN,
    cookies: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    **named_cookies: str,
) -> WebsocketCommunicator:
    """A WebSocket that a page of `origin` opens with these cookies; `cookies` is a raw header."""
    lines = [("host", HOST), *headers]
    if origin is not None:
        lines.append(("origin", origin))
    jar = [f"{name}={value}" for name, value in named_cookies.items()] + ([cookies] if cookies else [])
    if jar:
        lines.append(("cookie", "; ".join(jar)))
    raw = [(name.encode(), value.encode("latin-1")) for name, value in lines]
    return Patient(app, f"/ws/?{query}", headers=raw)


async def scope_of(app: Any, **handshake: Any) -> dict[str, Any]:
    """Connect to a consumer that tells its scope; return what it said."""
    communicator = socket(app, **handshake)
    connected, _ = await communicator.connect()
    assert connected
    told: dict[str, Any] = await communicator.receive_json_from()
    await communicator.disconnect()
    return told


async def refusal(app: Any, **handshake: Any) -> int:
    """Connect; return the close code of the refusal, however it was delivered."""
    communicator = socket(app, **handshake)
    connected, code = await communicator.connect()
    if connected:
        code = await closed(communicator)
    await communicator.wait()
    return code


async def closed(communicator: WebsocketCommunicator) -> int:
    """The code of the next message, which must be a close."""
    message = await communicator.receive_output()
    assert message["type"] == "websocket.close", message
    code: int = message["code"]
    return code
