"""What the tests of documents share: the referees and the golden files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from referee.fixtures import published, referee

from wsauth.asyncapi import to_json

__all__ = ["published", "referee"]  # for the tests of this directory

GOLDEN = Path(__file__).parent / "golden"
ACCEPT = "WSAUTH_ACCEPT_GOLDEN"


@pytest.fixture
def golden():
    """Compare a document with the one that was accepted."""

    def compare(name, written):
        path, text = GOLDEN / f"{name}.json", to_json(written)
        if os.environ.get(ACCEPT):
            path.write_text(text, "utf-8")
        accepted = path.read_text("utf-8") if path.exists() else "{}"
        assert json.loads(text) == json.loads(accepted), (
            f"{path.name} differs; look at it, and accept it with {ACCEPT}=1"
        )
        assert text == accepted, f"the order of {path.name} differs; accept it with {ACCEPT}=1"

    return compare


@pytest.fixture
def django_settings():
    """Django's settings: those of the project of tests/django where that runs in the same process."""
    from django.conf import settings

    if not settings.configured:
        import django

        settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"])
        django.setup()
    return settings
