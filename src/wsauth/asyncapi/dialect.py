"""From the JSON Schema that payload libraries write (2020-12, OpenAPI 3.1) to AsyncAPI's: draft-07 and a little more.

3.0.0, Schema Object. Only the form changes, so that readers which know draft-07 alone see the same meaning. Knows which
members hold schemas and which hold data: a `default` that looks like a reference stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = dict[str, Any] | bool
Rename = Callable[[str], str]

COMPONENTS = "#/components/schemas/"

_ONE = (
    *("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)
_LIST = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_BY_NAME = ("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties")
_DROPPED = (
    "$schema",
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "x-spec-enum-id",
)  # they change what references mean, or are noise


def convert(schema: Any, rename: Rename = str) -> Any:
    """Return the schema in AsyncAPI's dialect; `rename` gives each reference its new target."""
    if not isinstance(schema, Mapping):
        return schema
    written = {name: _member(name, value, rename) for name, value in schema.items() if name not in _DROPPED}
    _discriminator(written)
    _tuples(written)
    _dependencies(written)
    if "example" in written:  # OpenAPI 3.0
        written.setdefault("examples", [written.pop("example")])
    return _reference(written)


def _member(name: str, value: Any, rename: Rename) -> Any:
    if name == "$ref" and isinstance(value, str):
        return rename(value)
    if name in _LIST and isinstance(value, list | tuple):
        return [convert(schema, rename) for schema in value]
    if name in _BY_NAME and isinstance(value, Mapping):
        return {key: convert(schema, rename) for key, schema in value.items()}
    return convert(value, rename) if name in _ONE else value


def _discriminator(written: dict[str, Any]) -> None:
    """Write the discriminator as the name of a property; OpenAPI's is an object."""
    found = written.get("discriminator")
    if isinstance(found, Mapping):
        written["discriminator"] = str(found.get("propertyName", ""))
    if found is not None and not written["discriminator"]:
        del written["discriminator"]


def _tuples(written: dict[str, Any]) -> None:
    """Write a tuple as draft-07 does: `items` is the list, `additionalItems` the rest."""
    if "prefixItems" in written:
        rest = written.pop("items", None)
        written["items"] = written.pop("prefixItems")
        if rest is not None:
            written["additionalItems"] = rest


def _dependencies(written: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    for name in ("dependentSchemas", "dependentRequired"):
        found.update(written.pop(name, {}))
    if found:
        written["dependencies"] = {**written.get("dependencies", {}), **found}


def _reference(written: dict[str, Any]) -> dict[str, Any]:
    """Put a reference into `allOf` where anything stands beside it: draft-07 ignores what does."""
    if "$ref" not in written or len(written) == 1:
        return written
    target = {"$ref": written.pop("$ref")}
    return {"allOf": [target, *written.pop("allOf", [])], **written}


def references(schema: Any) -> Iterator[str]:
    """Yield every reference of a schema, in order."""
    if not isinstance(schema, Mapping):
        return
    for name, value in schema.items():
        if name == "$ref" and isinstance(value, str):
            yield value
        elif name in _LIST and isinstance(value, list | tuple):
            for inner in value:
                yield from references(inner)
        elif name in _BY_NAME and isinstance(value, Mapping):
            for inner in value.values():
                yield from references(inner)
        elif name in _ONE:
            yield from references(value)


def component_names(schema: Any) -> Iterator[str]:
    """Yield the names of the components that a schema refers to."""
    return (target.removeprefix(COMPONENTS) for target in references(schema) if target.startswith(COMPONENTS))
