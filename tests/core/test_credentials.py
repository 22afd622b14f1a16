"""A secret shows nowhere by accident."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback

import pytest

from wsauth.core.credentials import Credentials

SECRET = "planted-4f1c"


@pytest.mark.parametrize(
    "show", [repr, str, format, ascii, pprint.pformat, "{}".format, "%s".__mod__, lambda c: f"{c!r:>40}"]
)
def test_shown_in_any_way_it_is_hidden(show):
    """Neither repr, str, formatting nor pretty-printing reveals the secret."""
    assert SECRET not in show(Credentials(SECRET))


@pytest.mark.parametrize(
    "take",
    [
        *(lambda c, p=protocol: pickle.dumps(c, p) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        copy.copy,
        copy.deepcopy,
        lambda c: c.__getstate__(),
        lambda c: c.__reduce_ex__(4),
        json.dumps,
        vars,
    ],
)
def test_taken_elsewhere_it_refuses(take):
    """Credentials go into no task queue, cache or snapshot."""
    with pytest.raises(TypeError) as caught:
        take(Credentials(SECRET))
    assert SECRET not in str(caught.value)


def test_traceback_with_locals_hides_it():
    """An error reporter that prints the values of variables prints the placeholder."""

    def fail(credentials: Credentials) -> None:
        raise RuntimeError

    try:
        fail(Credentials(SECRET))
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "<hidden>" in shown
    assert SECRET not in shown


def test_logged_it_is_hidden(caplog):
    """A log call with the credentials as argument writes the placeholder."""
    logging.getLogger("test").warning("got %s and %r", Credentials(SECRET), Credentials(SECRET))
    assert "<hidden>" in caplog.text
    assert SECRET not in caplog.text


def test_equal_secrets_do_not_compare():
    """Comparing secrets with == would take a time that depends on them; credentials offer no such comparison."""
    one, other = Credentials(SECRET), Credentials(SECRET)
    assert one != other
    assert one != SECRET
    assert one.secret == other.secret == SECRET
