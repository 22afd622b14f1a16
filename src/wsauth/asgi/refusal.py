"""How a refusal reaches the client: the answer is chosen for who can read it.

A browser sees any refused upgrade as 1006, so a page of an allowed origin is accepted and closed at once with code and
reason, where it must act on them. Everyone else gets an HTTP response (ASGI extension "websocket.http.response"), or a
close before accept, which servers turn into 403.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsauth.core.close_profile import CloseProfile
from wsauth.core.locations import Subprotocol
from wsauth.core.origins import OriginVerdict
from wsauth.core.reasons import Reason
from wsauth.policy import Refusals

if TYPE_CHECKING:
    from wsauth.asgi.pending import Pending, Place
    from wsauth.asgi.types import Message, Scope, Send
    from wsauth.core.handshake import Handshake
    from wsauth.policy import Policy

logger = logging.getLogger("wsauth")

SEND_TIMEOUT = 5.0  # seconds: a client that never reads must not hold a refusal
MAX_REASON = 123  # bytes, RFC 6455 §5.5


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer, in all the forms it can take. `code` and `text` are for a close frame, the rest for HTTP."""

    reason: Reason
    code: int
    text: str
    incident: str = ""
    retry_after: int = 5
    listed: bool = True  # the reason is one of the table's, rather than a code of the application's own

    def close(self) -> Message:
        return {"type": "websocket.close", "code": self.code, "reason": cut(self.text)}

    def http(self) -> Iterator[Message]:
        """Yield the messages of an HTTP response with a problem document (RFC 9457)."""
        problem = {
            "type": "about:blank",
            "title": self.reason.text,
            "status": self.reason.status,
            "reason": self.reason.name.lower(),
            "advice": self.reason.advice,
            "incident": self.incident,
        }
        body = json.dumps({key: value for key, value in problem.items() if value}).encode("ascii")
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"cache-control", b"no-store"),
        ]
        if self.reason.about_credentials:
            headers.append((b"www-authenticate", self._challenge()))
        if self.reason.status in (429, 503):
            headers.append((b"retry-after", str(self.retry_after).encode("ascii")))
        yield {"type": "websocket.http.response.start", "status": self.reason.status, "headers": headers}
        yield {"type": "websocket.http.response.body", "body": body}

    def _challenge(self) -> bytes:
        """RFC 6750 §3: no error code where the request carried no credential."""
        error = {Reason.MISSING: "", Reason.MALFORMED: "invalid_request", Reason.CONFLICT: "invalid_request"}
        code = error.get(self.reason, "invalid_token")
        return f'Bearer error="{code}"'.encode("ascii") if code else b"Bearer"


def cut(reason: str) -> str:
    """Cut a close reason to the 123 bytes that a close frame can hold, between characters."""
    return reason.encode("utf-8", "replace")[:MAX_REASON].decode("utf-8", "ignore")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How refusals reach one client.

    `http` is whether the server can answer with HTTP, `page` whether the client is a page that may read a close code.
    """

    http: bool
    page: bool
    style: Refusals
    profile: CloseProfile
    pending: Pending
    peer: str = ""
    subprotocol: str | None = None

    @classmethod
    def to(cls, handshake: Handshake | None, scope: Scope | None, policy: Policy, pending: Pending) -> Delivery:
        """Return how to refuse this handshake; where it is accepted and gone, how to close the connection."""
        if handshake is None or scope is None:
            return cls(False, False, policy.refusals, policy.close_profile, pending)
        subprotocol = _acceptable(handshake, policy)
        page = (
            bool(handshake.header(b"origin"))
            and policy.judge_origin(handshake) is OriginVerdict.ALLOWED
            and (subprotocol is not None or handshake.subprotocols == ())
        )
        http = "websocket.http.response" in (scope.get("extensions") or {})
        return cls(http, page, policy.refusals, policy.close_profile, pending, handshake.client, subprotocol)

    def refusal(self, reason: Reason, incident: str = "", retry_after: int = 5) -> Refusal:
        text = f"{reason.text} [{incident}]" if incident else reason.text
        return Refusal(reason, self.profile.code(reason), text, incident, retry_after)

    def by_close_code(self, reason: Reason) -> bool:
        """Whether to accept the connection only to close it with a code that the page can read."""
        if not self.page or reason is Reason.FOREIGN_ORIGIN or self.style is Refusals.HTTP:
            return False
        return self.style is Refusals.CLOSE_CODE or reason.worth_reading

    def place(self, reason: Reason) -> Place | None:
        """Count a refusal. Returns the place of a socket that is accepted only to be closed; None where none is."""
        return self.pending.refuse(self.peer, accepting=self.by_close_code(reason))

    def messages(self, refusal: Refusal, may_accept: bool) -> Iterator[Message]:
        """Yield the answer to a handshake that is not accepted."""
        if may_accept:
            yield {"type": "websocket.accept", "subprotocol": self.subprotocol, "headers": []}
            yield refusal.close()
        elif self.http:
            yield from refusal.http()
        else:
            yield refusal.close()


def _acceptable(handshake: Handshake, policy: Policy) -> str | None:
    """Choose a subprotocol to accept with: a marker that the client offered, or a name of the policy's."""
    offered = handshake.subprotocols or ()
    markers = [s.location.marker for s in policy.explicit if isinstance(s.location, Subprotocol)]
    return next((name for name in (*markers, *policy.subprotocols) if name in offered), None)


async def bounded(send: Send, messages: Iterable[Message]) -> None:
    """Send, but wait no longer than a few seconds, and let a client or server that fails meanwhile fail alone."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT):
            for message in messages:
                await send(message)
    except Exception as error:  # TimeoutError, OSError, and the AssertionError of uvicorn on a connection that is gone
        logger.debug("a refusal or close could not be sent: %s", type(error).__name__)
