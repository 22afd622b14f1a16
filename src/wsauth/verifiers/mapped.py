"""A verifier around another one: what the inner one finds, changed by a function of the application's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wsauth.core.active import is_nobody_or_inactive
from wsauth.core.errors import InvalidCredentials, VerifierUnavailable
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason
from wsauth.core.verifier import Verifier, VerifierFunction, as_verifier, require_async
from wsauth.verifiers.around import Around
from wsauth.verifiers.recheck import failed

if TYPE_CHECKING:
    from wsauth.core.credentials import Credentials
    from wsauth.core.framework import FrameworkScope
    from wsauth.core.handshake import Handshake
    from wsauth.core.verifier import Finding

Change = Callable[[Identity], Awaitable[Identity | None]]
AT_ONCE = 50  # calls of `change` in a re-check
PATIENCE = 8.0  # seconds for one of them


class Mapped(Around):
    """Accepts what `verifier` accepts, and makes of each identity what `change` makes of it.

        async def with_rights(identity: Identity) -> Identity:
            return replace(identity, scopes=identity.scopes | await rights_of(identity.subject))

        Mapped(SessionVerifier(), with_rights)

    `change` is an async function of the identity. It adds scopes, puts in a user, or names another subject (impersonation);
    what it leaves out stays as it was found, and the end is never later. An inactive user is refused. It returns None for
    nobody, and may raise InvalidCredentials or VerifierUnavailable. It is not asked about an anonymous identity.

    Each re-check asks `verifier`, where that can be asked, and then `change` about what was found, so that neither outlives
    what it said. A connection whose `change` names another subject than before ends. `stateful`, `bearer_format`,
    `issuers` and `framework` are those of `verifier`; `framework=DjangoScope()` is for a `change` that loads Django's users.
    """

    def __init__(
        self, verifier: Verifier | VerifierFunction, change: Change, *, framework: FrameworkScope | None = None
    ) -> None:
        self._inner = as_verifier(verifier, "Mapped")
        require_async(change, "Mapped(..., change)", ("identity",))
        self._change = change
        self.framework: FrameworkScope | None = framework or getattr(self._inner, "framework", None)

    def __repr__(self) -> str:
        return f"Mapped({self._inner!r}, {getattr(self._change, '__name__', type(self._change).__name__)})"

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        found = await self._inner.verify(credentials, handshake)
        return found if found is None or found.is_anonymous else await self._changed(found)

    async def _changed(self, found: Identity) -> Identity | None:
        changed = await self._change(found)
        if changed is None or changed.is_anonymous:
            return changed
        if changed.user is not None and changed.user is not found.user and is_nobody_or_inactive(changed.user):
            raise InvalidCredentials("the user is unknown or inactive")
        ends = [identity.expires_at for identity in (found, changed) if identity.expires_at is not None]
        return replace(changed.completed(found), expires_at=min(ends, default=None), found=found)

    async def recheck(self, identities: Sequence[Identity]) -> list[Finding]:
        """Let `verifier` look again, if it can, and then `change`, at what was found. Raises VerifierUnavailable."""
        proven = [identity.found or identity for identity in identities]
        recheck = getattr(self._inner, "recheck", None)
        findings = proven if recheck is None else await recheck(proven)
        turns = asyncio.Semaphore(AT_ONCE)

        async def again(identity: Identity, finding: Finding) -> Finding:
            if not isinstance(finding, Identity) or finding.is_anonymous:
                return finding
            async with turns:
                return await self._judged(identity, finding)

        return list(await asyncio.gather(*map(again, identities, findings)))

    async def _judged(self, identity: Identity, finding: Identity) -> Finding:
        """Return what `change` makes of a finding, if it still is the subject that the connection belongs to."""
        try:
            async with asyncio.timeout(PATIENCE):
                changed = await self._changed(finding)
        except TimeoutError:
            return VerifierUnavailable(f"Mapped: no answer within {PATIENCE:.0f} s")
        except Exception as error:
            return failed(error)
        if changed is None or changed.subject != identity.subject:
            return InvalidCredentials("what was mapped to this subject is so no longer", Reason.REVOKED)
        return changed
