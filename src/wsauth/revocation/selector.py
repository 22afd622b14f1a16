"""Whom a revocation names: by kinds of key that an identity bears. Several kinds must all match; none at all is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from wsauth.core.identity import Identity

Key = tuple[str, str]
Match = frozenset[Key]

KINDS = ("subject", "session_id", "token_id", "key_id", "issuer")
MAX_KEY = 512  # characters
MAX_MATCH = 3072  # bytes of JSON: what else a record holds fits beside it


class Whom(TypedDict, total=False):
    """The selectors of every verb, as in `Identity`. `labels` are those that a verifier gave the identity.

    `subject` alone is that of every issuer; with `issuer` it is one person, where issuers are several.
    """

    subject: str
    session_id: str
    token_id: str
    key_id: str
    issuer: str
    labels: Mapping[str, str]


def match_of(whom: Mapping[str, object]) -> Match:
    """Return what to look for. Raises ValueError for an empty selector, which would match everyone, or an odd value."""
    given = dict(whom)
    labels = given.pop("labels", {})
    if unknown := given.keys() - set(KINDS):
        raise ValueError(
            f"{', '.join(sorted(unknown))} is no selector; write subject=, issuer=, session_id=, token_id=,"
            " key_id= or labels="
        )
    if not isinstance(labels, Mapping) or labels.keys() & set(KINDS):
        raise ValueError('labels must be a mapping of other names than the selectors, as labels={"device": "phone"}')
    match = frozenset(
        (_text("the name of a label", kind), _text(kind, value)) for kind, value in (*given.items(), *labels.items())
    )
    if not match:
        raise ValueError("name whom: revoke(subject=...), revoke(session_id=...) or revoke(token_id=...)")
    if len(json.dumps(dict(match))) > MAX_MATCH:
        raise ValueError(f"a selector is at most {MAX_MATCH} bytes of JSON: name fewer or shorter labels")
    return match


def keys_of(identity: Identity) -> tuple[Key, ...]:
    """Return every key by which a revocation can find this identity. Who acts as another bears both subjects."""
    named = tuple((kind, value) for kind in KINDS if (value := getattr(identity, kind)))
    if identity.acts_as_another and identity.proven_subject:
        named = (*named, ("subject", identity.proven_subject))
    return (
        (*named, *(label for label in identity.labels.items() if label[0] not in KINDS)) if identity.labels else named
    )


_HINTS = {  # what is to be written where a value is none
    "subject": "; write str(user.pk)",
    "session_id": "; in Django write session_id(session_key)",
    "token_id": "; a token without a jti has none: issue tokens with one, or revoke by subject",
}


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_KEY:
        raise ValueError(
            f"{name} must be a non-empty str of at most {MAX_KEY} characters, as in Identity{_HINTS.get(name, '')}"
        )
    return value
