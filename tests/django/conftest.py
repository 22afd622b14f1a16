"""The test project is set up once; every test starts with Alice, Bob and nothing else."""

from __future__ import annotations

import sys
import weakref
from pathlib import Path

import pytest
from django.test import override_settings

sys.path.insert(0, str(Path(__file__).parent))

from project import settings as project
from project.engines import ENGINES
from referee.fixtures import published, referee

__all__ = ["published", "referee"]  # for the tests of this directory

project.set_up()


@pytest.fixture(autouse=True)
def _clean():
    from django.contrib.auth.models import User
    from django.contrib.sessions.models import Session
    from django.core.cache import cache

    from wsauth.django.models import Revocation

    yield
    cache.clear()
    Session.objects.all().delete()
    User.objects.all().delete()
    Revocation.objects.all().delete()  # the last of them by the line above


@pytest.fixture(params=ENGINES)
def engine(request):
    with override_settings(SESSION_ENGINE=request.param):
        yield request.param


@pytest.fixture
def alice(_clean):
    from django.contrib.auth.models import User

    return User.objects.create_user("alice", pk=1, password="of alice")


@pytest.fixture
def bob(_clean):
    from django.contrib.auth.models import User

    return User.objects.create_user("bob", pk=2, password="of bob")


@pytest.fixture
def described(referee):
    """Describe, and let the referees judge it. The warnings are the second result."""

    from wsauth.asyncapi import lint
    from wsauth.django import describe

    def write(*arguments, **options):
        warnings = []
        written = describe(*arguments, warn=warnings.append, **options)
        assert referee.complaints(written) == []
        assert lint(written) == []
        return written, warnings

    return write


@pytest.fixture
def recorded():
    """The path of a policy whose log is in the database, which no test has imported yet, and none will have."""
    yield "project.recorded.policy"
    module = sys.modules.pop("project.recorded", None)
    if module is not None:
        del sys.modules["project"].recorded


@pytest.fixture
def alone(monkeypatch):
    """No policy that an earlier test has left is told of what happens in this one."""
    from wsauth import Connections

    monkeypatch.setattr(Connections, "_all", weakref.WeakSet())
