"""Authentication for WebSockets on ASGI: one policy decides who may connect, and for how long.

A name is loaded when it is first used (PEP 562), so that importing wsauth costs an application next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsauth.asgi.connection import Connection
    from wsauth.asgi.middleware import WebSocketAuthMiddleware
    from wsauth.core.close_profile import CloseProfile
    from wsauth.core.credentials import Credentials
    from wsauth.core.errors import ConfigurationError, ConnectionEnded, InvalidCredentials, VerifierUnavailable
    from wsauth.core.events import Event, EventKind, log_events
    from wsauth.core.expiry_warning import ExpiryWarning
    from wsauth.core.first_message import FirstMessage
    from wsauth.core.handshake import Handshake
    from wsauth.core.identity import Identity
    from wsauth.core.locations import Cookie, Header, Query, Subprotocol
    from wsauth.core.modes import Anonymous, Refusals
    from wsauth.core.origins import AnyOrigin, Origins, SameHost, SameHostOrAbsent
    from wsauth.core.reasons import Reason
    from wsauth.core.scheme import SecurityScheme
    from wsauth.core.verifier import Rechecker, Verifier
    from wsauth.policy import Policy, ReportOnly
    from wsauth.revocation.blind import Blind
    from wsauth.revocation.connections import Connections
    from wsauth.revocation.log import MemoryLog, Receipt, RevocationLog, RevocationNotRecorded
    from wsauth.verifiers.mapped import Mapped

__version__ = "0.1.0"

_HOMES = {
    "asgi.connection": ("Connection",),
    "asgi.middleware": ("WebSocketAuthMiddleware",),
    "core.credentials": ("Credentials",),
    "core.errors": ("ConfigurationError", "ConnectionEnded", "InvalidCredentials", "VerifierUnavailable"),
    "core.events": ("Event", "EventKind", "log_events"),
    "core.expiry_warning": ("ExpiryWarning",),
    "core.first_message": ("FirstMessage",),
    "core.handshake": ("Handshake",),
    "core.identity": ("Identity",),
    "core.locations": ("Cookie", "Header", "Query", "Subprotocol"),
    "core.modes": ("Anonymous", "Refusals"),
    "core.origins": ("AnyOrigin", "Origins", "SameHost", "SameHostOrAbsent"),
    "core.close_profile": ("CloseProfile",),
    "core.reasons": ("Reason",),
    "core.scheme": ("SecurityScheme",),
    "core.verifier": ("Rechecker", "Verifier"),
    "policy": ("Policy", "ReportOnly"),
    "revocation.blind": ("Blind",),
    "revocation.connections": ("Connections",),
    "revocation.log": ("MemoryLog", "Receipt", "RevocationLog", "RevocationNotRecorded"),
    "verifiers.mapped": ("Mapped",),
}
_HOME = {name: f"wsauth.{home}" for home, names in _HOMES.items() for name in names}

__all__ = [
    "Anonymous",
    "AnyOrigin",
    "Blind",
    "CloseProfile",
    "ConfigurationError",
    "Connection",
    "ConnectionEnded",
    "Connections",
    "Cookie",
    "Credentials",
    "Event",
    "EventKind",
    "ExpiryWarning",
    "FirstMessage",
    "Handshake",
    "Header",
    "Identity",
    "InvalidCredentials",
    "Mapped",
    "MemoryLog",
    "Origins",
    "Policy",
    "Query",
    "Reason",
    "Receipt",
    "Rechecker",
    "Refusals",
    "ReportOnly",
    "RevocationLog",
    "RevocationNotRecorded",
    "SameHost",
    "SameHostOrAbsent",
    "SecurityScheme",
    "Subprotocol",
    "Verifier",
    "VerifierUnavailable",
    "WebSocketAuthMiddleware",
    "log_events",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'wsauth' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"import_module", "TYPE_CHECKING"})
