"""What a caller asks of a verb, checked before anything is published: a record but for its time, which the log stamps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wsauth.core.reasons import Reason
from wsauth.revocation.record import BRIEF, MAX_AGE, Record, Verb
from wsauth.revocation.records import Records
from wsauth.revocation.selector import Match, Whom, match_of

_REASONS = {Verb.BLOCK: Reason.FORBIDDEN, Verb.DISCONNECT: Reason.GOING_AWAY}  # where no other is given
LONGEST = 3600.0  # seconds that an end may be put off or spread over


class Terms(Whom, total=False):
    """The keywords of every verb: whom to end, when, and for what reason.

    Connections close `after` so many seconds, `spread` over as many more (an hour each at most), with a warning where the
    policy has an `ExpiryWarning`; new ones are refused at once. `reason` is what they are told. With `receipt` (seconds)
    other processes are waited for, and counted.
    """

    after: float
    spread: float
    reason: Reason
    receipt: float


@dataclass(frozen=True, slots=True)
class Draft:
    """A record without a time. It is kept for `held` seconds after the last connection has ended, or `until` then; `exact`
    as in `Record`.
    """

    verb: Verb
    match: Match
    after: float
    spread: float
    reason: Reason
    receipt: float
    held: float
    until: float | None
    exact: bool = False

    @classmethod
    def of(
        cls,
        verb: Verb,
        terms: Mapping[str, object],
        records: Records,
        *,
        until: float | None = None,
    ) -> Draft:
        """Read the keywords of a verb, as in `Terms`. Raises ValueError for what makes no sense, and says what to write."""
        whom = dict(terms)
        after, spread, receipt = (seconds(name, whom.pop(name, 0.0)) for name in ("after", "spread", "receipt"))
        reason = whom.pop("reason", _REASONS.get(verb, Reason.REVOKED))
        if not isinstance(reason, Reason):
            raise ValueError(f"reason={reason!r}: write a member of Reason, such as Reason.REVOKED")
        match = match_of(whom)
        if until is not None:
            _check_until(until, records.now())
        held = {Verb.REVOKE: records.hold(match), Verb.RECHECK: records.brief}.get(verb, BRIEF)
        return cls(verb, match, after, spread, reason, receipt, held, until)

    @classmethod
    def of_one(cls, match: Match, reason: Reason, records: Records, *, until: float | None = None) -> Draft:
        """A revocation of what a store judges, which is held until all have asked that; or of a token, `until` its end."""
        if until is not None:
            until = min(until, records.now() + MAX_AGE)
        return cls(Verb.REVOKE, match, 0.0, 0.0, reason, 0.0, records.brief, until, exact=True)

    def __call__(self, at: float) -> Record:
        """Return the record as of this moment, in POSIX seconds by the log's clock."""
        until = at + self.after + self.spread + self.held if self.until is None else self.until
        return Record(self.verb, self.match, at, until, self.after, self.spread, self.reason, exact=self.exact)


def _check_until(until: object, now: float) -> None:
    if isinstance(until, bool) or not isinstance(until, int | float) or not now < until <= now + MAX_AGE:
        raise ValueError(
            f"until={until!r}: write POSIX seconds of a moment within the next 31 days, as time.time() + 3600"
        )


def seconds(name: str, value: object) -> float:
    """Return the seconds that a keyword gives. Raises ValueError unless they are from 0 to 3600."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise ValueError(f"{name}={value!r}: write seconds, from 0 to {LONGEST:.0f}")
    return value
