"""Whose handshake it is: a ContextVar that a middleware around wsauth sets, from the host."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

TENANTS = ("acme", "globex", "initech")

tenant: ContextVar[str] = ContextVar("tenant", default="public")


class TenantMiddleware:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        host = dict(scope["headers"])[b"host"].decode()
        tenant.set(host.split(".")[0])
        await self.app(scope, receive, send)
