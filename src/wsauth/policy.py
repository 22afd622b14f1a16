"""Who may connect. A policy decides, the middleware enforces, the document describes. The rules, in order:

1. The Origin first: present and foreign is refused before any credential is looked for.
2. Two explicit credentials are a conflict (RFC 6750 §2). One decides alone, wherever its scheme stands in the list, and
   cookies beside it are not read. Without one, ambient credentials are tried in list order, under an allowed Origin only.
3. A credential that is present but invalid is final: nothing falls through to the next scheme.
4. Nobody answered: refused, unless the policy names an `Anonymous` mode.
5. What fails refuses: a location, a verifier, an Origin rule, `allow`.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wsauth.core import settings
from wsauth.core.close_profile import CloseProfile
from wsauth.core.credentials import Credentials
from wsauth.core.decision import Allow, Decision, Deny
from wsauth.core.errors import ConfigurationError, InvalidCredentials, VerifierUnavailable
from wsauth.core.events import EventSink, check_sinks
from wsauth.core.expiry_warning import ExpiryWarning
from wsauth.core.first_message import FirstMessage
from wsauth.core.framework import FrameworkScope
from wsauth.core.identity import Identity
from wsauth.core.modes import Anonymous, Refusals
from wsauth.core.origins import OriginRule, OriginVerdict, SameHost
from wsauth.core.ration import Ration
from wsauth.core.reasons import Reason
from wsauth.core.scheme import SecurityScheme
from wsauth.core.verifier import require_async
from wsauth.revocation.connections import Connections
from wsauth.revocation.elapsed import elapsed

if TYPE_CHECKING:
    from wsauth.core.handshake import Handshake

__all__ = ["Anonymous", "FrameworkScope", "Policy", "Refusals", "ReportOnly"]

RecheckFunction = Callable[[Identity], Awaitable[Identity | None]]
AllowFunction = Callable[[Identity, "Handshake"], Awaitable[bool]]


@dataclass(frozen=True, eq=False)
class Policy:
    """The only place that says who may connect. Raises ConfigurationError where it is contradictory or unsafe.

    `allow` is an async function of (identity, handshake): only True admits. `origins` defaults to the host of the
    handshake itself. `max_lifetime` (seconds) ends every connection, however long its credential is valid.
    `verify_within` (seconds) is how long verifiers, `allow` and the revocation log may take to decide about a handshake,
    which is refused with 503 then.
    `recheck_every` (seconds) is how often those are asked again who can say that an identity holds no longer: stores of
    sessions and tokens, and `recheck`, an async function of the identity that returns the identity as it stands now, or
    None to end its connections. With `recheck_every=None` they are asked only when something is said to have changed, as by
    `connections.recheck`, and while the log is out of reach. `expiry_warning` lets the client know before the end.
    `events` are told what happens, see `wsauth.core.events`.
    `subprotocols` are the names that wsauth may answer where it accepts before the application can.
    `max_pending` is how many sockets of this process may wait for their first message, a fourth of them of one peer; those
    that were accepted and refused count until they are gone, and with them there are twice as many at most.
    `context_ignores` are the ContextVars that make no difference to who somebody is, such as one that holds the request;
    everything else that middlewares have set around the handshake is kept for its re-checks.
    """

    schemes: Sequence[SecurityScheme]
    origins: OriginRule = field(default_factory=SameHost)
    allow: AllowFunction | None = None
    anonymous: Anonymous = Anonymous.NEVER
    subprotocols: Sequence[str] = ()
    max_lifetime: float = 24 * 3600.0
    verify_within: float = 4.0
    recheck_every: float | None = 60.0
    recheck: RecheckFunction | None = None
    expiry_warning: ExpiryWarning | None = None
    events: Sequence[EventSink] = ()
    refusals: Refusals = Refusals.AUTO
    close_profile: CloseProfile = field(default_factory=CloseProfile)
    max_pending: int = 100
    context_ignores: Sequence[ContextVar[Any]] = ()
    connections: Connections = field(default_factory=Connections, repr=False)

    def __post_init__(self) -> None:
        self._check_values()
        object.__setattr__(self, "schemes", settings.listed("schemes", self.schemes, "SecurityScheme(...)"))
        settings.check_schemes(self.schemes, self.anonymous)
        settings.check_first_message(self.schemes, self.anonymous)
        settings.check_origins(self.origins, self.schemes)
        if self.framework is not None and isinstance(self.origins, SameHost) and self.origins.allowed_hosts is None:
            object.__setattr__(self, "origins", replace(self.origins, allowed_hosts=self.framework.allowed_hosts))

    def _check_values(self) -> None:
        object.__setattr__(self, "subprotocols", settings.listed("subprotocols", self.subprotocols, "'chat'"))
        settings.check_subprotocols(self.subprotocols)
        ignored = settings.listed("context_ignores", self.context_ignores, "current_request")
        object.__setattr__(self, "context_ignores", ignored)
        settings.check_variables(ignored)
        settings.check_is("anonymous", self.anonymous, Anonymous)
        settings.check_is("refusals", self.refusals, Refusals)
        settings.check_is("close_profile", self.close_profile, CloseProfile)
        settings.check_is("connections", self.connections, Connections)
        settings.check_seconds("max_lifetime", self.max_lifetime, 30 * 86400)
        settings.check_seconds("verify_within", self.verify_within, 120)
        settings.check_count("max_pending", self.max_pending)
        self._check_recheck()
        if self.expiry_warning is not None:
            settings.check_is("expiry_warning", self.expiry_warning, ExpiryWarning)
        object.__setattr__(self, "events", check_sinks(self.events))
        self.connections.sight.tell(self.events)
        if self.allow is not None:
            require_async(self.allow, "Policy(allow=...)", ("identity", "handshake"))

    def _check_recheck(self) -> None:
        if self.recheck is not None:
            require_async(self.recheck, "Policy(recheck=...)", ("identity",))
        if self.recheck_every is not None:
            settings.check_seconds("recheck_every", self.recheck_every, 86400, least=1)

    @cached_property
    def ignored(self) -> frozenset[ContextVar[Any]]:
        """The ContextVars that make no difference."""
        return frozenset(self.context_ignores)

    @cached_property
    def _ration(self) -> Ration:
        """What a policy logs is its application's fault, and each handshake of a stranger repeats it."""
        return Ration(elapsed)

    @cached_property
    def explicit(self) -> tuple[SecurityScheme, ...]:
        """The schemes whose credential the client's own code puts into the handshake."""
        return tuple(s for s in self.schemes if not s.ambient and not isinstance(s.location, FirstMessage))

    @cached_property
    def ambient(self) -> tuple[SecurityScheme, ...]:
        """The schemes whose credential a browser sends by itself."""
        return tuple(scheme for scheme in self.schemes if scheme.ambient)

    @cached_property
    def first_message(self) -> SecurityScheme | None:
        """The scheme that asks after the handshake, where there is one."""
        return next((scheme for scheme in self.schemes if isinstance(scheme.location, FirstMessage)), None)

    @cached_property
    def framework(self) -> FrameworkScope | None:
        """What the verifiers' framework expects of a scope, where they have one."""
        return next((f for s in self.schemes if (f := getattr(s.verifier, "framework", None)) is not None), None)

    async def decide(self, handshake: Handshake) -> Decision:
        """Say who this is, or why not. Cheap refusals come first and do no I/O."""
        verdict = self.judge_origin(handshake)
        if verdict is OriginVerdict.FOREIGN:
            return Deny(Reason.FOREIGN_ORIGIN)
        presented: list[tuple[SecurityScheme, Credentials]] = []
        for scheme in self.explicit:
            credentials = self._read(scheme, handshake)
            if isinstance(credentials, Deny):
                return credentials
            if credentials is not None:
                presented.append((scheme, credentials))
        if len(presented) > 1:
            return Deny(Reason.CONFLICT, " and ".join(scheme.name for scheme, _ in presented))
        if presented:
            return await self.verify(*presented[0], handshake)
        return await self._decide_ambient(handshake, verdict)

    async def verify(self, scheme: SecurityScheme, credentials: Credentials, handshake: Handshake) -> Decision:
        """Decide by one explicit credential, as `decide` does; the first message comes here too."""
        decision = await self._prove(scheme, credentials, handshake)
        if decision is None or (isinstance(decision, Allow) and decision.identity.is_anonymous):
            decision = Deny(Reason.INVALID, "the verifier knows nobody by it", scheme.name)
        return await self._conclude(decision, handshake)

    async def narrow(self, identity: Identity, scheme: SecurityScheme | None, handshake: Handshake) -> Decision:
        """Decide about an identity that an outer policy admitted: a nested policy may only narrow its decision."""
        verdict = self.judge_origin(handshake)
        if verdict is OriginVerdict.FOREIGN:
            return Deny(Reason.FOREIGN_ORIGIN)
        if scheme not in self.schemes:
            return Deny(Reason.FORBIDDEN, f"scheme {identity.scheme!r} is not one of the nested policy's")
        if scheme is not None and scheme.ambient and verdict is OriginVerdict.ABSENT:
            return Deny(Reason.MISSING, "the nested policy takes no cookie without an Origin")
        return await self._conclude(Allow(identity, scheme), handshake)

    def judge_origin(self, handshake: Handshake) -> OriginVerdict:
        """Ask the Origin rule, once. One that fails, or answers anything but a verdict, counts as a foreign origin."""
        verdict: OriginVerdict | None = handshake.judged.get(id(self.origins))
        if verdict is None:
            verdict = handshake.judged[id(self.origins)] = self._judge_origin(handshake)
        return verdict

    def _judge_origin(self, handshake: Handshake) -> OriginVerdict:
        try:
            verdict = self.origins.check(handshake)
        except Exception as error:
            self._failed("Policy.origins", error)
            return OriginVerdict.FOREIGN
        if not isinstance(verdict, OriginVerdict):
            self._error(f"Policy.origins answered a {type(verdict).__name__}, not an OriginVerdict; refused")
            return OriginVerdict.FOREIGN
        return verdict

    async def _decide_ambient(self, handshake: Handshake, verdict: OriginVerdict) -> Decision:
        nobody: Identity | None = None
        for scheme in self.ambient if verdict is OriginVerdict.ALLOWED else ():
            credentials = self._read(scheme, handshake)
            if credentials is None:
                continue
            if isinstance(credentials, Deny):
                return credentials
            decision = await self._prove(scheme, credentials, handshake)
            if isinstance(decision, Allow) and decision.identity.is_anonymous:
                nobody = nobody or decision.identity
            elif decision is not None:
                return await self._conclude(decision, handshake)
        detail = self._ignored(handshake) if verdict is OriginVerdict.ABSENT else ""
        return await self._conclude(Deny(Reason.MISSING, detail), handshake, nobody)

    def _ignored(self, handshake: Handshake) -> str:
        """Say for the log what there was, and is not read without an Origin."""
        if self.ambient and handshake.header(b"cookie"):
            return "cookies are not read without an Origin"
        names = [scheme.name for scheme in self.ambient if self._read(scheme, handshake) is not None]
        return (
            f"{' and '.join(names)}: not read without an Origin, since a proxy adds it for every page" if names else ""
        )

    async def _conclude(self, decision: Decision, handshake: Handshake, nobody: Identity | None = None) -> Decision:
        """Apply what holds for every decision: the anonymous mode, then `allow`."""
        if isinstance(decision, Deny):
            if not self.anonymous.covers(decision.reason) or (decision.reason is Reason.MISSING and decision.scheme):
                return decision  # MISSING of a scheme is a verifier's word for a credential that was there
            if nobody is None:
                nobody = self.framework.anonymous() if self.framework else Identity.anonymous()
            decision = Allow(nobody.under(""))
        if self.allow is None:
            return decision
        try:
            allowed = await self.allow(decision.identity, handshake)
        except Exception as error:
            self._failed("Policy.allow", error)
            return Deny(Reason.UNAVAILABLE, f"allow raised {type(error).__name__}", decision.identity.scheme)
        if allowed is True:
            return decision
        answer = "False" if allowed is False else f"a {type(allowed).__name__}, and only True admits"
        return Deny(Reason.FORBIDDEN, f"allow answered {answer}", decision.identity.scheme)

    def _read(self, scheme: SecurityScheme, handshake: Handshake) -> Credentials | Deny | None:
        try:
            return scheme.read(handshake)
        except InvalidCredentials as error:
            return Deny(error.reason, error.detail, scheme.name)
        except Exception as error:
            self._failed(f"the location of scheme {scheme.name!r}", error)
            return Deny(Reason.UNAVAILABLE, f"the location raised {type(error).__name__}", scheme.name)

    async def _prove(self, scheme: SecurityScheme, credentials: Credentials, handshake: Handshake) -> Decision | None:
        """Ask the verifier; None where it answers "nobody"."""
        try:
            identity = await scheme.proof.verify(credentials, handshake)
        except InvalidCredentials as error:
            return Deny(error.reason, error.detail, scheme.name)
        except VerifierUnavailable as error:
            return Deny(Reason.UNAVAILABLE, error.detail, scheme.name, error.retry_after)
        except Exception as error:
            self._failed(f"the verifier of scheme {scheme.name!r}", error)
            return Deny(Reason.UNAVAILABLE, f"the verifier raised {type(error).__name__}", scheme.name)
        if identity is None:
            return None
        if not isinstance(identity, Identity):
            self._error(f"the verifier of scheme {scheme.name!r} returned a {type(identity).__name__}, not an Identity")
            return Deny(Reason.UNAVAILABLE, "the verifier returned no Identity", scheme.name)
        return Allow(identity.under(scheme.name), scheme)

    def _failed(self, who: str, error: Exception) -> None:
        """Log where a failure came from, without its message: an exception's text may quote the credential."""
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        where = f"{frame.f_code.co_filename}:{line}"
        self._error(f"{who} raised {type(error).__qualname__} at {where}; the connection is refused")

    def _error(self, text: str) -> None:
        self._ration.write(logging.ERROR, text)


@dataclass(frozen=True, slots=True)
class ReportOnly:
    """Decide and log what would have been refused, and change nothing: a way to switch wsauth on under live clients."""

    policy: Policy

    def __post_init__(self) -> None:
        if not isinstance(self.policy, Policy):
            raise ConfigurationError(f"ReportOnly({self.policy!r}): write ReportOnly(policy), with a Policy")
