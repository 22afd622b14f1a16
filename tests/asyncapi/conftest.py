"""What the tests of documents share: the referees and the golden files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from referee.official import Referee

from wsauth.asyncapi import document, lint, to_json

GOLDEN = Path(__file__).parent / "golden"
ACCEPT = "WSAUTH_ACCEPT_GOLDEN"


@pytest.fixture(scope="session")
def referee():
    judge = Referee()
    yield judge
    judge.close()


@pytest.fixture
def published(referee):
    """Write a document and let everyone judge it. `told` collects the warnings; `findings` are what lint must find."""

    def publish(source, *, told=None, findings=(), **settings):
        warnings = []
        written = document(source, warn=warnings.append, **settings)
        assert referee.complaints(written) == []
        assert [finding.code for finding in lint(written)] == list(findings)
        if told is None:
            assert warnings == []
        else:
            told.extend(warnings)
        return written

    return publish


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
