"""Events as a Django signal."""

from __future__ import annotations

import functools
import logging

import pytest
from django.contrib.auth.models import User
from django.dispatch import receiver

from wsauth import ConfigurationError, Reason
from wsauth.core.events import Event, EventKind, check_sinks, emit
from wsauth.django import connection_event, send_signal

EVENT = Event(EventKind.DENIED, Reason.INVALID)


@pytest.fixture
def connected():
    """Connect receivers for one test."""
    receivers = []

    def connect(function):
        receivers.append(function)
        connection_event.connect(function)

    yield connect
    for function in receivers:
        connection_event.disconnect(function)


def test_a_receiver_gets_the_event(connected):
    """With Event as its sender, for those who connect by sender."""
    heard = []

    def listen(sender, event, **kwargs):
        heard.append((sender, event))

    connected(listen)
    emit(check_sinks([send_signal]), EVENT)
    assert heard == [(Event, EVENT)]


def test_without_receivers_nothing_happens():
    """A policy may have the sink before anybody listens."""
    send_signal(EVENT)


def test_a_failing_receiver_harms_nobody(connected, caplog):
    """The others are called, the sink does not raise, and Django logs the failure with its place."""
    heard = []

    def broken(sender, **kwargs):
        raise RuntimeError("broken")

    def listen(sender, event, **kwargs):
        heard.append(event)

    connected(broken)
    connected(listen)
    send_signal(EVENT)
    assert heard == [EVENT]
    [record] = caplog.records
    assert (record.name, record.levelno) == ("django.dispatch", logging.ERROR)
    assert "broken" in record.getMessage()


async def test_a_receiver_cannot_use_the_database_on_the_event_loop(connected, alice, caplog):
    """Django refuses it there, so that no connection waits for a query; the log says so."""
    heard = []

    def count_users(sender, **kwargs):
        heard.append(User.objects.count())

    connected(count_users)
    send_signal(EVENT)
    assert heard == []
    assert "SynchronousOnlyOperation" in caplog.text


class Receiver:
    async def __call__(self, sender, event, **kwargs): ...


async def remember(sender, event, **kwargs): ...


@pytest.mark.parametrize("function", [remember, functools.partial(remember), Receiver()])
def test_an_async_receiver_is_refused_when_it_is_connected(function):
    """On a running event loop Django could not call it, and the events would be lost."""
    with pytest.raises(ConfigurationError, match=r"async.*write `def \w+\(sender, event, \*\*kwargs\)`"):
        connection_event.connect(function)
    with pytest.raises(ConfigurationError):
        receiver(connection_event)(function)
    send_signal(EVENT)


def test_options_of_connect_work_as_with_any_signal():
    """A sender, a weak reference or none, a dispatch_uid."""
    heard = []
    connection_event.connect(
        lambda sender, event, **kwargs: heard.append(event), Event, weak=False, dispatch_uid="test"
    )
    try:
        send_signal(EVENT)
    finally:
        assert connection_event.disconnect(sender=Event, dispatch_uid="test")
    send_signal(EVENT)
    assert heard == [EVENT]
