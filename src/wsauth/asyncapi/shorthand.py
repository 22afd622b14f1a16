"""Payloads that are mappings: JSON Schemas, or sketches of one such as `{"ride_id": "uuid", "seats": "integer"}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsauth.asyncapi.dialect import COMPONENTS, convert

_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
_OTHER_TYPES = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "dict": "object",
    "list": "array",
    "none": "null",
}
_FORMATS = {
    "date": "date",
    "datetime": "date-time",
    "date-time": "date-time",
    "decimal": "decimal",
    "email": "email",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "time": "time",
    "uri": "uri",
    "url": "uri",
    "uuid": "uuid",
}
_SURE = ("$ref", "$schema", "$defs", "allOf", "anyOf", "oneOf", "enum", "const", "properties", "not", "if")


def is_schema(payload: Mapping[str, Any]) -> bool:
    """Whether a mapping is a JSON Schema and not a sketch: it has a keyword that means nothing in a message."""
    kind = payload.get("type")
    kinds = kind if isinstance(kind, list | tuple) and kind else [kind]
    return not payload or any(word in payload for word in _SURE) or all(one in _TYPES for one in kinds)


def sketched(payload: Any) -> dict[str, Any]:
    """Return the schema that a sketch stands for. A text that names no type is an example of one, as any other value is."""
    if isinstance(payload, Mapping):
        if is_schema(payload):
            return dict(payload)
        properties = {str(name): sketched(value) for name, value in payload.items()}
        return {"type": "object", "properties": properties}
    if isinstance(payload, list | tuple):
        return {"type": "array", "items": sketched(payload[0])} if payload else {"type": "array"}
    if isinstance(payload, str):
        return _named(payload)
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return {"type": kinds[type(payload)], "examples": [payload]} if type(payload) in kinds else {}


def _named(text: str) -> dict[str, Any]:
    word = text.strip().lower()
    if word in _FORMATS:
        return {"type": "string", "format": _FORMATS[word]}
    kind = _OTHER_TYPES.get(word, word)
    return {"type": kind} if kind in _TYPES else {"type": "string", "examples": [text]}


def hoisted(payload: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a schema and its definitions by name, with references between them as references to components.

    A schema that refers to itself (`#`) becomes a definition of the given name.
    """
    root = dict(payload)
    definitions = {**root.pop("definitions", {}), **root.pop("$defs", {})}
    itself = str(root.get("title") or name)
    while itself in definitions:
        itself += "_2"
    used = False

    def rename(target: str) -> str:
        nonlocal used
        for prefix in ("#/$defs/", "#/definitions/"):
            if target.startswith(prefix):
                return COMPONENTS + target.removeprefix(prefix)
        used = used or target == "#"
        return COMPONENTS + itself if target == "#" else target

    written = convert(root, rename)
    named = {name: convert(schema, rename) for name, schema in definitions.items()}
    if used:
        return {"$ref": COMPONENTS + itself}, {**named, itself: written}
    return written, named
