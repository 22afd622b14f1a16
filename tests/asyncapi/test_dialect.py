from __future__ import annotations

import pytest

from wsauth.asyncapi.dialect import component_names, convert, references


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"prefixItems": [{}], "items": False}, {"items": [{}], "additionalItems": False}),
        ({"prefixItems": [{}]}, {"items": [{}]}),
        ({"discriminator": {"propertyName": "kind", "mapping": {}}}, {"discriminator": "kind"}),
        ({"discriminator": {}}, {}),
        ({"discriminator": "kind"}, {"discriminator": "kind"}),
        ({"$ref": "#/a"}, {"$ref": "#/a"}),
        ({"$ref": "#/a", "description": "d"}, {"allOf": [{"$ref": "#/a"}], "description": "d"}),
        ({"$ref": "#/a", "allOf": [{}]}, {"allOf": [{"$ref": "#/a"}, {}]}),
        ({"dependentRequired": {"a": ["b"]}}, {"dependencies": {"a": ["b"]}}),
        (
            {"dependentSchemas": {"a": {"$id": "x"}}, "dependencies": {"c": ["d"]}},
            {"dependencies": {"c": ["d"], "a": {}}},
        ),
        ({"example": 1}, {"examples": [1]}),
        ({"$schema": "x", "$id": "y", "type": "object"}, {"type": "object"}),
        (True, True),
    ],
)
def test_newer_words_become_older_ones(schema, expected):
    """With the same meaning."""
    assert convert(schema) == expected
    assert convert(convert(schema)) == expected


def test_data_is_left_alone():
    """A default is no schema, whatever it looks like; a property may have the name of a keyword."""
    schema = {
        "default": {"$ref": "#/x", "prefixItems": []},
        "const": {"discriminator": {}},
        "examples": [{"$ref": "#/y"}],
        "properties": {"$ref": {"type": "string"}, "example": {"type": "string"}},
    }
    assert convert(schema, lambda target: "changed") == schema
    assert list(references(schema)) == []


def test_references_are_found_and_renamed_everywhere_a_schema_can_stand():
    """In lists, by name, alone."""
    schema = {
        "anyOf": [{"$ref": "#/components/schemas/A"}],
        "items": {"$ref": "#/components/schemas/B"},
        "properties": {"p": {"not": {"$ref": "#/components/schemas/C"}}},
        "additionalProperties": {"$ref": "other.json"},
    }
    assert list(component_names(schema)) == ["A", "B", "C"]
    assert [*references(convert(schema, str.upper))] == [target.upper() for target in references(schema)]
