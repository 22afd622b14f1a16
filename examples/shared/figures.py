"""Live figures for the dashboard, of this process."""

import time
from collections import Counter, deque

STARTED = time.monotonic()
_messages: deque[float] = deque(maxlen=10_000)
_schemes: Counter[str] = Counter()
_people: Counter[str] = Counter()


def opened(subject: str, scheme: str) -> None:
    _people[subject] += 1
    _schemes[scheme] += 1


def closed(subject: str, scheme: str) -> None:
    _people[subject] -= 1
    _schemes[scheme] -= 1


def message() -> None:
    _messages.append(time.monotonic())


def snapshot(connections: int) -> dict:
    """Return what the dashboard shows; `connections` is `len(policy.connections)`."""
    now = time.monotonic()
    while _messages and _messages[0] < now - 60:
        _messages.popleft()
    return {
        "type": "figures",
        "connections": connections,
        "people": sum(count > 0 for count in _people.values()),
        "messages_per_minute": len(_messages),
        "uptime": int(now - STARTED),
        "schemes": {name: count for name, count in sorted(_schemes.items()) if count > 0},
    }
