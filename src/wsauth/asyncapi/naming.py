"""Keys that are unique, readable and stable: for channels, operations, messages and schemas.

Under components a key is made of letters, digits, ".", "-" and "_" (3.0.0, Components Object). Operations are named as code
is, because generators make functions of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from wsauth.asyncapi.model import Channel

_NOT_IN_KEY = re.compile(r"[^A-Za-z0-9._\-]+")
_NOT_IN_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]+")
_BRACES = re.compile(r"\{[^{}]*\}")


def key(text: str, otherwise: str = "unnamed") -> str:
    """Return the text as a key under components."""
    return _NOT_IN_KEY.sub("_", text).strip("_.-") or otherwise


def identifier(text: str, otherwise: str = "unnamed") -> str:
    """Return the text as a name that every programming language takes."""
    name = _NOT_IN_IDENTIFIER.sub("_", text).strip("_") or otherwise
    return f"_{name}" if name[0].isdigit() else name


def type_name(text: str) -> str:
    """Return the text as code generators name a type: "RequestRide" for "request_ride" and for "request.ride"."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", text))


def distinct(names: Iterable[str]) -> list[str]:
    """Number what occurs again: chat, chat_2, chat_3. A name that was there already is never given twice."""
    listed = list(names)
    taken: set[str] = set()
    result = []
    for name in listed:
        candidate, number = name, 1
        while candidate in taken or (number > 1 and candidate in listed):
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        result.append(candidate)
    return result


def channel_keys(channels: Sequence[Channel]) -> list[str]:
    """Name each channel by its hint or the last fixed part of its address, or by more of it where others are named so."""
    candidates = [_candidates(channel) for channel in channels]
    chosen = [names[0] for names in candidates]
    for level in (1, 2):
        times = Counter(chosen)
        chosen = [names[level] if times[name] > 1 else name for name, names in zip(chosen, candidates, strict=True)]
    return distinct(chosen)


def _candidates(channel: Channel) -> tuple[str, str, str]:
    fixed = [part for part in _BRACES.sub("", channel.address).split("/") if part.strip("_.-")]
    last = fixed[-1] if fixed else "root"
    return (
        identifier(channel.name or last),
        identifier("_".join(fixed) or "root"),
        identifier(channel.address, "root"),
    )
