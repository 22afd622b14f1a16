"""What stands in for the server's functions passes for them."""

import asyncio
import inspect

from asgiref.sync import async_to_sync, iscoroutinefunction

from wsauth.asgi.types import passes_for_async


class Sender:
    def __init__(self):
        self.sent = []

    @passes_for_async
    def send(self, message):
        return self._send(message)

    async def _send(self, message):
        self.sent.append(message)


def test_a_plain_function_passes_for_an_async_one():
    """As a method and bound, for asgiref and for the standard library, without a warning."""
    sender = Sender()
    asks = inspect.iscoroutinefunction if hasattr(inspect, "markcoroutinefunction") else asyncio.iscoroutinefunction
    assert all(asks(send) and iscoroutinefunction(send) for send in (sender.send, Sender.send))
    async_to_sync(sender.send)("hello")
    assert sender.sent == ["hello"]


def test_python_3_12_is_asked_where_it_can_be(monkeypatch):
    """Its mark is another one."""
    marked = []
    monkeypatch.setattr(inspect, "markcoroutinefunction", lambda f: marked.append(f) or f, raising=False)
    assert passes_for_async(Sender._send) is Sender._send
    assert marked == [Sender._send]
