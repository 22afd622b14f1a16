"""The seam to a framework: what its code expects of a connection's identity. Adapters implement it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from wsauth.core.identity import Identity


class FrameworkScope(Protocol):
    """How a framework's code finds the identity: an attribute `framework` of a verifier names one.

    It may have an async method `before_recheck` besides, which each re-check calls in its task before it asks anybody.
    """

    def anonymous(self) -> Identity:
        """Return the framework's own anonymous identity."""

    def allowed_hosts(self) -> Iterable[str] | None:
        """Return the host names that the framework serves, for the default Origin rule; None for any."""

    def entries(self, connection: Any, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the application's scope holds beside `user` and `auth`, or instead of them."""
