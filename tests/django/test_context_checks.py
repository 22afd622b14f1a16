"""The checks name a ContextVar that would be kept with each connection, before one is."""

from __future__ import annotations

import contextlib
import sys
import types
from contextvars import ContextVar
from dataclasses import replace

import pytest
from django.test import override_settings
from project import policies

from wsauth.django.checks import check_policy
from wsauth.django.context_checks import check_variables


@pytest.fixture
def module(monkeypatch):
    made = types.ModuleType("shop.middleware")
    made.__file__ = "/srv/shop/middleware.py"
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def found(**terms):
    return list(check_variables("shop.auth.policy", replace(policies.good, **terms)))


@pytest.mark.parametrize(
    ("name", "annotation"),
    [
        ("current_request", ""),
        ("_request_id", ""),
        ("CORRELATION_ID", ""),
        ("active_span", ""),
        ("current", "ContextVar[HttpRequest | None]"),
    ],
)
def test_a_variable_of_a_request_is_named(module, name, annotation):
    """By its name, or as it is annotated; with the line that lets it go."""
    variable = ContextVar(name)
    module.__annotations__ = {name: annotation}
    setattr(module, name, variable)
    (message,) = found()
    assert message.id == "wsauth.W006"
    assert f"shop.middleware.{name}" in message.msg
    assert f"context_ignores=[{name}]" in message.hint
    assert found(context_ignores=[variable]) == []


@pytest.mark.parametrize("name", ["tenant", "request_tenant", "schema", "current"])
def test_any_other_variable_is_no_news(module, name):
    """A tenant is kept on purpose."""
    setattr(module, name, ContextVar(name))
    module.__annotations__ = {"current": ContextVar[str]}
    assert found() == []


@pytest.mark.parametrize("file", ["/venv/lib/python3.11/site-packages/flask/globals.py", contextlib.__file__, None])
def test_only_the_projects_own_modules_are_looked_at(module, file):
    """Others' variables are others' business, and few are set around a handshake."""
    module.__file__ = file
    module.current_request = ContextVar("current_request")
    assert found() == []


def test_the_check_of_the_policy_says_it(module):
    """With everything else."""
    module.current_request = ContextVar("current_request")
    with override_settings(WSAUTH_POLICY="project.policies.good"):
        assert [message.id for message in check_policy(None)] == ["wsauth.W006"]
