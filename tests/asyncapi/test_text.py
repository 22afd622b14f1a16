from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import sys
from decimal import Decimal

import msgspec
import pytest
import yaml
from pydantic import BaseModel

from wsauth import ConfigurationError
from wsauth.asyncapi import to_json, to_yaml
from wsauth.asyncapi.text import plain


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    YES = "yes"


class Model(BaseModel):
    at: datetime.date


class Struct(msgspec.Struct):
    price: Decimal


@dataclasses.dataclass
class Point:
    x: int


class Lazy:
    def __str__(self):
        return "lazy text"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2.5, None, True), [1, 2.5, None, True]),
        ({"b", "a"}, ["a", "b"]),
        ({Colour.RED: Word.YES}, {"red": "yes"}),
        (Model(at=datetime.date(2026, 1, 2)), {"at": "2026-01-02"}),
        (Struct(price=Decimal("1.50")), {"price": "1.50"}),
        (Point(3), {"x": 3}),
        (Lazy(), "lazy text"),
        (datetime.time(1, 2), "01:02:00"),
        (float("nan"), "nan"),
    ],
)
def test_everything_becomes_plain(value, expected):
    """A document holds JSON's types and nothing else."""
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_json_keeps_the_order_and_the_letters():
    """So that a difference in a file is a difference in the application."""
    assert to_json({"b": "ü", "a": []}) == '{\n  "b": "ü",\n  "a": []\n}\n'


@pytest.mark.parametrize(
    "text", ["3.0.0", "1e3", "0o14", "1_000", ".5", "-1", "yes", "null", "~", "12:30", "a: b", "two\nlines\n", ""]
)
def test_yaml_reads_back_as_the_same_text(text):
    """In YAML 1.1 by PyYAML, and in 1.2, whose numbers are written in more ways: those are quoted."""
    written = to_yaml({"value": text})
    assert yaml.safe_load(written) == {"value": text}
    if text[:1].isdigit():
        assert written == f"value: '{text}'\n"


def test_yaml_has_no_anchors():
    """A schema that is used twice is written twice."""
    shared = {"type": "string"}
    assert "&" not in to_yaml({"a": shared, "b": shared})


def test_yaml_without_its_library_says_what_to_install(monkeypatch):
    """JSON needs nothing."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError, match=r'pip install "wsauth\[asyncapi\]"'):
        to_yaml({})
    assert json.loads(to_json({})) == {}
