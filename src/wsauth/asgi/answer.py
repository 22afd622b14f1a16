"""What the application answers to the handshake, made into what the client gets.

An application refuses in its own words: `close()` in a consumer's `connect`, `HTTPException(403)`, `@requires`. As they
are, a browser sees 1006 of most of them and success of some, so they are delivered as the middleware's own are.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from wsauth.asgi.log import ration
from wsauth.asgi.refusal import Refusal
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from wsauth.asgi.refusal import Delivery
    from wsauth.asgi.types import Message


_BY_STATUS = {401: Reason.INVALID, 403: Reason.FORBIDDEN, 408: Reason.TIMEOUT, 429: Reason.TOO_MANY}
_BY_CODE = {reason.close_code: reason for reason in reversed(Reason)}  # the first reason of a code wins


class Answer:
    """The answer that the application still owes.

    `offered` are the subprotocols it may choose from; `marker` is named where it chooses none. `is_accepted` says that
    wsauth has accepted already, for a first message: then the application's accept goes no further.
    """

    __slots__ = ("is_accepted", "marker", "offered")

    def __init__(self, offered: tuple[str, ...]) -> None:
        self.offered = offered
        self.marker: str | None = None
        self.is_accepted = False

    def to(self, message: Message, delivery: Delivery) -> Message | Refusal | None:
        """Return the message that the client gets, or a refusal to deliver to it, or None for nothing at all."""
        kind = message["type"]
        if kind == "websocket.accept":
            return self._absorb(message, delivery) if self.is_accepted else self.accept(message)
        if kind in ("websocket.close", "websocket.http.response.start"):
            refusal = refusal_of(message, delivery)
            return refusal if self._is_ours(message, refusal, delivery) else message
        if self.is_accepted:  # wsauth plays the server, which would say this
            raise RuntimeError(f"the application must send websocket.accept or websocket.close first, not {kind}")
        return message

    def accept(self, message: Message) -> Message:
        """Never answer what the client did not offer (RFC 6455 §4.2.2): it would fail the connection."""
        chosen = message.get("subprotocol")
        if chosen in self.offered or (chosen is not None and chosen == self.marker):
            return message
        if chosen is not None:
            ration.write(
                logging.WARNING, "the application chose a subprotocol that the client did not offer; it is not sent"
            )
        return message if chosen == self.marker else {**message, "subprotocol": self.marker}

    def _absorb(self, message: Message, delivery: Delivery) -> Refusal | None:
        if message.get("headers"):
            ration.write(
                logging.WARNING,
                "headers of websocket.accept are lost: FirstMessage accepts before the application does",
            )
        already = self.offered[0] if self.offered else None
        if message.get("subprotocol") in (None, already):
            return None
        ration.write(
            logging.ERROR,
            f"the application chose a subprotocol other than {already!r}, which was accepted before the first message;"
            " name it first in Policy(subprotocols=...)",
        )
        return delivery.refusal(Reason.FORBIDDEN)

    def _is_ours(self, message: Message, refusal: Refusal, delivery: Delivery) -> bool:
        """Whether the client gets the refusal in wsauth's form: to be readable, or because the server lacks the other.

        A code of the table becomes its status where the server takes one, and a status a close where it takes none.
        """
        is_close = message["type"] == "websocket.close"
        lacks_it = refusal.listed and is_close is delivery.http
        return self.is_accepted or lacks_it or delivery.by_close_code(refusal.reason)


def refusal_of(message: Message, delivery: Delivery) -> Refusal:
    """Read the application's own refusal. A code that says nothing (none, 1000, 1008 and its like) is "forbidden"."""
    if message["type"] == "websocket.http.response.start":
        status = message["status"]
        return delivery.refusal(_BY_STATUS.get(status, Reason.UNAVAILABLE if status >= 500 else Reason.FORBIDDEN))
    code, text = message.get("code") or 1000, message.get("reason") or ""
    if code in _BY_CODE:
        reason = _BY_CODE[code]
        return Refusal(reason, delivery.profile.code(reason), text or reason.text)
    if 3000 <= code <= 4999:
        return Refusal(Reason.FORBIDDEN, code, text, listed=False)
    forbidden = delivery.refusal(Reason.FORBIDDEN)
    return Refusal(forbidden.reason, forbidden.code, forbidden.text, listed=False)
