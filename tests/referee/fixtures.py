"""The referees as fixtures, for every room whose documents they judge: `from referee.fixtures import referee`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from referee.official import Referee
from wsauth.asyncapi import document, lint


@pytest.fixture(scope="session")
def referee() -> Iterator[Referee]:
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
