"""What the tests of documents share: each is judged by the official schema, the official parser and our linter."""

from __future__ import annotations

import pytest
from referee.fixtures import referee  # noqa: F401 - a fixture

from wsauth.asyncapi import document, lint
from wsauth.starlette.walker import walk


@pytest.fixture
def published(referee):  # noqa: F811 - the fixture
    """Walk an application, write its document and let everyone judge it. `told` collects the warnings."""

    def publish(app, *, told=None, transparent=(), **settings):
        warnings = []
        written = document(walk(app, transparent), warn=warnings.append, **settings)
        assert referee.complaints(written) == []
        assert lint(written) == []
        assert told is not None or warnings == []
        if told is not None:
            told.extend(warnings)
        return written

    return publish
