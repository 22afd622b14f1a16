"""A connection as far as its registry can tell."""

from __future__ import annotations

from typing import Any

from wsauth import Connections, Identity


class Live:
    """Notes what it is told. It needs no event loop, on which real ones are opened."""

    loop: Any = None  # few are ended at once, without it
    since = 0.0

    def __init__(self, connections: Connections, subject: str = "1", *, stateful: bool = True, **fields: Any) -> None:
        self.identity = Identity(subject, **fields)
        self.stateful = self.can_look_again = stateful
        self.told: list[str] = []
        connections._registry.add(self, self.identity)

    def end(self, reason: Any) -> None:
        self.told.append(reason.name)

    def stop(self, reason: Any) -> None:
        self.told.append(f"stop: {reason.name}")

    def end_in(self, seconds: float, reason: Any) -> None:
        self.told.append(f"{reason.name} in {seconds:.0f} s")

    def look_again(self, within: float = 0.0, after: float = 0.0) -> None:
        self.told.append("look again")
