"""JSON as RFC 8259 has it."""

from __future__ import annotations

import json

import pytest
from effort import counted, must_end
from hypothesis import given, settings
from hypothesis import strategies as st

from wsauth.core import strict_json

bounded = settings(max_examples=200, derandomize=True, deadline=None)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@bounded
@given(values)
def test_what_is_json_is_read(value: object):
    """Strictness costs no valid text."""
    assert strict_json.loads(json.dumps(value)) == value


@bounded
@given(st.text(alphabet='[]{}":,\\ue09.-+ truefalsn', max_size=60))
def test_what_is_not_json_raises_a_value_error(text: str):
    """No text makes the reading fail in another way, and what it accepts a second reader accepts too."""
    try:
        value = strict_json.loads(text)
    except ValueError:
        return
    assert json.loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": 1, "\\u0061": 1}',
        '[{"b": {"a": 1, "a": 1}}]',
        "NaN",
        '{"exp": NaN}',
        "Infinity",
        "[-Infinity]",
        "1e400",
        "-1e400",
        "[1e999999999]",
        "9" * 5000,
        "-" + "9" * 400,
        "\ufeff{}",
        "{} {}",
        "",
        " ",
        "{",
        '"',
        '"a\nb"',
        '"\x00"',
        "01",
        "1.",
        ".5",
        "+1",
        "\u0661",
        "1_000",
        "0x10",
        "'a'",
        "{a: 1}",
        "[1,]",
        '{"a": 1,}',
        "// a\n1",
        "True",
        "None",
        '"\\x41"',
        '"\\u12g4"',
    ],
)
def test_irregular_text_is_refused(text: str):
    """Duplicate members, constants, infinity by another name, and everything that RFC 8259 does not have."""
    with pytest.raises(ValueError, match=r".") as caught:
        strict_json.loads(text)
    assert caught.type is ValueError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" {} \r\n\t", {}),
        ("9" * 400, int("9" * 400)),
        ("1e308", 1e308),
        ("-0", 0),
        ("1e-999", 0.0),
        ('"\\ud83d\\ude00"', "😀"),
    ],
)
def test_odd_but_valid_text_is_read(text: str, value: object):
    """Blanks around, big numbers that fit, and escapes are JSON."""
    assert strict_json.loads(text) == value


def test_the_message_does_not_quote_the_text():
    """The text may hold a credential."""
    for text in ('{"token": "planted"', '{"planted": 1, "planted": 2}', '{"token": planted}', '"planted\n"'):
        with pytest.raises(ValueError, match=r".") as caught:
            strict_json.loads(text)
        assert "planted" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("opening", ["[", '{"a":', "[[", '[{"a":'])
def test_nesting_without_end_is_refused(opening: str):
    """No text reaches the end of the stack."""
    with pytest.raises(ValueError, match="nested"):
        strict_json.loads(opening * 100_000)


def test_nesting_counts_what_is_open_at_once():
    """Many brackets beside each other are no depth, and the limit is inclusive."""
    deepest = strict_json.MAX_DEPTH
    assert strict_json.loads("[" + "[]," * 1000 + "[]]")
    assert strict_json.loads("[" * deepest + "]" * deepest)
    assert strict_json.loads("[[]," + "[" * (deepest - 1) + "]" * deepest)
    with pytest.raises(ValueError, match="nested"):
        strict_json.loads("[" * (deepest + 1) + "]" * (deepest + 1))


@pytest.mark.parametrize("text", ["[" * 1000, '"' + "[{" * 500, "\\" * 7 + "[" * 1000, '\\"[' * 1000])
def test_brackets_inside_a_string_do_not_count(text: str):
    """A text that happens to hold brackets is no depth, however its quotes and backslashes are escaped."""
    assert strict_json.loads(json.dumps([text])) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 17 + '"' + '\\"' * 500_000,
        "[" * 10 + "]" * 7 + "[]" * 10 + '"' + '\\"' * 500_000,
        "[]" * 10 + '"\\' * 500_000,
        "[]" * 10 + '\\"' * 500_000,
        "[]" * 10 + '"' * 1_000_000,
        "[]" * 10 + '"\\\n' * 300_000,
        '"' + "[" * 1_000_000,
    ],
)
def test_hostile_text_takes_linear_time(text: str):
    """A megabyte of unclosed quotes and backslashes is refused at once: the scan never tries anything twice."""
    with must_end(), counted() as counter, pytest.raises(ValueError, match=r"."):
        strict_json.loads(text)
    assert counter.calls < 3 * len(text)


def test_a_backslash_before_a_line_break_hides_no_depth():
    """The scan and the decoder agree on where a string ends, up to the decoder's first error."""
    with pytest.raises(ValueError, match="not JSON"):
        strict_json.loads('["\\\n' + "[" * 100 + '"]')
    with pytest.raises(ValueError, match=r"."):
        strict_json.loads('["\\\n' + '"' + "[" * 100_000)
