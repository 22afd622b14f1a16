"""What a policy may not be: each setting is checked when the policy is made, never by a request.

Every message names the setting, what was found, and the line to write instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from enum import Enum
from typing import Any

from wsauth.core.errors import ConfigurationError
from wsauth.core.first_message import FirstMessage
from wsauth.core.handshake import is_token
from wsauth.core.modes import Anonymous
from wsauth.core.origins import AnyOrigin, SameHost
from wsauth.core.scheme import SecurityScheme


def listed(setting: str, values: object, instead: str) -> tuple[Any, ...]:
    """Return the values of a setting that takes several; one alone, or a str, is a mistake."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigurationError(f"Policy({setting}={values!r}): write a list, as {setting}=[{instead}]")
    return tuple(values)


def check_schemes(schemes: Sequence[SecurityScheme], anonymous: Anonymous) -> None:
    if not schemes and anonymous is Anonymous.NEVER:
        raise ConfigurationError("Policy(schemes=[]) admits nobody: write schemes=[SecurityScheme(...)]")
    for scheme in schemes:
        if not isinstance(scheme, SecurityScheme):
            raise ConfigurationError(
                f"Policy(schemes=[...]) holds {_found(scheme)}; write SecurityScheme(name, location, verifier)"
            )
    _check_distinct("name", [scheme.name for scheme in schemes])
    _check_distinct("place", [scheme.location for scheme in schemes])


def _check_distinct(what: str, values: list[object]) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ConfigurationError(
                f"Policy(schemes=[...]): two schemes share the {what} {value!r}; give each its own"
                " (one JWTVerifier takes several keys)"
            )


def check_first_message(schemes: Sequence[SecurityScheme], anonymous: Anonymous) -> None:
    at = [index for index, scheme in enumerate(schemes) if isinstance(scheme.location, FirstMessage)]
    if not at:
        return
    if at != [len(schemes) - 1]:
        raise ConfigurationError(
            f"Policy(schemes=[...]): {schemes[at[0]].name!r} reads the FirstMessage and is not last; write it last,"
            " and once: what follows would never be tried"
        )
    if anonymous is not Anonymous.NEVER:
        raise ConfigurationError(
            f"Policy(anonymous={anonymous}): FirstMessage excludes it, for an anonymous client sends no first message and"
            " would wait for the deadline; write anonymous=Anonymous.NEVER, or another location"
        )


def check_origins(rule: object, schemes: Sequence[SecurityScheme]) -> None:
    if isinstance(rule, str):
        raise ConfigurationError(f"Policy(origins={rule!r}): write origins=Origins({rule!r})")
    check = getattr(rule, "check", None)
    if isinstance(rule, type) or not callable(check):
        raise ConfigurationError(
            f"Policy(origins=...) is {_found(rule)}; write origins=Origins(...) or origins=SameHost()"
        )
    if inspect.iscoroutinefunction(check):
        raise ConfigurationError(
            f"Policy(origins=...) is {_found(rule)} whose check is async; write `def check(self, handshake)`"
        )
    ambient = " and ".join(scheme.name for scheme in schemes if scheme.ambient)
    if isinstance(rule, AnyOrigin) and ambient:
        raise ConfigurationError(
            f"Policy(origins=AnyOrigin()) with {ambient}, which the browser, or a proxy behind it, sends for every page: any"
            ' site could use your users\' logins; write origins=Origins("https://app.example.com")'
        )
    if isinstance(rule, SameHost) and ambient and (wide := rule.too_wide()):
        raise ConfigurationError(
            f"Policy(origins={type(rule).__name__}([{wide!r}])) with {ambient}: hosts that anybody can register are among"
            " them, and pages of one that somebody points at this server connect as its own (DNS rebinding); write the names"
            f' that it serves, as {type(rule).__name__}(["app.example.com", ".example.com"])'
        )


def check_is(setting: str, value: object, kind: type) -> None:
    """Raise unless the setting is of the kind; for an enumeration the message names its members."""
    if not isinstance(value, kind):
        members = ", ".join(map(str, kind)) if issubclass(kind, Enum) else f"{kind.__name__}(...)"
        raise ConfigurationError(f"Policy({setting}={value!r}): write {setting}={members}")


def check_seconds(setting: str, value: object, most: float, *, least: float = 0) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most or value == 0:
        bounds = f"from {least:.0f} to {most:.0f}" if least else f"above 0 and up to {most:.0f}"
        raise ConfigurationError(f"Policy({setting}={value!r}): write seconds, {bounds}")


def check_count(setting: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"Policy({setting}={value!r}): write a whole number above 0")


def check_clock(where: str, clock: object) -> None:
    """Raise for a clock that cannot be read: each handshake would fail."""
    if not callable(clock) or inspect.iscoroutinefunction(clock):
        raise ConfigurationError(
            f"{where}(clock=...) is {_found(clock)}; write a function that returns seconds: clock=time.time"
        )


def check_subprotocols(names: Iterable[object]) -> None:
    for name in names:
        if not is_token(name):
            raise ConfigurationError(
                f"Policy(subprotocols=[{name!r}]) is no subprotocol name (RFC 6455 §4.1); write a token, such as 'chat'"
            )


def check_variables(variables: Iterable[object]) -> None:
    for variable in variables:
        if not isinstance(variable, ContextVar):
            raise ConfigurationError(
                f"Policy(context_ignores=[...]) holds {_found(variable)}; write the ContextVar itself, such as"
                " context_ignores=[current_request]"
            )


def _found(value: object) -> str:
    """Name what was found by its type: the value may be a key."""
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
