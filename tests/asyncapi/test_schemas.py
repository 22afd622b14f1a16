from __future__ import annotations

import dataclasses
import sys
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from wsauth import ConfigurationError
from wsauth.asyncapi.schemas import Schemas, Wanted


def schemas(*payloads, direction="receive"):
    """Return the schema of each payload, and the components."""
    made = Schemas(Wanted(payload, direction, "/ws/: message 'x'") for payload in payloads)
    return [made.of(payload, direction) for payload in payloads], made.components.schemas


class Colour(Enum):
    RED = "red"


class Item(BaseModel):
    sku: str = Field(examples=["A-1"], deprecated=True)
    colour: Colour


class Order(BaseModel):
    items: list[Item]
    pair: tuple[int, str]
    parent: Order | None = None


@dataclasses.dataclass
class Point:
    x: int
    y: Decimal


class Typed(typing_extensions.TypedDict):
    a: typing_extensions.NotRequired[int]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Struct(msgspec.Struct, tag="struct"):
    x: int
    pair: tuple[int, str]


class Other(msgspec.Struct, tag="other"):
    inner: Struct


def test_nothing_is_nothing():
    """A message without a payload has no schema."""
    assert schemas(None) == ([None], {})


def test_a_model_and_what_it_holds_become_components():
    """By reference, recursive ones too; in the words of draft-07."""
    [order], named = schemas(Order)
    assert order == {"$ref": "#/components/schemas/Order"}
    assert set(named) == {"Order", "Item", "Colour"}
    assert named["Order"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Item"}
    assert named["Order"]["properties"]["pair"]["items"] == [{"type": "integer"}, {"type": "string"}]
    assert named["Order"]["properties"]["parent"]["anyOf"][0] == {"$ref": "#/components/schemas/Order"}
    assert named["Item"]["properties"]["sku"]["deprecated"] is True
    assert named["Item"]["properties"]["sku"]["examples"] == ["A-1"]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (int, {"type": "integer"}),
        (bytes, {"type": "string", "format": "binary"}),
        (list[UUID], {"type": "array", "items": {"type": "string", "format": "uuid"}}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (TypeAdapter(int), {"type": "integer"}),
        (Point, {"$ref": "#/components/schemas/Point"}),
        (Typed, {"$ref": "#/components/schemas/Typed"}),
    ],
)
def test_types_of_all_kinds_are_written_by_pydantic(payload, expected):
    """Dataclasses, TypedDicts, unions, builtins."""
    assert schemas(payload)[0] == [expected]


def test_a_tagged_union_names_its_discriminator():
    """As a text (3.0.0, Schema Object): OpenAPI's object is refused by validators."""
    [pets], _ = schemas(Annotated[Cat | Dog, Field(discriminator="kind")])
    assert pets["discriminator"] == "kind"
    assert [branch["$ref"] for branch in pets["oneOf"]] == ["#/components/schemas/Cat", "#/components/schemas/Dog"]
    [structs], _ = schemas(Struct | Other)
    assert structs["discriminator"] == "type"


def test_a_struct_is_written_by_msgspec():
    """With what it holds."""
    [other], named = schemas(Other)
    assert other == {"$ref": "#/components/schemas/Other"}
    assert named["Other"]["properties"]["inner"] == {"$ref": "#/components/schemas/Struct"}
    assert named["Struct"]["properties"]["pair"]["additionalItems"] is False


def test_models_of_one_name_stay_apart():
    """Of one library, of two, and of a plain schema."""
    here = type("Same", (BaseModel,), {"__annotations__": {"a": int}, "__module__": "here"})
    there = type("Same", (BaseModel,), {"__annotations__": {"b": int}, "__module__": "there"})
    struct = msgspec.defstruct("Same", [("c", int)])
    plain = {"$ref": "#/$defs/Same", "$defs": {"Same": {"type": "object", "properties": {"d": {}}}}}
    written, named = schemas(here, there, struct, plain)
    references = [one["$ref"].removeprefix("#/components/schemas/") for one in written]
    assert len(set(references)) == 4
    assert [[*named[name]["properties"]] for name in references] == [["a"], ["b"], ["c"], ["d"]]


def test_the_same_definition_of_two_schemas_is_shared():
    """And one that differs below is not."""
    item = {"type": "object"}
    one = {
        "properties": {"i": {"$ref": "#/$defs/Box"}},
        "$defs": {"Box": {"items": {"$ref": "#/$defs/Item"}}, "Item": item},
    }
    two = {**one, "title": "Two"}
    three = {**one, "$defs": {**one["$defs"], "Item": {"type": "string"}}}
    written, named = schemas(one, two, three)
    assert set(named) == {"Box", "Item", "Box_2", "Item_2"}
    assert written[1]["properties"]["i"] == {"$ref": "#/components/schemas/Box"}
    assert written[2]["properties"]["i"] == {"$ref": "#/components/schemas/Box_2"}
    assert named["Box_2"] == {"items": {"$ref": "#/components/schemas/Item_2"}}


def test_what_the_client_sends_and_what_it_receives_may_differ():
    """A default is optional to send, and always there when received."""

    class WithDefault(BaseModel):
        model_config = ConfigDict(json_schema_serialization_defaults_required=True)
        a: int = 1

    made = Schemas([Wanted(WithDefault, "receive", ""), Wanted(WithDefault, "send", "")])
    named = made.components.schemas
    received, sent = (made.of(WithDefault, direction)["$ref"].rpartition("/")[2] for direction in ("receive", "send"))
    assert "required" not in named[received]
    assert named[sent]["required"] == ["a"]


def test_a_schema_that_refers_to_itself_becomes_a_component():
    """`#` would be the whole document."""
    [tree], named = schemas(
        {"title": "Tree", "type": "object", "properties": {"left": {"$ref": "#"}}, "$defs": {"Tree": {}}}
    )
    assert tree == {"$ref": "#/components/schemas/Tree_2"}
    assert named["Tree_2"]["properties"]["left"] == {"$ref": "#/components/schemas/Tree_2"}


@pytest.mark.parametrize(
    ("sketch", "expected"),
    [
        ({"ride_id": "uuid"}, {"ride_id": {"type": "string", "format": "uuid"}}),
        ({"at": "datetime"}, {"at": {"type": "string", "format": "date-time"}}),
        ({"n": "int", "ok": "bool"}, {"n": {"type": "integer"}, "ok": {"type": "boolean"}}),
        ({"inner": {"a": "string"}}, {"inner": {"type": "object", "properties": {"a": {"type": "string"}}}}),
        ({"ids": ["int"]}, {"ids": {"type": "array", "items": {"type": "integer"}}}),
        ({"empty": [], "x": None}, {"empty": {"type": "array"}, "x": {}}),
        ({"status": "done"}, {"status": {"type": "string", "examples": ["done"]}}),
        ({"n": 3}, {"n": {"type": "integer", "examples": [3]}}),
        ({"a": {"type": "string", "format": "uuid"}}, {"a": {"type": "string", "format": "uuid"}}),
    ],
)
def test_a_sketch_is_completed(sketch, expected):
    """`responses={"ride.requested": {"ride_id": "uuid"}}` is no JSON Schema, and clear enough."""
    assert schemas(sketch)[0] == [{"type": "object", "properties": expected}]


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"type": ["string", "null"]}, {"enum": [1]}, {"oneOf": [{}]}]
)
def test_a_json_schema_stays_as_it_is(schema):
    """It is recognised by any of its keywords."""
    assert schemas(schema)[0] == [schema]


@pytest.mark.parametrize(
    "payload", ["ChatMessage", [Item], 3, Cat(kind="cat"), Point(1, Decimal(2)), Struct(1, (1, "a"))]
)
def test_a_value_is_no_payload(payload):
    """Its type was meant."""
    with pytest.raises(ConfigurationError, match=r"message 'x': the payload is a \w+; write a type"):
        schemas(payload)


def test_a_payload_that_cannot_be_written_is_named():
    """Among many, with the place where it is documented."""

    class Opaque: ...

    with pytest.raises(ConfigurationError, match=r"/ws/: message 'x': pydantic cannot write the payload .*Opaque"):
        schemas(Item, Opaque)


def test_a_failure_of_the_whole_only_is_passed_on(monkeypatch):
    """There is nothing to add to it."""
    from wsauth.asyncapi.payloads import with_pydantic

    def fail(payloads):
        if len(payloads) > 1:
            raise RuntimeError("together")
        return [{}], {}

    monkeypatch.setattr(with_pydantic, "schemas", fail)
    with pytest.raises(RuntimeError, match="together"):
        schemas(Item, Order)


@pytest.mark.parametrize(
    ("payload", "library", "line"),
    [(Point, "pydantic", "pip install pydantic"), (Struct, "msgspec", "pip install msgspec")],
)
def test_a_missing_library_is_named_with_the_line_to_install_it(monkeypatch, payload, library, line):
    """Where its payload is documented."""
    monkeypatch.delitem(sys.modules, f"wsauth.asyncapi.payloads.with_{library}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError, match=f"needs {library}, which is not installed; write `{line}`"):
        schemas(payload)


def test_plain_schemas_need_no_library(monkeypatch):
    """Nothing is imported for them."""
    for library in ("pydantic", "msgspec"):
        monkeypatch.delitem(sys.modules, f"wsauth.asyncapi.payloads.with_{library}", raising=False)
        monkeypatch.setitem(sys.modules, library, None)
    assert schemas({"type": "object"})[0] == [{"type": "object"}]


class Own:
    """A payload of a framework."""


def reader(schemas, name="own"):
    return SimpleNamespace(name=name, reads=lambda payload: payload is Own, schemas=schemas)


def test_a_reader_is_asked_first_and_for_its_own_only():
    """A framework's payloads are written by who knows them."""
    asked = []

    def write(payloads):
        asked.extend(payloads)
        return [{"$ref": "#/components/schemas/Own"}], {"Own": {"type": "object"}}

    made = Schemas([Wanted(Own, "send", ""), Wanted(Item, "send", "")], [reader(write)])
    assert asked == [(Own, "send")]
    assert made.of(Own, "send") == {"$ref": "#/components/schemas/Own"}
    assert set(made.components.schemas) == {"Own", "Item", "Colour"}


def test_a_reader_that_fails_names_its_payload():
    """As a library does."""

    def fail(payloads):
        raise RuntimeError("no such field")

    with pytest.raises(
        ConfigurationError, match=r"/ws/: own cannot write the payload Own as JSON Schema: no such field"
    ):
        Schemas([Wanted(Own, "send", "/ws/")], [reader(fail)])
