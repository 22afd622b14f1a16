"""What happened in a storm: counted by name, by phase, and apart for tokens and sessions."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storm.people import Credential

KINDS = ("token", "session")


class Tally:
    """`phase` is what the storm does at the moment.

    `lags` are the seconds from a receipt that said "recorded" to the close, `deliveries` those from such a receipt to the
    last message that reached an application afterwards, both by the phase of the receipt.
    """

    def __init__(self) -> None:
        self.phase = "peace"
        self.count: Counter[str] = Counter()
        self.mistakes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.waited: list[float] = []
        self.lags: defaultdict[str, list[float]] = defaultdict(list)
        self.deliveries: defaultdict[str, float] = defaultdict(float)
        self.came: Counter[str] = Counter()  # handshakes of good credentials, by phase and kind
        self.put_off: Counter[str] = Counter()  # of these, with 503

    def mistake(self, credential: Credential, what: str, where: str) -> None:
        self.mistakes[f"{what} {kind_of(credential)}"] += 1
        self.wrong.append(f"{credential} was {what} {where} at {time.time():.3f} in {self.phase}: {credential.story}")

    def delivered(self, credential: Credential, moment: float) -> None:
        """A message of somebody who was revoked before has reached an application."""
        late = moment - credential.revoked_at if credential.recorded else 0.0
        self.deliveries[credential.revoked_in] = max(late, self.deliveries[credential.revoked_in])

    def share_put_off(self) -> dict[str, float]:
        """The share of the handshakes of good credentials, by phase and kind, that were told to come back later."""
        return {which: round(self.put_off[which] / came, 3) for which, came in self.came.items() if self.put_off[which]}

    def put_off_of(self, kind: str) -> float:
        """The share of all handshakes of good credentials of a kind that were told to come back later."""
        put_off, came = (
            sum(n for which, n in each.items() if which.endswith(kind)) for each in (self.put_off, self.came)
        )
        return round(put_off / came, 3)


def kind_of(credential: Credential) -> str:
    return "session" if credential.stateful else "token"


def by_kind(credentials: Iterable[Credential]) -> dict[str, int]:
    found = Counter(map(kind_of, credentials))
    return {kind: found[kind] for kind in KINDS}
