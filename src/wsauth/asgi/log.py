"""What the log says of refusals and closes. Everything a client sent is escaped and cut, so that it cannot forge a line."""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING

from wsauth.core.ration import Ration
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsauth.core.decision import Deny
    from wsauth.core.handshake import Handshake

logger = logging.getLogger("wsauth")


def incident() -> str:
    """Return a short name that ties a client's refusal to its line in the log."""
    return secrets.token_hex(4)


def shown(value: str | bytes) -> str:
    """Return text of a client for a log line: one line, ASCII, about 200 characters at most."""
    text = value[:200].decode("latin-1") if isinstance(value, bytes) else value
    return _cut(ascii(text[:200]), 202)


def one_line(text: str) -> str:
    """Return text that may quote a client, such as a verifier's explanation, without what could forge a line."""
    return _cut(ascii(text[:500])[1:-1], 500)


def _cut(escaped: str, most: int) -> str:
    return escaped if len(escaped) <= most else escaped[: most - 3] + "..."


class Lines:
    """The lines about refusals of one application. Strangers cause them, so of each reason there are some in a while."""

    __slots__ = ("_ration",)

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._ration = Ration(clock)

    def refused(self, deny: Deny, handshake: Handshake, incident_id: str, verb: str = "refused") -> None:
        """Log a refusal under its incident id, with the explanation that the client does not get."""
        origin_needed = deny.reason is Reason.FOREIGN_ORIGIN
        # What is only reported must be seen: most set-ups hide INFO, and silence would read as "nothing would be refused".
        is_loud = origin_needed or deny.reason is Reason.UNAVAILABLE or verb != "refused"
        level = logging.WARNING if is_loud else logging.INFO
        if not logger.isEnabledFor(level) or not self.admits(deny.reason, level):
            return
        logger.log(
            level,
            "%s [%s] %s: path=%s client=%s scheme=%s %s",
            verb,
            incident_id,
            deny.reason.text,
            shown(handshake.path),
            shown(handshake.client),
            deny.scheme or "-",
            _origin_advice(handshake) if origin_needed else one_line(deny.detail),
        )

    def admits(self, reason: Reason, level: int) -> bool:
        """Count a line. Returns whether it may be written."""
        return self._ration.admits(f"refusals ({reason.text})", level)


ration = Ration(time.monotonic)  # of everything else that a client or the application causes, in this process


def closing(connection_id: str, reason: Reason) -> None:
    """Log that wsauth closes a connection."""
    if logger.isEnabledFor(logging.INFO) and ration.admits(f"closes ({reason.text})", logging.INFO):
        logger.info("closing connection %s: %s", connection_id, reason.text)


def _origin_advice(handshake: Handshake) -> str:
    origin = b", ".join(handshake.header(b"origin"))
    host = b", ".join(handshake.header(b"host"))
    return (
        f"the Origin is not allowed for Host {shown(host)}. If the page is yours, name it:"
        f" Policy(origins=Origins({shown(origin)})). If a proxy stands between, let it pass on the Host header"
        " that the browser sent (and X-Forwarded-Proto)."
    )
