"""A pytest plugin that puts a middleware which admits all around every application of somebody else's test suite.

`pytest -p wrapping` with this directory on PYTHONPATH; `run.py` does it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from wsauth import Anonymous, AnyOrigin, Policy, WebSocketAuthMiddleware

wrapped = 0


def pytest_configure() -> None:
    for wrap in (_wrap_uvicorn, _wrap_starlette, _wrap_channels):
        try:
            wrap()
        except ImportError:
            continue


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(f"{wrapped} applications ran behind wsauth")


def _around(app: Any) -> Any:
    global wrapped
    wrapped += 1
    policy = Policy(schemes=[], anonymous=Anonymous.IF_MISSING, origins=AnyOrigin())
    return WebSocketAuthMiddleware(app, policy)


def _wrap_uvicorn() -> None:
    from uvicorn.config import Config

    def load(original: Callable[[Any], None], self: Any) -> None:
        original(self)
        if self.interface.startswith("asgi"):
            self.loaded_app = _around(self.loaded_app)

    _replace(Config, "load", load)


def _wrap_starlette() -> None:
    from starlette.testclient import TestClient, _is_asgi3

    def init(original: Callable[..., None], self: Any, app: Any, *args: Any, **kwargs: Any) -> None:
        original(self, _around(app) if _is_asgi3(app) else app, *args, **kwargs)
        self.app = app

    _replace(TestClient, "__init__", init)


def _wrap_channels() -> None:
    from channels.testing import WebsocketCommunicator

    def init(original: Callable[..., None], self: Any, application: Any, *args: Any, **kwargs: Any) -> None:
        original(self, _around(application), *args, **kwargs)

    _replace(WebsocketCommunicator, "__init__", init)


def _replace(owner: type, name: str, replacement: Callable[..., None]) -> None:
    original = inspect.getattr_static(owner, name)
    setattr(owner, name, functools.wraps(original)(functools.partialmethod(_call, original, replacement)))


def _call(self: Any, original: Any, replacement: Any, *args: Any, **kwargs: Any) -> None:
    replacement(original, self, *args, **kwargs)
