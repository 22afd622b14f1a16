"""The system checks speak before the first handshake does."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core import checks
from django.test import override_settings
from project import policies

from wsauth.django.checks import check_policy


def found(path):
    with override_settings(WSAUTH_POLICY=path):
        return check_policy(None)


def test_application_is_installed_under_its_label_and_registers_its_checks():
    """`manage.py check` runs them."""
    assert apps.get_app_config("wsauth").name == "wsauth.django"
    with override_settings(WSAUTH_POLICY="project.policies.missing"):
        assert [message.id for message in checks.run_checks(tags=[checks.Tags.security])] == ["wsauth.E001"]


def test_no_setting_and_a_good_policy_are_no_news():
    """Silence is approval."""
    assert check_policy(None) == []
    for name in ("good", "reported", "by_key", "by_name"):
        assert found(f"project.policies.{name}") == []


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("project.policies.missing", "wsauth.E001"),
        ("no_such_module.policy", "wsauth.E001"),
        ("policy", "wsauth.E001"),
        ("project.contradictory.policy", "wsauth.E001"),
        ("project.policies.no_policy", "wsauth.E002"),
        (policies.good, "wsauth.E002"),
        ("project.policies.key_in_query", "wsauth.W001"),
        ("project.policies.rest_token", "wsauth.E003"),
        ("project.policies.by_nickname", "wsauth.E004"),
        ("project.policies.lenient", "wsauth.I001"),
    ],
)
def test_each_finding_has_a_number_and_a_hint(path, number):
    """A finding names what was found and what to write instead."""
    apps_without_tokens = [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "wsauth.django",
    ]
    with override_settings(INSTALLED_APPS=apps_without_tokens):
        (message,) = found(path)
    assert message.id == number
    assert message.hint
    assert "WSAUTH_POLICY" in message.msg or str(path) in message.msg
    assert (
        message.level == {"E": checks.ERROR, "W": checks.WARNING, "I": checks.INFO}[number.removeprefix("wsauth.")[0]]
    )


def test_session_key_in_any_query_is_found():
    """However it was named: what counts is that the query holds it."""
    (message,) = found("project.policies.key_in_plain_query")
    assert message.id == "wsauth.W001"


def test_any_host_beside_the_same_host_rule_is_found():
    """DNS rebinding: Host and Origin are then whatever somebody's name server says."""
    with override_settings(ALLOWED_HOSTS=["*"]):
        assert [message.id for message in found("project.policies.good")] == ["wsauth.W003"]
        assert found("project.policies.named_origins") == []


@pytest.mark.parametrize("hosts", [[".com"], ["testserver", ".co.uk"]])
def test_hosts_that_anybody_can_register_are_found(hosts):
    """All names below a domain that sells them are as many as all."""
    with override_settings(ALLOWED_HOSTS=hosts):
        (message,) = found("project.policies.good")
    assert message.id == "wsauth.W003"
    assert repr(hosts[-1]) in message.msg


def test_cookies_for_whatever_host_are_found():
    """Where no verifier is Django's, nobody asks ALLOWED_HOSTS."""
    (message,) = found("project.policies.any_host")
    assert message.id == "wsauth.W003"
    assert "ALLOWED_HOSTS is not asked" in message.msg


def test_token_table_that_is_installed_is_no_finding():
    """Only its absence is."""
    assert found("project.policies.rest_token") == []


REDIS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}
MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.mark.parametrize(
    ("layers", "name", "numbers"),
    [(REDIS, "policies.good", ["wsauth.W004"]), (MEMORY, "policies.good", []), (REDIS, "recorded.policy", [])],
)
def test_a_log_in_memory_beside_a_channel_layer_for_several_processes_is_found(layers, name, numbers, recorded):
    """Who connects processes for messages has several, and each would hear of its own log-outs only."""
    with override_settings(CHANNEL_LAYERS=layers):
        assert [message.id for message in found(f"project.{name}")] == numbers
