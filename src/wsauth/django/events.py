"""Events as a Django signal, for projects that listen to signals already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.dispatch import Signal

from wsauth.core.errors import ConfigurationError
from wsauth.core.events import Event
from wsauth.core.verifier import is_async


class _ConnectionEvent(Signal):  # type: ignore[misc]  # Django has no types
    """A signal for plain receivers. Django would wait for an async one, and the event loop with it."""

    def connect(self, receiver: Callable[..., object], *args: Any, **options: Any) -> None:
        if is_async(receiver):
            name = getattr(receiver, "__name__", type(receiver).__name__)
            raise ConfigurationError(
                f"connection_event.connect({name}): the receiver is async, and events are not awaited; write"
                f" `def {name}(sender, event, **kwargs)`, which hands on what takes time"
            )
        super().connect(receiver, *args, **options)


connection_event = _ConnectionEvent()


def send_signal(event: Event) -> None:
    """A sink that sends every event as the signal `connection_event`: `Policy(events=[send_signal])`.

    Receivers are called with `sender=Event` and `event`, on the event loop that serves the connection. So they must not
    block and cannot use the ORM; they hand such work to a thread or a task queue. What a receiver raises harms nobody, and
    Django logs it to `django.dispatch`.
    """
    connection_event.send_robust(sender=Event, event=event)
