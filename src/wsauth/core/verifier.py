"""What proves an identity: the seam that applications implement."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, Union, runtime_checkable

from wsauth.core.errors import ConfigurationError, InvalidCredentials, VerifierUnavailable
from wsauth.core.hidden import check_nothing_is_hidden

if TYPE_CHECKING:
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake
    from wsauth.core.identity import Identity


@runtime_checkable
class Verifier(Protocol):
    """Turns a credential into an identity.

    `verify` returns the identity; returns None for "nobody" (an unknown session: the next cookie is tried); raises
    InvalidCredentials for a credential that proves nothing, which is final; raises VerifierUnavailable where it cannot
    tell. Any other exception refuses the connection and is logged.

    Three optional attributes: `stateful` (default False) is whether a store is asked, and so may be asked again after a
    revocation; `issuers` (default None) are those that `Identity.issuer` may name, where they are pinned; `framework` is a
    `FrameworkScope` that puts the identity where the framework's code looks for it. One that is a `Rechecker` too is asked
    again and again about the connections that it let in.
    """

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None: ...


Finding = Union["Identity", InvalidCredentials, VerifierUnavailable]


@runtime_checkable
class Rechecker(Protocol):
    """What a verifier may do besides: say whether identities that it proved still hold.

    `recheck` returns one finding for each, in order: the identity as it stands now (of the same subject, with a fresh
    `user`, `scopes`, `expires_at`), InvalidCredentials with the reason why it holds no longer, or VerifierUnavailable
    where that one cannot be judged. It raises VerifierUnavailable where none can be. It gets up to 500 at a time, several
    of which may be alike, and whose handshakes had the same in their context. It is called in such a context, and called
    again before it has answered only where that takes long and the context is another.
    """

    async def recheck(self, identities: Sequence[Identity]) -> Sequence[Finding]: ...


VerifierFunction = Callable[["Credentials"], Awaitable["Identity | None"]]


@dataclass(frozen=True, slots=True)
class _Function:
    function: VerifierFunction

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return await self.function(credentials)


def as_verifier(candidate: Verifier | VerifierFunction, where: str) -> Verifier:
    """Return a verifier for an object with `verify` or an async function of the credentials.

    Raises ConfigurationError for a plain function: it would block the event loop, or return a coroutine that nobody
    awaits; and for one that holds another verifier and hides that it can be asked again.
    """
    if inspect.isclass(candidate):
        raise ConfigurationError(f"{where}: {candidate.__name__} is a class; write {candidate.__name__}(...)")
    verify = getattr(candidate, "verify", None)
    if verify is not None:
        require_async(verify, f"{where}: {type(candidate).__name__}.verify", ("credentials", "handshake"))
        if (recheck := getattr(candidate, "recheck", None)) is not None:
            require_async(recheck, f"{where}: {type(candidate).__name__}.recheck", ("identities",))
        _check_framework(candidate, where)
        check_nothing_is_hidden(candidate, where)
        return candidate  # type: ignore[return-value]
    if not callable(candidate):  # which may be a key: its type says enough
        raise ConfigurationError(
            f"{where}: a {type(candidate).__name__} is no verifier; write JWTVerifier(...) or an async function"
        )
    require_async(candidate, where, ("credentials",))
    if unread := [name for name in ("recheck", "stateful", "framework") if hasattr(candidate, name)]:
        raise ConfigurationError(
            f"{where}: {type(candidate).__name__} is called as a function, and its {' and '.join(unread)} would not be"
            " read; write `async def verify(self, credentials, handshake)` instead of `__call__`"
        )
    check_nothing_is_hidden(candidate, where)
    return _Function(candidate)


def _check_framework(verifier: Any, where: str) -> None:
    framework = getattr(verifier, "framework", None)
    if framework is not None and (isinstance(framework, type) or not callable(getattr(framework, "entries", None))):
        found = framework.__name__ if isinstance(framework, type) else type(framework).__name__
        raise ConfigurationError(
            f"{where}: {type(verifier).__name__}.framework is {found}; write framework = DjangoScope(), with brackets"
        )


def require_async(function: Callable[..., Any], where: str, arguments: tuple[str, ...] | None = None) -> None:
    """Raise ConfigurationError unless calling `function` gives an awaitable, and `arguments` can be handed to it."""
    name = getattr(function, "__name__", type(function).__name__)
    if not is_async(function):
        raise ConfigurationError(
            f"{where}: {name} is a plain function; write `async def {name}(...)`, and call blocking code in it with"
            " `await asyncio.to_thread(...)` (in Django, `await sync_to_async(...)(...)`)"
        )
    if arguments is not None and not _takes(function, arguments):
        raise ConfigurationError(
            f"{where}: {name} is called with {len(arguments)}; write `async def {name}({', '.join(arguments)})`"
        )


def is_async(function: object) -> TypeGuard[Callable[..., Awaitable[Any]]]:
    """Whether `function` is an async function, a partial of one, or an object whose `__call__` is one."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _takes(function: Callable[..., Any], arguments: tuple[str, ...]) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    return True
