"""The frames of the chat, as plain dictionaries, and what is accepted from a client."""

import json
import re
import time

from wsauth import Identity

MAX_TEXT = 500


def welcome(identity: Identity, **more: object) -> dict:
    """Tell the page what the server decided. Nothing secret: no token, no session key."""
    return {
        "type": "welcome",
        "subject": identity.subject,
        "scheme": identity.scheme,
        "expires_at": identity.expires_at,
        "now": time.time(),
        **more,
    }


def said(frame: str | None) -> str:
    """Return the text of a `{"type": "say", "text": …}` frame, or nothing for any other."""
    try:
        message = json.loads(frame or "")
        text = message["text"] if message["type"] == "say" else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return text.strip()[:MAX_TEXT] if isinstance(text, str) else ""


def mentions(text: str) -> set[str]:
    return set(re.findall(r"@(\w+)", text.lower()))
