"""What the command line of the server says of its buffers."""

import sys

import pytest
from fakes import FakeApplication, named

from wsauth import FirstMessage, Policy, WebSocketAuthMiddleware
from wsauth.asgi.buffers import UVICORN, unbounded


@pytest.mark.parametrize(
    ("command", "is_bounded"),
    [
        ("/usr/bin/uvicorn app:app", False),
        ("/lib/uvicorn/__main__.py app:app --ws-max-size 16777216", False),
        ("uvicorn app:app --ws-max-size 65536", True),
        ("uvicorn app:app --ws-max-size=65536 --ws=wsproto", False),
        ("uvicorn app:app --ws wsproto --ws-per-message-deflate false", True),
        (f"uvicorn app:app {UVICORN}", True),
        ("uvicorn app:app --ws-max-size", False),
        ("daphne app:app", True),
        ("pytest", True),
        ("", True),
    ],
)
def test_an_unbounded_uvicorn_is_told_what_to_write(command, is_bounded):
    """Servers without an option, or that never inflate, are told nothing."""
    assert (unbounded(command.split()) is None) is is_bounded


def test_it_is_warned_of_once_at_start_where_a_policy_has_a_first_message(monkeypatch, caplog):
    """With the line to write; a policy that accepts nobody unknown says nothing."""
    monkeypatch.setattr(sys, "argv", ["uvicorn", "app:app"])
    monkeypatch.setattr("wsauth.asgi.middleware._warned", set())
    WebSocketAuthMiddleware(FakeApplication(), Policy([named()]))
    assert caplog.messages == []
    for _ in range(2):
        WebSocketAuthMiddleware(FakeApplication(), Policy([named(FirstMessage())]))
    assert len(caplog.messages) == 1
    assert UVICORN in caplog.text
