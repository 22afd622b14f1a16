"""System checks of the policy that the setting WSAUTH_POLICY names, such as "mysite.auth.policy"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Info, Warning  # noqa: A004 - Django's names
from django.core.exceptions import FieldDoesNotExist
from django.utils.module_loading import import_string

from wsauth.core.errors import ConfigurationError
from wsauth.core.hosts import is_wide
from wsauth.core.locations import Query
from wsauth.core.origins import SameHost, SameHostOrAbsent
from wsauth.django.context_checks import check_variables
from wsauth.django.drf import DRFTokenVerifier
from wsauth.django.sessions import SessionKeyInQuery, SessionVerifier
from wsauth.django.spectacular import NAME, SpectacularSettings
from wsauth.django.users import UserVerifier
from wsauth.policy import Policy, ReportOnly


def check_policy(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Judge the policy of the project and what the settings say about it; nothing to say without the settings."""
    path = getattr(settings, "WSAUTH_POLICY", None)
    if path is None:
        return list(_of_documents(path, None))
    try:
        found = import_string(path) if isinstance(path, str) else path
    except (ImportError, ConfigurationError) as error:
        return [_not_importable(path, error)]
    policy = found.policy if isinstance(found, ReportOnly) else found
    if not isinstance(path, str) or not isinstance(policy, Policy):
        return [_no_policy(path, found)]
    return [*_remarks(path, policy), *check_variables(path, policy), *_of_documents(path, policy)]


def _not_importable(path: str, error: Exception) -> CheckMessage:
    return Error(
        f"WSAUTH_POLICY is {path!r}, which cannot be imported: {error}",
        hint='Write the dotted path of your policy, such as WSAUTH_POLICY = "mysite.auth.policy".',
        id="wsauth.E001",
    )


def _no_policy(path: object, found: object) -> CheckMessage:
    return Error(
        f"WSAUTH_POLICY is {path!r}, which is a {type(found).__name__} and not the dotted path of a wsauth.Policy.",
        hint='Write policy = Policy(schemes=[...]) in mysite/auth.py and WSAUTH_POLICY = "mysite.auth.policy".',
        id="wsauth.E002",
    )


def _remarks(path: str, policy: Policy) -> Iterator[CheckMessage]:
    for scheme in policy.schemes:
        in_query = isinstance(scheme.location, Query) and isinstance(scheme.verifier, SessionVerifier)
        if in_query or isinstance(scheme.location, SessionKeyInQuery):
            yield Warning(
                f"The scheme {scheme.name!r} of {path} takes session keys from the query, where proxies log them.",
                hint='Prefer SessionCookie() on the same site, or a short-lived token in Query("token"). To keep it, keep'
                ' query strings out of every log and write SILENCED_SYSTEM_CHECKS = ["wsauth.W001"].',
                obj=path,
                id="wsauth.W001",
            )
        for field in scheme.verifier.fields if isinstance(scheme.verifier, UserVerifier) else ():
            if _is_field(field):
                continue
            yield Error(
                f"The scheme {scheme.name!r} of {path} looks for users by {field!r}, which is no field of"
                f" {settings.AUTH_USER_MODEL}.",
                hint='Write UserVerifier(..., field="username"), with the name of a unique field, or leave it out for the'
                " primary key.",
                obj=path,
                id="wsauth.E004",
            )
        if isinstance(scheme.verifier, DRFTokenVerifier) and not apps.is_installed("rest_framework.authtoken"):
            yield Error(
                f"The scheme {scheme.name!r} of {path} uses DRFTokenVerifier, and there is no table of tokens.",
                hint='Add "rest_framework.authtoken" to INSTALLED_APPS and run migrate.',
                obj=path,
                id="wsauth.E003",
            )
    if not policy.connections.log.reaches_others and _layers_reach_others():
        yield Warning(
            f"{path} keeps revocations in the memory of each process, and CHANNEL_LAYERS connects several: a log-out in one"
            " of them closes no socket of another before its re-check.",
            hint="Write connections=Connections(log=DatabaseLog()) in the policy, or log=RedisLog(url, secrets=[...]).",
            obj=path,
            id="wsauth.W004",
        )
    if policy.ambient and (wide := _wide(policy.origins)) is not None:
        yield Warning(
            f"{path} admits pages of the host that they connect to, and {wide}: any host, also one that somebody pointed at"
            " this server (DNS rebinding).",
            hint='Name the hosts in ALLOWED_HOSTS, or write origins=Origins("https://app.example.com") in the policy.',
            obj=path,
            id="wsauth.W003",
        )
    if isinstance(policy.origins, SameHostOrAbsent):
        yield Info(
            f"{path} verifies cookies without an Origin too (SameHostOrAbsent).",
            hint="Browsers always send one. Once your own tests and clients do, remove origins= from the policy.",
            obj=path,
            id="wsauth.I001",
        )


def _of_documents(path: str | None, policy: Policy | None) -> Iterator[CheckMessage]:
    """Compare what the settings say about authentication with what is enforced: only the latter is documented as such."""
    try:
        found = SpectacularSettings.read()
    except ConfigurationError as error:
        yield Error(f"{NAME} cannot be understood: {error}", hint="The message says what to write.", id="wsauth.E005")
        return
    for setting, value, location in found.disagreements(policy) if policy is not None else ():
        yield Warning(
            f"{NAME} says {setting} = {value!r}, and no scheme of {path} takes a credential from there.",
            hint=f"The document lists it as not enforced. Remove the setting, or write SecurityScheme(..., {location}, ...)"
            " in the policy.",
            obj=path,
            id="wsauth.W002",
        )


def _wide(rule: object) -> str | None:
    """Say why the rule knows no hosts of its own; None where it does."""
    if not isinstance(rule, SameHost):
        return None
    if rule.allowed_hosts is None:
        return "none of its verifiers is Django's, so that ALLOWED_HOSTS is not asked"
    wide = next(filter(is_wide, rule.hosts() or ()), None)
    return None if wide is None else f"ALLOWED_HOSTS has {wide!r}"


def _layers_reach_others() -> bool:
    layers = getattr(settings, "CHANNEL_LAYERS", {}).values()
    return any(layer.get("BACKEND") != "channels.layers.InMemoryChannelLayer" for layer in layers)


def _is_field(name: str) -> bool:
    try:
        return name == "pk" or bool(get_user_model()._meta.get_field(name))
    except FieldDoesNotExist:
        return False
