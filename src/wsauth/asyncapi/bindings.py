"""The WebSockets binding of a channel (bindings 0.1.0): method, query and headers of the handshake.

Code generators build the client's address from it, so the schemes that travel in the query and in headers stand here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wsauth.asyncapi.model import Channel, Parameter
from wsauth.asyncapi.security import Guard
from wsauth.core.locations import Header, Query
from wsauth.core.scheme import SecurityScheme


def channel_bindings(channel: Channel, guarded: Guard) -> dict[str, Any]:
    """Write the binding. A parameter that the application documents itself keeps its own schema."""
    only = guarded.schemes[0] if len(guarded.schemes) == 1 and not guarded.optional else None
    ws: dict[str, Any] = {"method": "GET"}
    query = [_parameter(scheme, scheme is only) for scheme in guarded.schemes if isinstance(scheme.location, Query)]
    headers = [_parameter(scheme, scheme is only) for scheme in guarded.schemes if isinstance(scheme.location, Header)]
    if written := _object(channel.query, query):
        ws["query"] = written
    if written := _object(channel.headers, headers):
        ws["headers"] = written
    return {"ws": {**ws, "bindingVersion": "0.1.0"}}


def _parameter(scheme: SecurityScheme, required: bool) -> Parameter:
    location = scheme.location
    assert isinstance(location, Query | Header)
    written = (
        f"`{location.scheme} <credential>`" if isinstance(location, Header) and location.scheme else "The credential"
    )
    return Parameter(location.name, f"{written} of the security scheme `{scheme.name}`.", required=required)


def _object(own: Iterable[Parameter], of_schemes: Iterable[Parameter]) -> dict[str, Any]:
    """Write the parameters as the properties of an object; the application's own come first."""
    by_name: dict[str, Parameter] = {}
    for parameter in (*own, *of_schemes):
        by_name.setdefault(parameter.name, parameter)
    if not by_name:
        return {}
    written: dict[str, Any] = {
        "type": "object",
        "properties": {name: _schema(parameter) for name, parameter in by_name.items()},
    }
    if required := [name for name, parameter in by_name.items() if parameter.required]:
        written["required"] = required
    return written


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    for member, value in (
        ("description", parameter.description),
        ("default", parameter.default),
        ("enum", list(parameter.enum)),
        ("examples", list(parameter.examples)),
    ):
        if value not in ("", None, []):
            schema.setdefault(member, value)
    return schema
