"""What a record does to an identity that has just been verified, and to a connection that is open.

A store (of sessions, of tokens) knows itself what was revoked, so a record only says *when* to ask it: who has logged in
again since is not sent away. A token carries nothing but the second in which it was issued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsauth.revocation.record import Record, Verb

if TYPE_CHECKING:
    from wsauth.core.identity import Identity
    from wsauth.revocation.registry import Live


def refuses(record: Record, identity: Identity, *, stateful: bool, issuer_ahead: float = 0.0) -> bool:
    """Whether the record is held against an identity that it matches, whenever that was verified."""
    if record.verb is Verb.BLOCK:
        return True
    return record.verb is Verb.REVOKE and not stateful and not _is_newer(identity, record.at + issuer_ahead)


def casts_doubt(record: Record, *, stateful: bool) -> bool:
    """Whether an identity that it matches must be verified anew, if it was verified before the record came in."""
    return record.verb is Verb.RECHECK or (record.verb is Verb.REVOKE and stateful)


def ends(record: Record, connection: Live, now: float, issuer_ahead: float = 0.0) -> bool:
    """Whether the record ends a connection that it matches. `now` is the log's time.

    Whose verification began at or before the record ends, whatever the clock of the issuer said. Of what a store vouches
    for, a later one saw the store as it is since, and must survive a record that arrives late. What began in the future
    began before the clock was put back, and ends.
    """
    if record.verb in (Verb.DISCONNECT, Verb.REVOKE) and (connection.since <= record.at or connection.since > now):
        return True
    return refuses(record, connection.identity, stateful=connection.stateful, issuer_ahead=issuer_ahead)


def _is_newer(identity: Identity, at: float) -> bool:
    """Whether a token was issued after this moment. It carries whole seconds, so one of the same second was not."""
    return identity.issued_at is not None and identity.issued_at >= int(at) + 1
