"""From policies to AsyncAPI's security: what a scheme looks like, and which schemes really admit a client.

Only locations are read, and of a verifier the name of its token format; never its keys. 3.0.0, Security Scheme Object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wsauth.asyncapi import extensions
from wsauth.core.first_message import FirstMessage
from wsauth.core.location import Location
from wsauth.core.locations import Cookie, Header, Query, Subprotocol
from wsauth.core.modes import Anonymous
from wsauth.core.scheme import SecurityScheme
from wsauth.policy import Policy, ReportOnly

_FORMAT = re.compile(r"[A-Za-z][A-Za-z0-9.+\-]{0,15}")  # "JWT"; anything that could be a key is left out


@dataclass(frozen=True, slots=True)
class Guard:
    """What the policies around one channel come to, together.

    `schemes` are those that can admit a client. `optional`: one without credentials is admitted too. `enforced` is false
    where there is no policy, or only some that report.
    """

    schemes: tuple[SecurityScheme, ...] = ()
    optional: bool = False
    enforced: bool = False
    report_only: bool = False
    policies: tuple[Policy, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether nobody can pass: the policies share no scheme."""
        return self.enforced and not self.schemes and not self.optional


def guard(policies: Iterable[Policy | ReportOnly]) -> Guard:
    """Say who passes all of the policies, outermost first.

    A nested policy narrows (`Policy.narrow`): an identity from outside passes where its scheme is one of the nested
    policy's. It decides itself only where the outer ones admitted an anonymous client.
    """
    listed = tuple(policies)
    enforced = tuple(dict.fromkeys(policy for policy in listed if isinstance(policy, Policy)))
    if not enforced:
        return Guard(report_only=bool(listed))
    schemes, optional = list(enforced[0].schemes), _admits_anonymous(enforced[0])
    for at, policy in enumerate(enforced[1:], start=1):
        passing = [scheme for scheme in schemes if scheme in policy.schemes]
        fresh = [scheme for scheme in policy.schemes if optional and not _decided(scheme, enforced[:at])]
        schemes, optional = passing + fresh, optional and _admits_anonymous(policy)
    return Guard(tuple(schemes), optional, True, any(isinstance(p, ReportOnly) for p in listed), enforced)


def _admits_anonymous(policy: Policy) -> bool:
    return policy.anonymous is not Anonymous.NEVER


def _decided(scheme: SecurityScheme, outer: Iterable[Policy]) -> bool:
    """Whether a client with this credential was decided on further out, by the same scheme or by another in the same place.

    Another scheme in the same place refuses the credential as invalid, unless its policy lets invalid ones pass.
    """
    return any(
        known == scheme or (known.location == scheme.location and policy.anonymous is not Anonymous.IF_INVALID)
        for policy in outer
        for known in policy.schemes
    )


def security_scheme(scheme: SecurityScheme) -> dict[str, Any]:
    """Write one scheme. A location of the user's own may say it itself, in a method `security_scheme()`."""
    location = scheme.location
    own = getattr(location, "security_scheme", None)
    if callable(own):
        return dict(own())
    if isinstance(location, Query):
        return _api_key("query", location.name, location)
    if isinstance(location, Header):
        return _header(location, scheme)
    if isinstance(location, Subprotocol):
        return _subprotocol(location)
    if isinstance(location, FirstMessage):
        return _first_message(location)
    name = getattr(location, "name", None)
    if isinstance(location, Cookie) or (location.ambient and isinstance(name, str)):
        return _api_key("cookie", str(name), location)
    return _unknown(location)


def is_described(scheme: SecurityScheme) -> bool:
    """Whether AsyncAPI readers can tell from the scheme where its credential goes."""
    return extensions.LOCATION not in security_scheme(scheme)


def _api_key(where: str, name: str, location: Location) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "httpApiKey", "in": where, "name": name}
    if _is_session(location):
        written[extensions.SESSION] = True
    return written


def _is_session(location: Location) -> bool:
    """Ask the location; the adapters' own say it by their names (`SessionCookie`, `SessionKeyInQuery`)."""
    said = getattr(location, "session", None)
    return said if isinstance(said, bool) else type(location).__name__.startswith("Session")


def _header(location: Header, scheme: SecurityScheme) -> dict[str, Any]:
    http = (location.scheme or "").lower()
    if location.name.lower() != "authorization":
        written = _api_key("header", location.name, location)
        if location.scheme:
            written[extensions.HEADER_SCHEME] = location.scheme
        return written
    written = {"type": "http", "scheme": http}  # lower case: readers compare with "bearer"
    token_format = getattr(scheme.verifier, "bearer_format", None)
    if http == "bearer" and isinstance(token_format, str) and _FORMAT.fullmatch(token_format):
        written["bearerFormat"] = token_format
    return written


def _subprotocol(location: Subprotocol) -> dict[str, Any]:
    return {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": (
            f"Two subprotocols are offered, `{location.marker}` and then the credential:"
            f' `new WebSocket(url, ["{location.marker}", credential])`.'
        ),
        extensions.SUBPROTOCOL: {"marker": location.marker},
    }


def _first_message(location: FirstMessage) -> dict[str, Any]:
    """Write a first message as `apiKey`: a credential inside the protocol and not in HTTP, in the place of a password."""
    payload = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": location.type},
            location.field: {"type": "string", "writeOnly": True},
        },
        "required": ["type", location.field],
    }
    return {
        "type": "apiKey",
        "in": "password",
        "description": (
            f"The first text message after the socket has opened is a JSON object with `type` `{location.type}` and the"
            f" credential in `{location.field}`, sent within {location.deadline:g} seconds."
        ),
        extensions.FIRST_MESSAGE: {
            "type": location.type,
            "field": location.field,
            "deadline": location.deadline,
            "payload": payload,
        },
    }


def _unknown(location: Location) -> dict[str, Any]:
    kind = type(location).__name__
    return {
        "type": "apiKey",
        "in": "user",
        "description": f"The credential travels in a place of the application's own ({kind}).",
        extensions.LOCATION: kind,
    }


class SchemeKeys:
    """The keys under `components.securitySchemes`: one for each scheme, however many policies use it."""

    def __init__(self) -> None:
        self._known: list[tuple[SecurityScheme, str]] = []
        self.written: dict[str, dict[str, Any]] = {}

    def key(self, scheme: SecurityScheme) -> str:
        """Return the scheme's key: its name, with a number where another scheme has that name."""
        for known, key in self._known:
            if known is scheme or known == scheme:
                return key
        key = self._place(scheme.name, security_scheme(scheme))
        self._known.append((scheme, key))
        return key

    def add_not_enforced(self, declared: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Add schemes that only settings declare; return their keys. One that a policy enforces is left to the policy."""
        enforced = [_place_of(written) for written in self.written.values()]
        return [
            self._place(name, dict(written)) for name, written in declared.items() if _place_of(written) not in enforced
        ]

    def _place(self, name: str, written: dict[str, Any]) -> str:
        key, number = name, 1
        while key in self.written:
            number += 1
            key = f"{name}_{number}"
        self.written[key] = written
        return key


def _place_of(written: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(written.get(member) for member in ("type", "in", "name", "scheme"))
