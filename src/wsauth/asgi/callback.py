"""`Policy(recheck=...)`: the application's own word on whether an identity still holds."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from wsauth.asgi.log import ration
from wsauth.asgi.running import is_cancelled
from wsauth.core.errors import InvalidCredentials, VerifierUnavailable
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from wsauth.core.verifier import Finding
    from wsauth.policy import Policy

AT_ONCE = 10  # calls
PATIENCE = 8.0  # seconds for one call


class Callback:
    """A `Rechecker` that calls an async function of each identity, a few at a time."""

    @classmethod
    def of(cls, policy: Policy) -> Callback | None:
        """Return the one of a policy, however many applications it guards; None where it has no `recheck`."""
        if policy.recheck is None:
            return None
        with _lock:
            return _of_policies.setdefault(policy, cls(policy.recheck))

    def __init__(self, function: Callable[[Identity], Awaitable[Identity | None]]) -> None:
        self._function = function

    async def recheck(self, identities: Sequence[Identity]) -> Sequence[Finding]:
        findings = await asyncio.gather(*map(self._ask, identities))
        if all(isinstance(finding, VerifierUnavailable) for finding in findings):
            raise VerifierUnavailable("Policy.recheck could judge nobody")
        return findings

    async def _ask(self, identity: Identity) -> Finding:
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._function(identity)
        except (InvalidCredentials, VerifierUnavailable) as error:
            return error
        except TimeoutError:
            return VerifierUnavailable(f"no answer within {PATIENCE:.0f} s")
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled():
                raise
            ration.write(logging.ERROR, f"Policy.recheck raised {type(error).__name__}")
            return VerifierUnavailable(f"Policy.recheck raised {type(error).__name__}")
        if isinstance(answer, Identity):
            return answer if answer is identity else answer.completed(identity)  # verifiers look at it later
        if answer is not None:
            ration.write(
                logging.ERROR, f"Policy.recheck answered a {type(answer).__name__}, and only an Identity goes on"
            )
        return InvalidCredentials("Policy.recheck answered no identity", Reason.REVOKED)


_lock = threading.Lock()
_of_policies: WeakKeyDictionary[Policy, Callback] = WeakKeyDictionary()
