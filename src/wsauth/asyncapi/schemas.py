"""From payloads to JSON Schema: finds the library that knows a payload, and asks it.

Nothing here describes a type by hand. Libraries are imported only where a payload is theirs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal, TypeAlias, get_args

from wsauth.asyncapi.components import Components
from wsauth.asyncapi.dialect import Schema
from wsauth.asyncapi.model import Action, PayloadReader
from wsauth.asyncapi.shorthand import hoisted, sketched
from wsauth.core.errors import ConfigurationError

Library: TypeAlias = Literal["mapping", "pydantic", "msgspec"]
Writer: TypeAlias = Callable[[Sequence[tuple[Any, str]]], tuple[list[Any], dict[str, Any]]]

_INSTALL = {
    "pydantic": "pip install pydantic",
    "msgspec": "pip install msgspec",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A payload, who sends it, and where it is documented, for messages to people."""

    payload: Any
    direction: Action
    where: str


class Schemas:
    """The schemas of all payloads of a document, written together; by the first of `readers` that knows the payload.

    Raises ConfigurationError where a payload is nothing that a library can write, or the library is missing.
    """

    def __init__(self, wanted: Iterable[Wanted], readers: Sequence[PayloadReader] = ()) -> None:
        self.components = Components()
        self._written: dict[tuple[int, Action], Any] = {}
        self._payloads: list[Any] = []  # held, so that an id means one payload
        by_library: dict[Library | int, list[Wanted]] = {}
        for one in wanted:
            if one.payload is not None and (id(one.payload), one.direction) not in self._written:
                self._written[id(one.payload), one.direction] = None
                self._payloads.append(one.payload)
                read_by = next((at for at, reader in enumerate(readers) if reader.reads(one.payload)), None)
                library = library_of(one.payload, one.where) if read_by is None else read_by
                by_library.setdefault(library, []).append(one)
        for library in sorted(by_library, key=str):
            if isinstance(library, int):
                self._place(by_library[library], readers[library].schemas, readers[library].name)
            else:
                self._write(library, by_library[library])

    def of(self, payload: Any, direction: Action) -> Schema | None:
        """Return the schema of a payload that was wanted; None for None."""
        schema: Schema | None = self._written[id(payload), direction] if payload is not None else None
        return schema

    def _write(self, library: Library, wanted: list[Wanted]) -> None:
        if library == "mapping":
            for one in wanted:
                root, named = hoisted(sketched(one.payload), "Payload")
                [self._written[id(one.payload), one.direction]] = self.components.merge([root], named)
            return
        self._place(wanted, _writer(library, wanted[0].where), library)

    def _place(self, wanted: list[Wanted], writer: Writer, who: str) -> None:
        roots, named = _ask(writer, who, wanted)
        for one, written in zip(wanted, self.components.merge(roots, named), strict=True):
            self._written[id(one.payload), one.direction] = written


def _ask(writer: Writer, who: str, wanted: list[Wanted]) -> tuple[list[Any], dict[str, Any]]:
    try:
        return writer([(one.payload, one.direction) for one in wanted])
    except Exception:
        for one in wanted:  # find the one that cannot be written
            try:
                writer([(one.payload, one.direction)])
            except Exception as error:
                raise ConfigurationError(
                    f"{one.where}: {who} cannot write the payload {_name(one.payload)} as JSON Schema: {error}"
                ) from error
        raise


def _writer(library: Library, where: str) -> Writer:
    try:
        writer: Writer = importlib.import_module(f"wsauth.asyncapi.payloads.with_{library}").schemas
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{where}: its payload needs {error.name}, which is not installed; write `{_INSTALL[library]}`"
        ) from error
    return writer


def library_of(payload: Any, where: str) -> Library:
    """Say who can write a payload; look at it without importing anything."""
    if isinstance(payload, Mapping):
        return "mapping"
    if _holds_struct(payload):
        return "msgspec"
    if isinstance(payload, str | bytes | int | float | list | tuple | set) or _is_value(payload):
        raise ConfigurationError(
            f"{where}: the payload is a {type(payload).__name__}; write a type, as payload=ChatMessage, or a JSON Schema,"
            ' as payload={"type": "object"}'
        )
    return "pydantic"


def _holds_struct(payload: Any) -> bool:
    return (isinstance(payload, type) and hasattr(payload, "__struct_fields__")) or any(
        _holds_struct(argument) for argument in get_args(payload)
    )


def _is_value(payload: Any) -> bool:
    """Whether this is an instance where its class was meant."""
    kind = type(payload)
    return is_dataclass(kind) or hasattr(kind, "__struct_fields__") or hasattr(kind, "model_json_schema")


def _name(payload: Any) -> str:
    return getattr(payload, "__qualname__", None) or repr(payload)
