"""The referees themselves: a test that cannot fail proves nothing."""

from __future__ import annotations

import pytest

from wsauth.asyncapi import Application, Channel, Message, Operation, document


@pytest.fixture
def written():
    operation = Operation(action="receive", name="say", message=Message(name="say", payload=str))
    source = Application(title="T", channels=(Channel(address="/a/", operations=(operation,)),))
    return document(source, warn=lambda text: None)


def test_a_valid_document_passes(written, referee):
    """Neither has anything to say."""
    assert referee.complaints(written) == []


def test_a_member_that_does_not_exist_fails_both(written, referee):
    """Both check the structure."""
    written["channels"]["a"]["security"] = []
    assert referee.schema(written)
    assert referee.parser(written)


def test_a_message_of_another_channel_fails_the_parser(written, referee):
    """The schema cannot know."""
    written["operations"]["a_say"]["messages"] = [{"$ref": "#/components/messages/say"}]
    assert referee.schema(written) == []
    assert referee.parser(written)


def test_an_irregular_format_fails_the_schema(written, referee):
    """Formats are on."""
    written["info"]["termsOfService"] = "no address"
    assert referee.schema(written)
