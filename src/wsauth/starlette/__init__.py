"""Starlette and FastAPI: the identity as a dependency, the cookie of `SessionMiddleware`, the AsyncAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsauth.starlette.identity import identity
from wsauth.starlette.sessions import SessionCookie, SessionVerifier

if TYPE_CHECKING:
    from wsauth.starlette.documentation import asyncapi_router, asyncapi_routes
    from wsauth.starlette.fastapi import CurrentIdentity

__all__ = ["CurrentIdentity", "SessionCookie", "SessionVerifier", "asyncapi_router", "asyncapi_routes", "identity"]


def __getattr__(name: str) -> Any:
    if name == "CurrentIdentity":  # needs FastAPI, which Starlette applications do not have
        from wsauth.starlette.fastapi import CurrentIdentity

        return CurrentIdentity
    if name in ("asyncapi_router", "asyncapi_routes"):  # an application that serves no document need not load it
        from wsauth.starlette import documentation

        return getattr(documentation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
