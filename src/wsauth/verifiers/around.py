"""What a verifier around another one says of itself: what that one says."""

from __future__ import annotations

from wsauth.core.verifier import Verifier


class Around:
    """The base of verifiers that hold one in `_inner`, so that nothing is hidden which others ask a verifier for."""

    _inner: Verifier

    @property
    def stateful(self) -> bool:
        """To change or look up what was found does not tell whether a token was revoked."""
        return bool(getattr(self._inner, "stateful", False))

    @property
    def issuers(self) -> frozenset[str] | None:
        return getattr(self._inner, "issuers", None)

    @property
    def bearer_format(self) -> str | None:
        return getattr(self._inner, "bearer_format", None)
