"""What no validator sees in an AsyncAPI document: it is valid, and wrong. Reads any 3.x document, not only those of wsauth.

Every rule is a function from the document to findings; `RULES` lists them. Nothing is fetched: references to other documents
are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wsauth.asyncapi.extensions import NOT_ENFORCED

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake. `code` is stable; `where` is a JSON pointer (RFC 6901); `write` says what to write instead."""

    code: str
    where: str
    what: str
    write: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.write} ({self.code})"


Rule = Callable[[Mapping[str, Any]], Iterator[Finding]]


def lint(document: Mapping[str, Any]) -> list[Finding]:
    """Return what is wrong, rule by rule, in the document's order."""
    return [finding for rule in RULES for finding in rule(document)]


def pointer(*parts: object) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def resolve(document: Any, reference: str) -> Any:
    """Follow a reference within the document, and those that it leads to. Raise LookupError where one leads nowhere."""
    seen: set[str] = set()
    found: Any = {"$ref": reference}
    while isinstance(found, Mapping) and isinstance(target := found.get("$ref"), str):
        if not target.startswith("#") or target in seen:
            raise LookupError(target)
        seen.add(target)
        found = _at(document, target)
    return found


def _at(document: Any, target: str) -> Any:
    for part in target.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(name)] if isinstance(document, list) else document[name]
        except (LookupError, TypeError, ValueError):
            raise LookupError(target) from None
    return document


def _section(document: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of a section, those that are references resolved; what is broken is left to other rules."""
    for key, value in (document.get(name) or {}).items():
        if isinstance(value, Mapping) and "$ref" in value:
            try:
                value = resolve(document, value["$ref"])
            except LookupError:
                continue
        if isinstance(value, Mapping):
            yield key, value


def addresses(document: Mapping[str, Any]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], str] = {}
    for key, channel in _section(document, "channels"):
        where, address = pointer("channels", key, "address"), channel.get("address")
        if not isinstance(address, str):
            continue
        if "?" in address or "#" in address:
            rest = "the part from '?' on in bindings.ws.query" if "?" in address else "an address without '#'"
            yield Finding("address-query", where, f"{address!r} is more than a path", f"write {rest}")
        if not address.startswith("/"):
            yield Finding("address-slash", where, f"{address!r} does not begin with '/'", f"write {'/' + address!r}")
        shape = _PLACEHOLDER.sub("{}", address), str(channel.get("servers"))
        if shape in seen:
            yield Finding(
                "address-twice", where, f"{address!r} is the address of channel {seen[shape]!r} too", "join the two"
            )
        seen.setdefault(shape, key)


def parameters(document: Mapping[str, Any]) -> Iterator[Finding]:
    for key, channel in _section(document, "channels"):
        written, declared = set(_PLACEHOLDER.findall(channel.get("address") or "")), channel.get("parameters") or {}
        for name in sorted(written - {*declared}):
            where = pointer("channels", key, "parameters")
            yield Finding("parameter-missing", where, f"{{{name}}} is not declared", f"write {name}: {{}}")
        for name in sorted({*declared} - written):
            where = pointer("channels", key, "parameters", name)
            yield Finding("parameter-unused", where, f"the address has no {{{name}}}", "take it out")


def servers(document: Mapping[str, Any]) -> Iterator[Finding]:
    for key, server in _section(document, "servers"):
        host, where = str(server.get("host", "")), pointer("servers", key)
        if "/" in host or "@" in host:
            write = "write the path as pathname, the scheme as protocol, and no user"
            yield Finding("host", f"{where}/host", f"{_safe(host)!r} is more than a host and a port", write)
        for text in (host, str(server.get("pathname", ""))):
            for name in sorted(set(_PLACEHOLDER.findall(text)) - {*(server.get("variables") or {})}):
                yield Finding(
                    "variable-missing", f"{where}/variables", f"{{{name}}} is not declared", f"write {name}: {{}}"
                )
        protocol = str(server.get("protocol", ""))
        if protocol in ("http", "https"):
            instead = "wss" if protocol == "https" else "ws"
            yield Finding("protocol", f"{where}/protocol", f"{protocol} is no WebSocket", f"write {instead}")


def _safe(host: str) -> str:
    """Leave out what stands before an "@": it may be a password, and findings are logged."""
    return host.rpartition("@")[2]


def security(document: Mapping[str, Any]) -> Iterator[Finding]:
    for section in ("servers", "operations"):
        for key, found in _section(document, section):
            where, listed = pointer(section, key, "security"), found.get("security")
            if listed == []:
                write = "leave the member out, or name a scheme"
                yield Finding("security-empty", where, "an empty list neither requires nor forbids anything", write)
            for at, entry in enumerate(listed or ()):
                yield from _requirement(document, f"{where}/{at}", entry)
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    if schemes and not _is_required(document) and not document.get(NOT_ENFORCED):
        where, write = "/components/securitySchemes", "name them in `security` of a server or of operations"
        yield Finding("security-unused", where, "schemes are declared and nothing requires them", write)


def _requirement(document: Mapping[str, Any], where: str, entry: Any) -> Iterator[Finding]:
    reference = entry.get("$ref") if isinstance(entry, Mapping) else None
    if isinstance(entry, Mapping) and "$ref" not in entry and "type" not in entry:
        write = 'write {"$ref": "#/components/securitySchemes/' + next(iter(entry), "name") + '"}'
        yield Finding("security-shorthand", where, "this is how AsyncAPI 2 named a scheme", write)
    elif isinstance(reference, str) and not reference.startswith("#/components/securitySchemes/"):
        write = "refer to #/components/securitySchemes/…"
        yield Finding("security-target", where, f"{reference!r} is no security scheme", write)


def _is_required(document: Mapping[str, Any]) -> bool:
    sections = ("servers", "operations")
    return any(found.get("security") for section in sections for _, found in _section(document, section))


def references(document: Mapping[str, Any]) -> Iterator[Finding]:
    for where, target in _references(document, ""):
        if not target.startswith("#"):
            continue
        try:
            resolve(document, target)
        except LookupError:
            write = "write what it should refer to, or correct it"
            yield Finding("reference", where, f"{target!r} leads nowhere", write)


def _references(value: Any, where: str, named: bool = False) -> Iterator[tuple[str, str]]:
    """Yield every reference. Examples, constants and defaults are data; `named`: the members are names, not keywords."""
    if isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _references(inner, f"{where}/{at}")
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        here = where + pointer(name)
        if name == "$ref" and isinstance(inner, str) and not named:
            yield where, inner
        elif named or name not in ("examples", "example", "const", "default", "enum"):
            yield from _references(inner, here, named=name in ("properties", "patternProperties") and not named)


def messages(document: Mapping[str, Any]) -> Iterator[Finding]:
    """An operation's messages must be messages of its channel (3.0.0, Operation Object)."""
    for key, operation in _section(document, "operations"):
        channel = (operation.get("channel") or {}).get("$ref", "")
        reply = operation.get("reply") if isinstance(operation.get("reply"), Mapping) else {}
        lists = (
            (("messages",), operation.get("messages"), channel),
            (
                ("reply", "messages"),
                (reply or {}).get("messages"),
                ((reply or {}).get("channel") or {}).get("$ref", channel),
            ),
        )
        for path, listed, owner in lists:
            for at, entry in enumerate(listed or ()):
                target = entry.get("$ref", "") if isinstance(entry, Mapping) else ""
                if not target.startswith(f"{owner}/messages/"):
                    where = pointer("operations", key, *path, at)
                    yield Finding(
                        "message-elsewhere", where, f"{target!r} is not of the channel", f"refer to {owner}/messages/…"
                    )


def schemes(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Readers compare with "bearer", and treat any other spelling as an unknown scheme."""
    for key, scheme in _section(document.get("components") or {}, "securitySchemes"):
        name = scheme.get("scheme")
        if scheme.get("type") == "http" and isinstance(name, str) and name != name.lower():
            where = pointer("components", "securitySchemes", key, "scheme")
            yield Finding("scheme-case", where, f"{name!r} has capitals", f"write {name.lower()}")


def mirrored(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Code generators build the address from the binding: a credential in the query must be in it too."""
    everywhere = [name for _, server in _section(document, "servers") for name in _in_query(document, server)]
    wanted: dict[str, dict[str, None]] = {}
    for _, operation in _section(document, "operations"):
        channel = (operation.get("channel") or {}).get("$ref", "").removeprefix("#/channels/")
        wanted.setdefault(channel, {}).update(dict.fromkeys(_in_query(document, operation)))
    for key, channel in _section(document, "channels"):
        query = ((channel.get("bindings") or {}).get("ws") or {}).get("query") or {}
        for name in dict.fromkeys([*everywhere, *wanted.get(key, ())]):
            if "$ref" not in query and name not in (query.get("properties") or {}):
                where = pointer("channels", key, "bindings", "ws", "query")
                yield Finding(
                    "query-not-in-binding",
                    where,
                    f"the credential in the query parameter {name!r} is not there",
                    f'write properties: {{"{name}": {{"type": "string"}}}}',
                )


def _in_query(document: Mapping[str, Any], guarded: Mapping[str, Any]) -> Iterator[str]:
    for entry in guarded.get("security") or ():
        try:
            scheme = resolve(document, entry["$ref"]) if "$ref" in entry else entry
        except LookupError:
            continue
        if isinstance(scheme, Mapping) and scheme.get("in") == "query" and isinstance(scheme.get("name"), str):
            yield scheme["name"]


RULES: tuple[Rule, ...] = (addresses, parameters, servers, security, schemes, mirrored, references, messages)
