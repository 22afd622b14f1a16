"""What kind of token it is: that the right key signed it does not make it a credential (RFC 8725 §3.11-3.12).

Issuers sign more than access tokens with one key: refresh tokens, ID tokens, log-out tokens, links in mails. Each is told by
its header, by a claim that names its kind, or by a claim that only its kind has.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from wsauth.core.errors import InvalidCredentials
from wsauth.verifiers.compact import media_type

_ACCESS = frozenset({"access", "access_token", "bearer", "at+jwt", "at"})
_UNTYPED, _ACCESS_TYP = "jwt", "at+jwt"  # RFC 7519 §5.1, RFC 9068 §2.1
# Where issuers say what a token is for: simplejwt, Cognito, flask-jwt-extended, Keycloak, and home-made reset links.
_NAMES = frozenset({"token_type", "token_use", "tokenType", "type", "typ", "use", "purpose"})
_ID = frozenset({"id", "id_token"})
_LOGOUT = frozenset({"logout", "secevent"})
_BOUND = frozenset({"pop", "dpop", "mtls"})
# Claims of one kind alone, and how token_type names that kind. An ID token has a nonce where its client sent one, and a hash
# where something came beside it (OpenID Connect Core §2, §3.3.2.11). `events` are of a security event token, such as a
# back-channel log-out (RFC 8417 §2.2). `cnf` binds a token to a key of the client's, which nobody here asks for (RFC 7800
# §3.1, RFC 8705 §3.1, RFC 9449 §6.1): a thief would present it as well.
_MARKS = {"nonce": _ID, "at_hash": _ID, "c_hash": _ID, "s_hash": _ID, "events": _LOGOUT, "cnf": _BOUND}
# Where home-made tokens say what they are for, in names that may as well mean something else of an access token: so only
# the words of another kind refuse. How a token was got (`grant_type`, `gty`) says nothing of what it is.
_HINTS = frozenset(
    {
        *(
            "kind",
            "token_kind",
            "tokenKind",
            "token_class",
            "tokenClass",
            "token-type",
            "tokentype",
            "TokenType",
            "Token_Type",
        ),
        *("token-use", "tokenUse", "ttype", "scope_type", "action", "usage", "intent", "category", "aim"),
    }
)
_WORDS = """
    refresh refresh_token id_token reset password_reset reset_password set_password verify verification email_verification
    verify_email confirm confirmation confirm_email activate activation invite invitation magic_link magiclink login_link
    mfa mfa_pending mfa_challenge mfa_required 2fa two_factor otp pre_auth preauth unsubscribe logout
"""
_OTHERS = frozenset(_WORDS.split())
_SCOPES = _OTHERS - {
    "id_token",
    "reset",
    "verify",
    "verification",
    "confirm",
    "activate",
    "invite",
    "logout",
    "unsubscribe",
}
_NAMED = _NAMES | _HINTS
_FLAGS = {"refresh": "refresh", "is_refresh": "refresh", "isRefresh": "refresh"}
_FLAGS |= {name: name for name in ("password_reset", "mfa_pending", "mfa_required")}
_NONE: frozenset[str] = frozenset()

taken: set[str] = set()  # the kinds that any verifier of this process accepts


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds that are accepted, and the header `typ` if one is required."""

    names: frozenset[str]
    typ: str | None
    _typs: frozenset[str]

    @classmethod
    def of(cls, token_types: Collection[str], typ: str | None) -> Kinds:
        given = {name.lower() for name in (*token_types, *((typ,) if typ is not None else ()))}
        names = given | {name.removesuffix("+jwt") for name in given}
        if "access" in {name.lower() for name in token_types}:
            names |= _ACCESS
        taken.update(names)
        typs = {_UNTYPED, *(f"{name}+jwt" for name in names)}
        if _ID.isdisjoint(names):
            typs.add(_ACCESS_TYP)
        return cls(frozenset(names), typ, frozenset(typs))

    def check_header(self, header: Mapping[str, Any]) -> None:
        """Refuse a token whose header announces another kind of token."""
        typ = header.get("typ")
        if self.typ is not None:
            if typ is None or media_type(typ) != self.typ:
                raise InvalidCredentials(f"header typ is not the configured {self.typ}")
        elif typ is not None and media_type(typ) not in self._typs:
            raise InvalidCredentials("header typ announces another kind of token")

    def check(self, claims: Mapping[str, Any]) -> None:
        """Refuse a token whose claims are those of another kind."""
        announced = self.typ not in (None, _UNTYPED)  # a typ that every token may have tells no kind
        named = [] if _NAMES.isdisjoint(claims) else [claims[name] for name in _NAMES & claims.keys()]
        if not all(isinstance(kind, str) and kind.lower() in self.names for kind in named):
            raise InvalidCredentials("token is of another kind than token_type allows, such as a refresh token")
        if (other := _told(claims)) and other.isdisjoint(name.replace("-", "_") for name in self.names):
            raise InvalidCredentials(
                f"token says that it is for {min(other)!r}; if it is meant, write token_type={min(other)!r}"
            )
        marks = () if _MARKS.keys().isdisjoint(claims) else _MARKS.keys() & claims.keys()
        for mark in marks:
            if _MARKS[mark].isdisjoint(self.names) and not (mark == "nonce" and (named or announced)):
                raise InvalidCredentials(
                    f"claim {mark} is of another kind of token; if it is meant, write"
                    f" token_type={min(_MARKS[mark], key=len)!r}"
                )
        if not (named or marks or announced or self._may_be_unnamed(claims)):
            raise InvalidCredentials("token does not say that it is of the configured token_type")

    def _may_be_unnamed(self, claims: Mapping[str, Any]) -> bool:
        """Access and ID tokens hardly ever say what they are; these always have an audience (OpenID Connect Core §2)."""
        return "access" in self.names or (not _ID.isdisjoint(self.names) and "aud" in claims)


def _told(claims: Mapping[str, Any]) -> frozenset[str]:
    """The other kinds that claims tell by a hint, a flag, or scopes that are nothing else; none for nearly every token."""
    told: set[str] = set()
    if not _HINTS.isdisjoint(claims):
        told.update(_plain(claims[name]) for name in _HINTS & claims.keys())
    for name in claims:
        if name[:4] == "http" and name.rpartition("/")[2] in _NAMED:
            told.add(_plain(claims[name]))
    if not _FLAGS.keys().isdisjoint(claims):
        told.update(_FLAGS[name] for name in _FLAGS.keys() & claims.keys() if claims[name] is True)
    told &= _OTHERS
    scope = claims.get("scope") or claims.get("scopes") or claims.get("scp")
    names = scope.split(" ") if isinstance(scope, str) else scope
    if isinstance(names, list) and names and _plain(names[0]) in _SCOPES:
        scopes = set(map(_plain, names))
        told |= scopes if scopes <= _SCOPES else set()
    return frozenset(told) if told else _NONE


def _plain(value: object) -> str:
    return value.lower().replace("-", "_") if isinstance(value, str) else ""


ACCESS = Kinds.of(("access",), None)
