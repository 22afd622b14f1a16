"""Whom the operator means: users by their names, and whether a subject is anybody's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils.module_loading import import_string

from wsauth.core.errors import VerifierUnavailable
from wsauth.django import engines, walker
from wsauth.django.database import NO_SUCH_ROW
from wsauth.django.scope import DjangoScope
from wsauth.policy import Policy, ReportOnly


def policies() -> list[Policy]:
    """Return the policy that WSAUTH_POLICY names, else those of the running application; import what holds them."""
    path = getattr(settings, "WSAUTH_POLICY", None)
    found: Iterable[object] = ()
    if path is not None:
        found = [import_string(path)]
    elif getattr(settings, "ASGI_APPLICATION", None) is not None:
        found = [policy for channel in walker.walk(walker.running()).channels for policy in channel.policies]
    inner = (policy.policy if isinstance(policy, ReportOnly) else policy for policy in found)
    return [policy for policy in inner if isinstance(policy, Policy)]


def are_djangos(policies: Iterable[Policy]) -> bool:
    """Whether every subject of these policies is the primary key of one of Django's users; False for no policy."""
    frameworks = [getattr(scheme.verifier, "framework", None) for policy in policies for scheme in policy.schemes]
    return bool(frameworks) and all(isinstance(framework, DjangoScope) for framework in frameworks)


def issuers(policies: Iterable[Policy]) -> frozenset[str]:
    """The issuers that the verifiers of these policies pin."""
    pinned = [getattr(scheme.verifier, "issuers", None) for policy in policies for scheme in policy.schemes]
    return frozenset[str]().union(*(names for names in pinned if names))


def is_nobodys(subject: str) -> bool:
    """Whether no user has exactly that primary key; False where the database cannot tell."""
    try:
        return str(_users().get(pk=subject).pk) != subject
    except NO_SUCH_ROW:
        return True
    except (DatabaseError, ImproperlyConfigured):
        return False


def is_no_session(key: str) -> bool:
    """Whether no session that lives has that key; False where its store cannot tell."""
    try:
        return engines.load_many([key]) == [None]
    except (VerifierUnavailable, DatabaseError, ImproperlyConfigured, RuntimeError):  # this last one without the app
        return False


def named(name: str) -> Any:
    """Return the user of that name, active or not, as the model's log-in looks for him; None where there is none."""
    manager = _users()
    try:
        find = getattr(manager, "get_by_natural_key", None)
        return find(name) if find is not None else manager.get(**{manager.model.USERNAME_FIELD: name})
    except NO_SUCH_ROW:
        return None


def _users() -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model()._default_manager
