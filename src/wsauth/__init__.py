"""Authentication for WebSockets on ASGI: one policy decides who may connect, and for how long."""

from wsauth.asgi.connection import Connection
from wsauth.asgi.middleware import WebSocketAuthMiddleware
from wsauth.core.credentials import Credentials
from wsauth.core.errors import ConfigurationError, ConnectionEnded, InvalidCredentials, VerifierUnavailable
from wsauth.core.first_message import FirstMessage
from wsauth.core.handshake import Handshake
from wsauth.core.identity import Identity
from wsauth.core.locations import Cookie, Header, Query, Subprotocol
from wsauth.core.origins import AnyOrigin, Origins, SameHost, SameHostOrAbsent
from wsauth.core.reasons import CloseProfile, Reason
from wsauth.core.scheme import SecurityScheme
from wsauth.core.verifier import Verifier
from wsauth.policy import Anonymous, Policy, Refusals, ReportOnly
from wsauth.revocation.connections import Connections

__version__ = "0.1.0"

__all__ = [
    "Anonymous",
    "AnyOrigin",
    "CloseProfile",
    "ConfigurationError",
    "Connection",
    "ConnectionEnded",
    "Connections",
    "Cookie",
    "Credentials",
    "FirstMessage",
    "Handshake",
    "Header",
    "Identity",
    "InvalidCredentials",
    "Origins",
    "Policy",
    "Query",
    "Reason",
    "Refusals",
    "ReportOnly",
    "SameHost",
    "SameHostOrAbsent",
    "SecurityScheme",
    "Subprotocol",
    "Verifier",
    "VerifierUnavailable",
    "WebSocketAuthMiddleware",
]
