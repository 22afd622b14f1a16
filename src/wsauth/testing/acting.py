"""Connecting as somebody, without a credential."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsauth.core.decision import Allow, Decision
from wsauth.core.identity import Identity
from wsauth.policy import Policy

if TYPE_CHECKING:
    from wsauth.core.handshake import Handshake


@contextmanager
def acting_as(policy: Policy, who: Identity | Any) -> Iterator[Identity]:
    """Let every handshake that `policy` decides in the block be that of `who`: an Identity, or a user with a `pk`.

    Only the decision is replaced: the middleware registers, ends and revokes the connections as ever. Works with every
    client: Channels' communicator, Starlette's TestClient, a real socket to a server in this process.
    """
    if not isinstance(policy, Policy):
        raise TypeError(f"acting_as({type(policy).__name__}, ...): the first argument is the Policy of the middleware")
    if not isinstance(who, Identity) and not hasattr(who, "pk"):
        raise TypeError(f'acting_as(policy, {who!r}): write acting_as(policy, Identity("alice")), or pass a user')
    identity = who if isinstance(who, Identity) else Identity(subject=str(who.pk), user=who)
    scheme = policy.schemes[0] if policy.schemes and identity.is_authenticated else None
    identity = replace(identity, scheme=scheme.name if scheme else "")

    async def decide(handshake: Handshake) -> Decision:
        return Allow(identity, scheme)

    vars(policy)["decide"] = decide
    try:
        yield identity
    finally:
        del vars(policy)["decide"]


def browser_headers(host: str = "testserver", *, secure: bool = False) -> dict[str, str]:
    """Return the Host and Origin that a browser on a page of this host sends, for test clients that send none."""
    return {"host": host, "origin": f"{'https' if secure else 'http'}://{host}"}
