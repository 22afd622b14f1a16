"""What a connection keeps of its handshake's context, and what is said of an object that should not be kept."""

from __future__ import annotations

import logging
from contextvars import Context, ContextVar

import pytest
from fakes import Store, named

from wsauth import ConfigurationError, Policy
from wsauth.asgi import kept as module
from wsauth.asgi.kept import kept
from wsauth.core.context import NOTHING


class Request:
    pass


def keep(variable, value, **terms):
    def visit():
        variable.set(value)
        return kept(Policy([named(verifier=Store(alice=None))], **terms))

    return Context().run(visit)


def test_a_variable_that_holds_a_request_is_named_once(caplog):
    """With the line that lets it go, and nothing of what the request says."""
    variable: ContextVar[Request] = ContextVar("current_request")
    for _ in range(3):
        assert dict(keep(variable, request := Request())) == {variable: request}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "'current_request' holds a Request" in record.message
    assert "Policy(context_ignores=[current_request])" in record.message


def test_what_is_named_is_not_kept(caplog):
    """And nothing is said of it."""
    variable: ContextVar[Request] = ContextVar("current_request")
    assert keep(variable, Request(), context_ignores=[variable]) is NOTHING
    assert caplog.records == []


def test_a_tenant_is_kept_without_a_word(caplog):
    """Also where it is an object."""
    variable: ContextVar[object] = ContextVar("tenant")
    assert dict(keep(variable, tenant := object())) == {variable: tenant}
    assert dict(keep(variable, "acme")) == {variable: "acme"}
    assert caplog.records == []


@pytest.mark.parametrize(("value", "found"), [("tenant", "write a list"), (["tenant"], "write the ContextVar itself")])
def test_what_is_no_variable_does_not_start(value, found):
    """With the line to write instead."""
    with pytest.raises(ConfigurationError, match=found):
        Policy([named()], context_ignores=value)


def test_variables_that_are_made_again_and_again_are_told_of_some_times(caplog, monkeypatch):
    """What is remembered of them has a bound."""
    monkeypatch.setattr(module, "MOST", 3)
    monkeypatch.setattr(module, "_told", set())
    for _ in range(10):
        keep(ContextVar("current_request"), Request())
    assert len(caplog.records) == len(module._told) == 3
