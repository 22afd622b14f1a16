"""The schemas under `components.schemas`: named schemas of several sources become one set, and no name means two things."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wsauth.asyncapi import naming
from wsauth.asyncapi.dialect import COMPONENTS, component_names, convert


class Components:
    """What is shared. `schemas` is in AsyncAPI's dialect."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}
        self._sources: dict[str, Any] = {}  # as their library wrote them, to recognise the same one again

    def merge(self, roots: Iterable[Any], named: Mapping[str, Any]) -> list[Any]:
        """Add a set of named schemas, whose references are `#/components/schemas/<name>`; return the roots, adapted to it.

        A name that is taken by a different schema gets a number; the same schema, down to what it refers to, is shared.
        """
        names = self._names(named)

        def rename(target: str) -> str:
            name = target.removeprefix(COMPONENTS)
            return COMPONENTS + names[name] if target.startswith(COMPONENTS) and name in names else target

        for old, schema in named.items():
            if names[old] not in self.schemas:
                self._sources[names[old]] = schema
                self.schemas[names[old]] = convert(schema, rename)
        return [convert(root, rename) for root in roots]

    def _names(self, named: Mapping[str, Any]) -> dict[str, str]:
        shared = self._shared(named)
        names = {name: name for name in shared}
        taken = {*self.schemas, *shared}
        for name in named:
            if name not in shared:
                names[name] = _free(naming.key(name, "Schema"), taken)
                taken.add(names[name])
        return names

    def _shared(self, named: Mapping[str, Any]) -> set[str]:
        """Return the names that mean the same here and there: the largest set that refers to nothing else."""
        same = {name for name, schema in named.items() if name in self._sources and self._sources[name] == schema}
        while out := {name for name in same if {*component_names(named[name])} & {*named} - same}:
            same -= out
        return same

    def prune(self, used: Iterable[Any]) -> dict[str, Any]:
        """Return what the given schemas refer to, directly or not, by name."""
        reached: set[str] = set()
        waiting = [name for schema in used for name in component_names(schema)]
        while waiting:
            name = waiting.pop()
            if name in self.schemas and name not in reached:
                reached.add(name)
                waiting.extend(component_names(self.schemas[name]))
        return {name: self.schemas[name] for name in sorted(reached)}


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
