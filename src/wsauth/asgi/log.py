"""What the log says of a refusal. Everything a client sent is escaped and cut, so that it cannot forge a line."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from wsauth.core.decision import Deny
    from wsauth.core.handshake import Handshake

logger = logging.getLogger("wsauth")


def incident() -> str:
    """Return a short name that ties a client's refusal to its line in the log."""
    return secrets.token_hex(4)


def shown(value: str | bytes) -> str:
    """Return text of a client for a log line: one line, ASCII, at most 200 characters."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return ascii(text[:200])


def one_line(text: str) -> str:
    """Return text that may quote a client, such as a verifier's explanation, without what could forge a line."""
    return ascii(text[:500])[1:-1]


def refused(deny: Deny, handshake: Handshake, incident_id: str, verb: str = "refused") -> None:
    """Log a refusal under its incident id, with the explanation that the client does not get."""
    origin_needed = deny.reason is Reason.FOREIGN_ORIGIN
    # What is only reported must be seen: most set-ups hide INFO, and silence would read as "nothing would be refused".
    is_loud = origin_needed or deny.reason is Reason.UNAVAILABLE or verb != "refused"
    level = logging.WARNING if is_loud else logging.INFO
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


def _origin_advice(handshake: Handshake) -> str:
    origin = b", ".join(handshake.header(b"origin"))
    host = b", ".join(handshake.header(b"host"))
    return (
        f"Origin {shown(origin)} is not allowed for Host {shown(host)}. If the page is yours, name it:"
        f" Policy(origins=Origins({shown(origin)})). If a proxy stands between, let it pass on the Host header"
        " that the browser sent (and X-Forwarded-Proto)."
    )
