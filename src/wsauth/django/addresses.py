"""From Django's URL patterns to addresses of channels: `path` with its converters, `re_path` with its groups.

Channels routes by prefix: routers in routers each take their part of the path and a "/" that follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from django.contrib.admindocs.views import simplify_regex
from django.urls import converters
from django.urls.resolvers import RoutePattern

from wsauth.asyncapi import Parameter, naming

Piece: TypeAlias = str | Parameter

_SCHEMAS: dict[type, dict[str, Any]] = {
    converters.StringConverter: {"type": "string"},
    converters.IntConverter: {"type": "integer", "minimum": 0},
    converters.UUIDConverter: {"type": "string", "format": "uuid"},
    converters.SlugConverter: {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
    converters.PathConverter: {"type": "string", "minLength": 1},
}
_NAMED = re.compile(r"<(?:[^<>:]+:)?([^<>:]+)>")
_LEFT_OVER = re.compile(r"(?<!\\)[|()\[\]{}]|\\\w")  # of a regular expression, where only text should be left
_GROUP = re.compile(r"(?<!\\)\((?:\?P<(\w+)>|(?!\?))")
_PYTHON_ONLY = re.compile(r"\(\?[^:=!]|\\[AZ]")  # JSON Schema takes the expressions of ECMAScript


def pieces(pattern: Any) -> tuple[Piece, ...]:
    """Take the pattern of a route apart, into texts and what varies between them."""
    if isinstance(pattern, RoutePattern):
        known = {name: _of_converter(name, converter) for name, converter in pattern.converters.items()}
        return tuple(_split(str(pattern), known))
    text, known = _told(str(pattern))
    return tuple(_split(_legible(text), known))


def is_legible(pattern: Any) -> bool:
    """Whether the address says what the pattern does. A regular expression may allow what no address can say."""
    return isinstance(pattern, RoutePattern) or not any(map(_is_odd, _told(str(pattern))[0].split("/")))


def join(outer: tuple[Piece, ...], inner: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Put the part of an inner router behind that of an outer one, with one "/" between them."""
    if not inner or not outer:
        return outer or inner
    last, first = outer[-1], inner[0]
    slashed = isinstance(last, str) and last.endswith("/")
    if isinstance(first, str) and first.startswith("/"):
        inner = (first.lstrip("/"), *inner[1:])
    return (*outer, *(() if slashed else ("/",)), *inner)


def address(parts: Iterable[Piece]) -> tuple[str, tuple[Parameter, ...]]:
    """Write the parts as an address and its parameters; a name that occurs again gets a number."""
    listed = list(parts)
    names = iter(naming.distinct(naming.key(part.name, "part") for part in listed if isinstance(part, Parameter)))
    text, parameters = "", []
    for part in listed:
        if isinstance(part, Parameter):
            parameters.append(replace(part, name=next(names)))
            text += f"{{{parameters[-1].name}}}"
        else:
            text += part
    return "/" + text.lstrip("/"), tuple(parameters)


def _split(text: str, known: dict[str, Parameter]) -> Iterator[Piece]:
    for at, part in enumerate(_NAMED.split(text)):
        if at % 2:
            yield known.get(part) or Parameter(part)
        elif part:
            yield part


def _of_converter(name: str, converter: Any) -> Parameter:
    """Describe what a converter takes; one of the project's own by its regular expression, and its `examples` if any."""
    schema = _SCHEMAS.get(type(converter))
    found = _parameter(name, schema if schema is not None else _pattern(str(converter.regex)))
    return replace(found, examples=tuple(map(str, getattr(converter, "examples", ()))))


def _pattern(expression: str) -> dict[str, Any]:
    if _PYTHON_ONLY.search(expression):
        return {"type": "string"}
    whole = f"(?:{expression})" if "|" in expression else expression
    return {"type": "string", "pattern": f"^{whole}$"}


def _parameter(name: str, schema: dict[str, Any]) -> Parameter:
    return Parameter(name, schema=schema)


def _told(expression: str) -> tuple[str, dict[str, Parameter]]:
    """Return the expression as `path` would take it, as far as it goes, and what its named groups take.

    The groups are found here: `simplify_regex` takes the first ")" for their end.
    """
    text, at, known = "", 0, dict[str, Parameter]()
    while found := _GROUP.search(expression, at):
        end = _end(expression, found.end())
        name = found[1] or "var"
        if found[1]:
            known[name] = _parameter(name, _pattern(expression[found.end() : end - 1]))
        text += f"{expression[at : found.start()]}<{name}>"
        at = end
    simplified: str = simplify_regex(text + expression[at:])
    return simplified.lstrip("/"), known


def _end(expression: str, at: int) -> int:
    """Return where the group ends that has begun before `at`."""
    depth, in_class = 1, False
    while depth and at < len(expression):
        char = expression[at]
        in_class = char == "[" or (in_class and char != "]")
        depth += 0 if in_class else {"(": 1, ")": -1}.get(char, 0)
        at += 2 if char == "\\" else 1
    return at


def _is_odd(segment: str) -> bool:
    return bool(_LEFT_OVER.search(_NAMED.sub("", segment)))


def _legible(text: str) -> str:
    """Let a segment that no address can say become something that varies."""
    segments = ("<part>" if _is_odd(segment) else segment for segment in text.split("/"))
    return re.sub(r"\\(\W)", r"\1", "/".join(segments))
