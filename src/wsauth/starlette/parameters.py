"""Parameters of a WebSocket route: in its address, in the query, in headers, with what is known of their values.

Starlette says what an address takes by its convertors, FastAPI by the annotations of an endpoint and its dependencies.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.convertors import (
    Convertor,
    FloatConvertor,
    IntegerConvertor,
    PathConvertor,
    StringConvertor,
    UUIDConvertor,
)

from wsauth.asyncapi import Parameter
from wsauth.asyncapi.dialect import convert

_SCHEMAS: dict[type[Convertor[Any]], dict[str, Any]] = {
    FloatConvertor: {"type": "number", "minimum": 0},
    IntegerConvertor: {"type": "integer", "minimum": 0},
    PathConvertor: {"type": "string"},
    StringConvertor: {"type": "string"},
    UUIDConvertor: {"type": "string", "format": "uuid"},
}


@dataclass(slots=True)
class Declared:
    """What a FastAPI endpoint and its dependencies declare. `security` names the security classes among them."""

    path: dict[str, Parameter] = field(default_factory=dict)
    query: dict[str, Parameter] = field(default_factory=dict)
    headers: dict[str, Parameter] = field(default_factory=dict)
    security: dict[str, None] = field(default_factory=dict)


def of_address(name: str, convertor: Convertor[Any]) -> Parameter:
    """Describe a part of an address by its convertor. One of the application's own is described by its pattern."""
    schema = _SCHEMAS.get(type(convertor))
    if schema is None:
        portable = (
            "(?" not in convertor.regex
        )  # what follows is Python's own, and JSON Schema's patterns are JavaScript's
        schema = {"type": "string", **({"pattern": f"^(?:{convertor.regex})$"} if portable else {})}
    takes_more = isinstance(convertor, PathConvertor)
    return Parameter(name, 'The rest of the path; it may hold "/".' if takes_more else "", schema)


def declared(dependant: Any) -> Declared:
    """Collect what FastAPI will read from the handshake: of the endpoint first, then of its dependencies."""
    found = Declared()
    for one in _all(dependant):
        for parameter in _flat(one.path_params):
            found.path.setdefault(parameter.name, _in_address(parameter))
        for parameter in _flat(one.query_params):
            found.query.setdefault(parameter.name, parameter)
        for parameter in _flat(one.header_params):
            found.headers.setdefault(parameter.name, parameter)
        if (security := _security(one.call)) is not None:
            found.security[security] = None
    return found


def _all(dependant: Any) -> Iterator[Any]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _all(inner)


def _security(call: Any) -> str | None:
    """Name a security class of FastAPI, such as HTTPBearer, or one that was derived from it."""
    from fastapi.security.base import SecurityBase

    while isinstance(call, partial):
        call = call.func
    return type(call).__name__ if isinstance(inspect.unwrap(call), SecurityBase) else None


def _flat(fields: Iterable[Any]) -> Iterator[Parameter]:
    """Yield the parameters; a model (`Annotated[Filters, Query()]`) stands for its members."""
    for one in fields:
        if not getattr(one.field_info, "include_in_schema", True):
            continue
        schema, required = _schema(one), bool(one.field_info.is_required())
        members = schema.get("properties")
        if not isinstance(members, Mapping):
            yield _parameter(one.alias, schema, required)
            continue
        dashed = getattr(one.field_info, "convert_underscores", False)
        for name, member in members.items():
            needed = required and name in schema.get("required", ())
            yield _parameter(name.replace("_", "-") if dashed else name, member, needed)


def _parameter(name: str, schema: Mapping[str, Any], required: bool) -> Parameter:
    kept = {member: value for member, value in schema.items() if member not in ("description", "title")}
    return Parameter(name, str(schema.get("description", "")), kept, required=required)


def _in_address(parameter: Parameter) -> Parameter:
    """Say as much as the Parameter Object can: it has words for a list of texts, and none for a schema."""
    schema = {name: value for name, value in parameter.schema.items() if name not in ("enum", "examples", "const")}
    values = parameter.schema.get("enum") or ([parameter.schema["const"]] if "const" in parameter.schema else [])
    return Parameter(
        parameter.name,
        parameter.description,
        schema,
        enum=tuple(map(str, values)),
        examples=tuple(map(str, parameter.schema.get("examples", ()))),
    )


def _schema(one: Any) -> dict[str, Any]:
    """Ask pydantic, by the adapter with which FastAPI validates. What pydantic cannot say is left open."""
    try:
        written = one._type_adapter.json_schema()
    except (AttributeError, RuntimeError):  # PydanticInvalidForJsonSchema is a RuntimeError
        return {}
    named = written.pop("$defs", {})
    inlined = _inlined(written, named)
    schema: dict[str, Any] = convert(inlined)
    return _only_model(schema)


def _inlined(value: Any, named: Mapping[str, Any], within: tuple[str, ...] = ()) -> Any:
    """Put what is referred to in the place of each reference: the binding of a channel has no place for definitions."""
    if isinstance(value, list):
        return [_inlined(inner, named, within) for inner in value]
    if not isinstance(value, Mapping):
        return value
    beside = {name: _inlined(inner, named, within) for name, inner in value.items() if name != "$ref"}
    name = str(value.get("$ref", "")).rpartition("/")[2]
    if not name or name in within:
        return beside
    return {**_inlined(named.get(name, {}), named, (*within, name)), **beside}


def _only_model(schema: dict[str, Any]) -> dict[str, Any]:
    """Take the model out of "a model or nothing"."""
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) == 1 and "properties" in branches[0]:
        return {**branches[0], "required": []}
    return schema
