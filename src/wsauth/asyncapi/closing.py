"""The close codes that a channel's clients can see, from the one table of reasons, so that a reader can explain them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wsauth.core.close_profile import CloseProfile
from wsauth.core.reasons import Reason


def close_codes(profiles: Iterable[CloseProfile]) -> list[dict[str, Any]]:
    """List each reason with its code, text, HTTP status and advice; policies with several profiles give several codes."""
    listed = list(profiles)
    return [
        {**({"code": code} if code else {}), **_words(reason)}
        for reason in Reason
        for code in dict.fromkeys(_code(profile, reason) for profile in listed)
    ]


def _code(profile: CloseProfile, reason: Reason) -> int | None:
    """A foreign origin is refused over HTTP only: a page of another site is told nothing that it could read."""
    return None if reason is Reason.FOREIGN_ORIGIN else profile.code(reason)


def _words(reason: Reason) -> dict[str, Any]:
    name = reason.name.lower().replace("_", "-")
    return {"reason": name, "text": reason.text, "status": reason.status, "advice": reason.advice}
