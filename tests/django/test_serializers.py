"""Serializers as payloads, written by drf-spectacular."""

from __future__ import annotations

import sys

import pytest
from rest_framework import serializers as rest

from wsauth import ConfigurationError
from wsauth.asyncapi.schemas import Schemas, Wanted
from wsauth.django import serializers


class LineSerializer(rest.Serializer):
    n = rest.IntegerField(allow_null=True, help_text="how many")
    secret = rest.CharField(write_only=True)
    id = rest.IntegerField(read_only=True)


class AcceptSerializer(rest.Serializer):
    ride = rest.UUIDField()
    colour = rest.ChoiceField(choices=["red", "blue"])
    lines = LineSerializer(many=True)
    first = LineSerializer(help_text="of the lines")


class EmptySerializer(rest.Serializer): ...


def schemas(*payloads, direction="receive"):
    made = Schemas((Wanted(payload, direction, "/ws/") for payload in payloads), [serializers])
    return [made.of(payload, direction) for payload in payloads], made.components.schemas


def test_a_serializer_is_a_class_an_instance_or_a_list():
    """With what it holds."""
    (one, instance, many), named = schemas(AcceptSerializer, AcceptSerializer(), LineSerializer(many=True))
    assert one == instance == {"$ref": "#/components/schemas/Accept"}
    assert many == {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}
    assert named["Line"]["properties"]["n"]["type"] == ["integer", "null"]
    assert named["Accept"]["title"] == "Accept"
    assert "x-spec-enum-id" not in named["Accept"]["properties"]["colour"]


def test_a_field_that_is_only_read_is_not_asked_of_the_client():
    """One schema serves both directions; it says which field goes which way."""
    _, named = schemas(LineSerializer)
    assert named["Line"]["properties"]["secret"]["writeOnly"] is True
    assert named["Line"]["properties"]["id"]["readOnly"] is True
    assert named["Line"]["required"] == ["n", "secret"]


def test_a_serializer_without_fields_is_an_object():
    """Drf-spectacular makes no component of it."""
    assert schemas(EmptySerializer) == ([{"type": "object"}], {})


def test_other_payloads_are_left_to_others():
    """Classes, instances and schemas that are no serializers."""
    assert not any(serializers.reads(payload) for payload in (int, {"type": "object"}, ValueError("x")))


def test_a_missing_drf_spectacular_is_named(monkeypatch):
    """With the line that installs it."""
    monkeypatch.setitem(sys.modules, "drf_spectacular.plumbing", None)
    with pytest.raises(
        ConfigurationError, match=r"payload EmptySerializer .*not installed; write `pip install drf-spectacular`"
    ):
        schemas(EmptySerializer)
