"""Authentication by the first message: wsauth plays the server until the client has said who it is.

It accepts before the application exists, waits for one text message under an absolute deadline, and leaves whatever
follows for the application. Sockets that wait here are rationed by `Pending`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wsauth.asgi.pending import Pending
from wsauth.core.decision import Deny
from wsauth.core.errors import InvalidCredentials
from wsauth.core.first_message import FirstMessage
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from wsauth.asgi.connection import Connection
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake
    from wsauth.core.scheme import SecurityScheme
    from wsauth.policy import Policy


async def ask(
    connection: Connection, scheme: SecurityScheme, policy: Policy, handshake: Handshake, pending: Pending
) -> Credentials | Deny | None:
    """Accept and read the credential from the first message. None: the client left without a word."""
    location = scheme.location
    assert isinstance(location, FirstMessage)
    try:
        async with asyncio.timeout(location.deadline) as timeout:
            with pending.wait(handshake.client, timeout) as waiting:
                await connection.accept_for_application(_subprotocol(policy, handshake))
                message = await connection.receive_first()
    except TimeoutError:
        return Deny(Reason.TOO_MANY if waiting.evicted else Reason.TIMEOUT, "no first message in time", scheme.name)
    except OSError:
        return None
    if message["type"] != "websocket.receive":
        return None
    try:
        return location.parse(message.get("text"))
    except InvalidCredentials as error:
        return Deny(error.reason, error.detail, scheme.name)


def _subprotocol(policy: Policy, handshake: Handshake) -> str | None:
    offered = handshake.subprotocols or ()
    return next((name for name in policy.subprotocols if name in offered), None)
