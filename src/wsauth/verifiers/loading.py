"""The application's `load_user`: called at the handshake, and again for those who are connected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsauth.core.active import is_nobody_or_inactive
from wsauth.core.errors import InvalidCredentials, VerifierUnavailable
from wsauth.verifiers.recheck import failed

if TYPE_CHECKING:
    from wsauth.core.identity import Identity
    from wsauth.core.verifier import Finding

LoadUser = Callable[[Mapping[str, Any]], Awaitable[Any]]
AT_ONCE = 10  # calls of load_user in a re-check


async def load(load_user: LoadUser, said: Mapping[str, Any]) -> Any:
    """Return the user of what a credential said. Raises InvalidCredentials for nobody, and for an inactive one."""
    user = await load_user(said)
    if is_nobody_or_inactive(user):
        raise InvalidCredentials("the user is unknown or inactive")
    return user


async def load_again(
    load_user: LoadUser, identities: Sequence[Identity], said: Callable[[Identity], Mapping[str, Any]]
) -> list[Finding]:
    """Find for each identity whether `load_user` still gives it a user; asked once for those that said the same."""
    names = [repr(sorted(said(identity).items(), key=repr)) for identity in identities]
    asked = dict(zip(names, map(said, identities), strict=True))
    turns = asyncio.Semaphore(AT_ONCE)

    async def user_now(words: Mapping[str, Any]) -> Any:
        async with turns:
            try:
                return await load(load_user, words)
            except Exception as error:
                return failed(error)

    users = dict(zip(asked, await asyncio.gather(*map(user_now, asked.values())), strict=True))
    return [_with_user(identity, users[name]) for identity, name in zip(identities, names, strict=True)]


def _with_user(identity: Identity, user: Any) -> Finding:
    """Return the identity with its user as he is now; who acts as another keeps the one that a subclass has put in."""
    if isinstance(user, InvalidCredentials | VerifierUnavailable):
        return user
    return identity if identity.acts_as_another else replace(identity, user=user)
