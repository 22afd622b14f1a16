"""Who may connect. A policy decides, the middleware enforces, the document describes. The rules, in order:

1. The Origin first: present and foreign is refused before any credential is looked for.
2. Two explicit credentials are a conflict (RFC 6750 §2). One decides alone, wherever its scheme stands in the list, and
   cookies beside it are not read. Without one, ambient credentials are tried in list order, under an allowed Origin only.
3. A credential that is present but invalid is final: nothing falls through to the next scheme.
4. Nobody answered: refused, unless the policy names an `Anonymous` mode.
5. A verifier that fails refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from wsauth.core.decision import Allow, Decision, Deny
from wsauth.core.errors import ConfigurationError, InvalidCredentials, VerifierUnavailable
from wsauth.core.first_message import FirstMessage
from wsauth.core.handshake import is_token
from wsauth.core.identity import Identity
from wsauth.core.origins import AnyOrigin, OriginRule, Origins, OriginVerdict, SameHost
from wsauth.core.reasons import CloseProfile, Reason
from wsauth.core.scheme import SecurityScheme
from wsauth.core.verifier import require_async
from wsauth.revocation.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake

logger = logging.getLogger("wsauth")

AllowFunction = Callable[[Identity, "Handshake"], Awaitable[bool]]


class Anonymous(Enum):
    """What happens to a client that proves nothing."""

    NEVER = "refused"
    IF_MISSING = "an anonymous identity, where no credential was presented"
    IF_INVALID = "an anonymous identity, also where the credential is invalid or expired"


_COVERED = {
    Anonymous.NEVER: frozenset[Reason](),
    Anonymous.IF_MISSING: frozenset({Reason.MISSING}),
    Anonymous.IF_INVALID: frozenset({Reason.MISSING, Reason.INVALID, Reason.EXPIRED}),
}


class Refusals(Enum):
    """How a refusal is delivered. A browser cannot read the status of a refused upgrade; it can read a close code."""

    AUTO = "a close code to pages of an allowed origin that must act on it, HTTP to everyone else"
    HTTP = "HTTP to everyone"
    CLOSE_CODE = "a close code to every page of an allowed origin, whatever the reason"


class FrameworkScope(Protocol):
    """How a framework's code finds the identity: an attribute `framework` of a verifier names one."""

    def anonymous(self) -> Identity:
        """Return the framework's own anonymous identity."""

    def allowed_hosts(self) -> Iterable[str] | None:
        """Return the host names that the framework serves, for the default Origin rule; None for any."""

    def entries(self, connection: Any, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the application's scope holds beside `user` and `auth`, or instead of them."""


@dataclass(frozen=True, eq=False)
class Policy:
    """The only place that says who may connect. Raises ConfigurationError where it is contradictory or unsafe.

    `allow` is an async function of (identity, handshake): False refuses with "forbidden". `origins` defaults to the host of
    the handshake itself. `max_lifetime` (seconds) ends every connection, however long its credential is valid.
    `subprotocols` are the names that wsauth may answer where it accepts before the application can.
    `max_pending` caps the sockets of this process that are accepted but not authenticated.
    """

    schemes: Sequence[SecurityScheme]
    origins: OriginRule = field(default_factory=SameHost)
    allow: AllowFunction | None = None
    anonymous: Anonymous = Anonymous.NEVER
    subprotocols: Sequence[str] = ()
    max_lifetime: float = 24 * 3600.0
    refusals: Refusals = Refusals.AUTO
    close_profile: CloseProfile = field(default_factory=CloseProfile)
    max_pending: int = 1000
    connections: Connections = field(default_factory=Connections, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "schemes", tuple(self.schemes))
        object.__setattr__(self, "subprotocols", tuple(self.subprotocols))
        for check in (_check_schemes, _check_first_message, _check_origins, _check_values):
            check(self)
        if self.origins == SameHost() and self.framework is not None:
            object.__setattr__(self, "origins", SameHost(self.framework.allowed_hosts))

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
        return next((scheme for scheme in self.schemes if isinstance(scheme.location, FirstMessage)), None)

    @cached_property
    def framework(self) -> FrameworkScope | None:
        return next((f for s in self.schemes if (f := getattr(s.verifier, "framework", None)) is not None), None)

    async def decide(self, handshake: Handshake) -> Decision:
        """Say who this is, or why not. Cheap refusals come first and do no I/O."""
        verdict = self.origins.check(handshake)
        if verdict is OriginVerdict.FOREIGN:
            return Deny(Reason.FOREIGN_ORIGIN)
        presented: list[tuple[SecurityScheme, Credentials]] = []
        for scheme in self.explicit:
            try:
                credentials = scheme.read(handshake)
            except InvalidCredentials as error:
                return Deny(error.reason, error.detail, scheme.name)
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
        if decision is None:
            decision = Deny(Reason.INVALID, "the verifier knows nobody by it", scheme.name)
        return await self._conclude(decision, handshake)

    async def narrow(self, identity: Identity, scheme: SecurityScheme | None, handshake: Handshake) -> Decision:
        """Decide about an identity that an outer policy admitted: a nested policy may only narrow its decision."""
        verdict = self.origins.check(handshake)
        if verdict is OriginVerdict.FOREIGN:
            return Deny(Reason.FOREIGN_ORIGIN)
        if scheme not in self.schemes:
            return Deny(Reason.FORBIDDEN, f"scheme {identity.scheme!r} is not one of the nested policy's")
        if scheme is not None and scheme.ambient and verdict is OriginVerdict.ABSENT:
            return Deny(Reason.MISSING, "the nested policy takes no cookie without an Origin")
        return await self._conclude(Allow(identity, scheme), handshake)

    async def _decide_ambient(self, handshake: Handshake, verdict: OriginVerdict) -> Decision:
        nobody: Identity | None = None
        if verdict is OriginVerdict.ALLOWED:
            for scheme in self.ambient:
                try:
                    credentials = scheme.read(handshake)
                except InvalidCredentials as error:
                    return Deny(error.reason, error.detail, scheme.name)
                if credentials is None:
                    continue
                decision = await self._prove(scheme, credentials, handshake)
                if isinstance(decision, Allow) and decision.identity.is_anonymous:
                    nobody = nobody or decision.identity
                elif decision is not None:
                    return await self._conclude(decision, handshake)
        detail = "cookies are not read without an Origin" if self._ignored_cookie(handshake, verdict) else ""
        return await self._conclude(Deny(Reason.MISSING, detail), handshake, nobody)

    async def _prove(self, scheme: SecurityScheme, credentials: Credentials, handshake: Handshake) -> Decision | None:
        """Ask the verifier; None where it answers "nobody"."""
        try:
            identity = await scheme.proof.verify(credentials, handshake)
        except InvalidCredentials as error:
            return Deny(error.reason, error.detail, scheme.name)
        except VerifierUnavailable as error:
            return Deny(Reason.UNAVAILABLE, error.detail, scheme.name, error.retry_after)
        except Exception as error:
            _log_failure(f"the verifier of scheme {scheme.name!r}", error)
            return Deny(Reason.UNAVAILABLE, f"the verifier raised {type(error).__name__}", scheme.name)
        if identity is None:
            return None
        if not isinstance(identity, Identity):
            logger.error("the verifier of scheme %r returned %s, not an Identity", scheme.name, type(identity).__name__)
            return Deny(Reason.UNAVAILABLE, "the verifier returned no Identity", scheme.name)
        return Allow(replace(identity, scheme=scheme.name), scheme)

    async def _conclude(self, decision: Decision, handshake: Handshake, nobody: Identity | None = None) -> Decision:
        """Apply what holds for every decision: the anonymous mode, then `allow`."""
        if isinstance(decision, Deny):
            if decision.reason not in _COVERED[self.anonymous]:
                return decision
            if nobody is None:
                nobody = self.framework.anonymous() if self.framework else Identity.anonymous()
            decision = Allow(replace(nobody, scheme=""))
        if self.allow is None:
            return decision
        try:
            allowed = await self.allow(decision.identity, handshake)
        except Exception as error:
            _log_failure("Policy.allow", error)
            return Deny(Reason.UNAVAILABLE, f"allow raised {type(error).__name__}", decision.identity.scheme)
        return decision if allowed is True else Deny(Reason.FORBIDDEN, "allow said no", decision.identity.scheme)

    def _ignored_cookie(self, handshake: Handshake, verdict: OriginVerdict) -> bool:
        return verdict is OriginVerdict.ABSENT and bool(self.ambient) and bool(handshake.header(b"cookie"))


@dataclass(frozen=True, slots=True)
class ReportOnly:
    """Decide and log what would have been refused, and change nothing: a way to switch wsauth on under live clients."""

    policy: Policy


def _log_failure(who: str, error: Exception) -> None:
    """Log where a failure came from, without its message: an exception's text may quote the credential."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
    logger.error("%s raised %s at %s; the connection is refused", who, type(error).__qualname__, where)


def _check_schemes(policy: Policy) -> None:
    if not policy.schemes and policy.anonymous is Anonymous.NEVER:
        raise ConfigurationError("Policy(schemes=[]) admits nobody: add a SecurityScheme")
    for scheme in policy.schemes:
        if not isinstance(scheme, SecurityScheme):
            raise ConfigurationError(f"Policy(schemes=[{scheme!r}]): write SecurityScheme(name, location, verifier)")
    for what, values in (("name", [s.name for s in policy.schemes]), ("place", [s.location for s in policy.schemes])):
        for index, value in enumerate(values):
            if value in values[:index]:
                raise ConfigurationError(
                    f"Policy: two schemes share the {what} {value!r}; give each its own"
                    " (one JWTVerifier takes several keys)"
                )


def _check_first_message(policy: Policy) -> None:
    if policy.first_message is None:
        return
    if policy.schemes[-1] is not policy.first_message:
        raise ConfigurationError("Policy: FirstMessage must be the last scheme; what follows would never be tried")
    if policy.anonymous is not Anonymous.NEVER:
        raise ConfigurationError(
            "Policy: FirstMessage excludes an anonymous mode; an anonymous client sends no first message, so every"
            " one of them would wait for the deadline"
        )


def _check_origins(policy: Policy) -> None:
    if isinstance(policy.origins, str):
        raise ConfigurationError(f"Policy(origins={policy.origins!r}): write origins=Origins({policy.origins!r})")
    if not callable(getattr(policy.origins, "check", None)) or isinstance(policy.origins, type):
        raise ConfigurationError(f"Policy(origins={policy.origins!r}): write Origins(...) or SameHost()")
    if isinstance(policy.origins, AnyOrigin) and policy.ambient:
        names = ", ".join(scheme.name for scheme in policy.ambient)
        raise ConfigurationError(
            f"Policy: AnyOrigin() with the cookie scheme {names} lets any site use your users' cookies;"
            ' write origins=Origins("https://app.example.com")'
        )


def _check_values(policy: Policy) -> None:
    if policy.allow is not None:
        require_async(policy.allow, "Policy(allow=...)")
    if not 0 < policy.max_lifetime <= 30 * 86400:
        raise ConfigurationError(f"Policy(max_lifetime={policy.max_lifetime}): write seconds, at most 30 days")
    if isinstance(policy.max_pending, bool) or policy.max_pending < 1:
        raise ConfigurationError(f"Policy(max_pending={policy.max_pending}): write a positive number of sockets")
    for name in policy.subprotocols:
        if not is_token(name):
            raise ConfigurationError(f"Policy(subprotocols=[{name!r}]): not a subprotocol name (RFC 6455 §4.1)")


__all__ = ["Anonymous", "FrameworkScope", "Origins", "Policy", "Refusals", "ReportOnly"]
