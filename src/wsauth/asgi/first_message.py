"""Authentication by the first message: wsauth plays the server until the client has said who it is.

It accepts before the application exists, waits for one text message, has it judged, all under an absolute deadline, and
leaves whatever follows for the application. Sockets that wait here, also for a verifier, are rationed by `Pending`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wsauth.core.decision import Allow, Decision, Deny
from wsauth.core.errors import InvalidCredentials
from wsauth.core.first_message import FirstMessage
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wsauth.asgi.connection import Connection
    from wsauth.asgi.pending import Pending, Place
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake
    from wsauth.core.scheme import SecurityScheme
    from wsauth.policy import Policy


async def ask(
    connection: Connection,
    scheme: SecurityScheme,
    policy: Policy,
    handshake: Handshake,
    pending: Pending,
    judge: Callable[[Credentials], Awaitable[Decision]],
) -> Decision | None:
    """Accept, read the credential from the first message and judge it. None: the client left without a word."""
    location = scheme.location
    assert isinstance(location, FirstMessage)
    place: Place | None = None
    try:
        async with asyncio.timeout(location.deadline) as timeout:
            place = pending.wait(handshake.client, timeout)
            if place is None:
                return Deny(
                    Reason.TOO_MANY, "too many sockets wait, or have been refused and are not gone", scheme.name
                )
            await connection.accept_for_application(_subprotocol(policy, handshake))
            message = await connection.receive_first()
            if message["type"] != "websocket.receive":
                place.free()
                return None
            credentials = location.parse(message.get("text"))
            del message  # error reporters print the locals of every frame that an exception passes
            decision = await judge(credentials)
            if isinstance(decision, Allow):
                place.free()
            return decision
    except InvalidCredentials as error:
        return Deny(error.reason, error.detail, scheme.name)
    except TimeoutError:
        evicted = place is not None and place.evicted
        return Deny(Reason.TOO_MANY if evicted else Reason.TIMEOUT, "not authenticated in time", scheme.name)
    except OSError:
        if place is not None:
            place.free()
        return None
    finally:
        if place is not None and place.leave():
            connection.hold(place)


def _subprotocol(policy: Policy, handshake: Handshake) -> str | None:
    offered = handshake.subprotocols or ()
    return next((name for name in policy.subprotocols if name in offered), None)
