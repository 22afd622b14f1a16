"""JSON as RFC 8259 has it, for text that an attacker wrote.

Python's decoder is more generous: it takes the last of duplicate members, NaN, and nesting until the stack ends.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

MAX_DEPTH = 16
MAX_DIGITS = 400  # beyond any date or identifier, and below where int() becomes slow or refuses
# A string to its end, closed or not, in one step that is never tried again: so the scan is linear in any text.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def loads(text: str) -> Any:
    """Parse `text`. Raise ValueError on anything irregular; the message never quotes the text."""
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(text):
        raise ValueError(f"JSON nested deeper than {MAX_DEPTH}")
    text = text.strip(" \t\n\r")  # RFC 8259 §2
    try:
        value, end = _decoder.raw_decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at {error.pos}") from None
    if end != len(text):
        raise ValueError(f"not JSON: something follows it at {end}")
    return value


def _is_deep(text: str) -> bool:
    """Whether the text nests deeper than allowed; where it is not JSON, as far as the decoder would follow it."""
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif match[0] in "]}":
            depth -= 1
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 8259 §4: the names within an object should be unique, or each reader sees another object."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member in a JSON object")
    return members


def _constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")  # RFC 8259 §6


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a JSON number of over {MAX_DIGITS} digits")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):  # 1e400: infinity by another name
        raise ValueError("a JSON number beyond what a double holds")
    return value


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_real)
