"""The shapes of ASGI 3, by the names of its specification."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


def passes_for_async(function: F) -> F:
    """Let a plain function that returns an awaitable pass for an `async def`, which asgiref and others ask for.

    https://docs.python.org/3/library/inspect.html#inspect.markcoroutinefunction, which is new in Python 3.12.
    """
    if hasattr(inspect, "markcoroutinefunction"):
        marked: F = inspect.markcoroutinefunction(function)
        return marked
    function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]  # as asgiref does there
    return function
