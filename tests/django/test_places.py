"""Look-ups go where the handshake would have them go, alone or together, and re-checks where the identity came from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User, UserManager
from django.test import override_settings

from wsauth import Identity, VerifierUnavailable
from wsauth.django import engines, logins
from wsauth.django.places import ANYWHERE, by_place, place_of_users


@pytest.fixture(scope="module")
def tenants():
    script = Path(__file__).parent / "project" / "tenants.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["session", "drf", "jwt", "simplejwt"])
def test_everybody_is_looked_up_in_the_database_of_their_tenant(tenants, kind):
    """Which a router chooses by a ContextVar; also those who arrive together, and when they are looked at again."""
    together, rechecked, _ = tenants[kind]
    assert together == ["boss of acme", "boss of globex"] * 3
    assert rechecked == together


@pytest.mark.parametrize("kind", ["session", "drf", "jwt", "simplejwt"])
def test_a_database_that_is_away_is_away_for_its_own(tenants, kind):
    """The users of another one are confirmed."""
    assert tenants[kind][2] == ["VerifierUnavailable", "boss of globex"]


def test_without_routers_there_is_one_place():
    """All go together."""
    assert engines.place() == logins.place() == place_of_users(User.objects) == ANYWHERE


class Own(UserManager):
    def get_queryset(self):
        return super().get_queryset()


@pytest.mark.parametrize(
    ("backend", "place"),
    [("project.backends.Bare", None), ("django.contrib.auth.backends.AllowAllUsersModelBackend", ANYWHERE)],
)
def test_a_backend_that_asks_for_each_user_is_asked_alone(backend, place):
    """Company would only make the others wait. What it says of a user that was read is no reason."""
    with override_settings(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend", backend]):
        assert (engines.place(), logins.place()) == (place, place)


def test_a_manager_of_the_projects_own_is_asked_when_it_is_looked_up(monkeypatch):
    """In a context that holds what the handshake's middlewares had set; no router is asked in its place."""
    own = Own()
    own.model = User
    monkeypatch.setattr("wsauth.django.places.router", SimpleNamespace(routers=[object()]))
    assert place_of_users(own) == ANYWHERE


@override_settings(SESSION_ENGINE="project.engines")
def test_an_engine_of_the_projects_own_is_asked_alone():
    """Its `load` is the project's."""
    assert (engines.place(), logins.place()) == (None, ANYWHERE)


async def test_where_no_database_can_be_asked_nobody_can_be_judged():
    """The caller tries again soon."""

    async def away(identities, place):
        raise VerifierUnavailable("away")

    with pytest.raises(VerifierUnavailable):
        await by_place([Identity("alice")], away)
