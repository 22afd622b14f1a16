"""The word to the client before its connection expires."""

import json
import logging

import pytest

from wsauth import ConfigurationError, ExpiryWarning


def test_the_text_is_json_unless_another_is_given():
    """A client can read it beside the application's own messages."""
    assert json.loads(ExpiryWarning(60).message(61)) == {"type": "wsauth.expiring", "seconds": 61}
    assert ExpiryWarning(60, lambda seconds: f"{seconds} left").message(3) == "3 left"


@pytest.mark.parametrize("before", [0, 0.5, -1, 86401, True, "60", None, float("nan"), float("inf")])
def test_the_time_is_from_a_second_to_a_day(before):
    """What cannot be meant is refused when the policy is written."""
    with pytest.raises(ConfigurationError, match=r"from 1 to 86400"):
        ExpiryWarning(before)


@pytest.mark.parametrize("text", ["soon", None, lambda: "", lambda seconds: None, lambda seconds: 1 / 0])
def test_the_text_is_a_function_that_makes_a_text(text):
    """One that fails shows that at once, and not an hour into a connection."""
    with pytest.raises(ConfigurationError, match="lambda seconds"):
        ExpiryWarning(60, text)


@pytest.mark.parametrize("text", [lambda seconds: "" if seconds == 60 else None, lambda seconds: 1 // (seconds // 60)])
def test_a_text_that_fails_later_makes_none(text, caplog):
    """There is a line in the log, and nothing is raised to whoever counts on its deadlines."""
    warning = ExpiryWarning(60, lambda seconds: "" if seconds == 60 else text(seconds))
    caplog.set_level(logging.ERROR, "wsauth")
    assert warning.message(5) is None
    assert "the client is not warned" in caplog.text
