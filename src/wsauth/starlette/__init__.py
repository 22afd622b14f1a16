"""Starlette and FastAPI: the identity as a dependency, and the cookie of `SessionMiddleware`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsauth.starlette.identity import identity
from wsauth.starlette.sessions import SessionCookie, SessionVerifier

if TYPE_CHECKING:
    from wsauth.starlette.fastapi import CurrentIdentity

__all__ = ["CurrentIdentity", "SessionCookie", "SessionVerifier", "identity"]


def __getattr__(name: str) -> Any:
    if name == "CurrentIdentity":  # needs FastAPI, which Starlette applications do not have
        from wsauth.starlette.fastapi import CurrentIdentity

        return CurrentIdentity
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
