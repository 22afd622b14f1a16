"""The Django application: "wsauth.django" in INSTALLED_APPS."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from wsauth.django import signals
from wsauth.django.checks import check_policy


class WSAuthConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    name = "wsauth.django"
    label = "wsauth"
    verbose_name = "WebSocket authentication"

    def ready(self) -> None:
        checks.register(check_policy, checks.Tags.security)
        signals.connect()
