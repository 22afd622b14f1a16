"""Where a look-up goes, and with which others it may go.

A router may choose the database by whatever it likes, so it is asked for each handshake, and look-ups go together with those
of the same place alone. A re-check goes where the identity came from: a router that picks a replica may pick another now.
What the project's own code looks up one by one gains nothing by company, and goes alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.db import router

from wsauth.core.errors import VerifierUnavailable
from wsauth.django import prepared

if TYPE_CHECKING:
    from wsauth.core.identity import Identity
    from wsauth.core.verifier import Finding

Place = tuple[str, str]  # the databases of the session and of the user; empty where the routers are to be asked

ANYWHERE: Place = ("", "")


def place_of_users(manager: Any) -> Place:
    """Where the present context has users looked up. A manager of the project's own is asked when it is looked up."""
    return ("", manager.db) if router.routers and prepared.is_plain(manager) else ANYWHERE


def came_from(identity: Identity) -> Place:
    """Where the session and the user of an identity were read."""
    if not router.routers:
        return ANYWHERE
    session = getattr(identity.scope.get("session"), "wsauth_database", "")
    return session, getattr(getattr(identity.user, "_state", None), "db", None) or ""


async def by_place(
    identities: Sequence[Identity], recheck: Callable[[Sequence[Identity], Place], Awaitable[Sequence[Finding]]]
) -> list[Finding]:
    """Re-check identities where each came from. A database that is away is away for those alone who came from there.

    Raises VerifierUnavailable where none can be asked.
    """
    groups: dict[Place, list[Identity]] = {}
    for identity in identities:
        groups.setdefault(came_from(identity), []).append(identity)
    if len(groups) == 1:
        return list(await recheck(identities, *groups))
    found: dict[int, Finding] = {}
    for place, group in groups.items():
        try:
            findings = await recheck(group, place)
        except VerifierUnavailable as error:
            findings = [error] * len(group)
        found.update(zip(map(id, group), findings, strict=True))
    return [found[id(identity)] for identity in identities]
