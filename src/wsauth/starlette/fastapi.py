"""The identity as an annotation of FastAPI routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from wsauth.core.identity import Identity
from wsauth.starlette.identity import identity

CurrentIdentity = Annotated[Identity, Depends(identity)]
"""Who is connected, in a WebSocket route: `async def chat(websocket: WebSocket, me: CurrentIdentity)`."""
