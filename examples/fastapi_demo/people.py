"""The users, in memory. Passwords are hashed even here: examples get copied."""

import hashlib
import secrets
from dataclasses import dataclass

from shared.people import PEOPLE


@dataclass
class Person:
    id: str
    name: str
    salt: bytes
    password: bytes
    is_active: bool
    permissions: frozenset[str]
    logins: int = 0  # raised by "log out everywhere", so that older sessions are nobody's


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def _person(number: int, seed: dict) -> Person:
    salt = secrets.token_bytes(16)
    permissions = frozenset({"dashboard"} if seed["dashboard"] else ())
    return Person(str(number), seed["name"], salt, _hash(seed["password"], salt), seed["active"], permissions)


_people = [_person(number, seed) for number, seed in enumerate(PEOPLE, start=1)]
_by_id = {person.id: person for person in _people}
_by_name = {person.name: person for person in _people}


def by_id(subject: str) -> Person | None:
    return _by_id.get(subject)


def by_name(name: str) -> Person | None:
    return _by_name.get(name)


def by_session(session: dict) -> Person | None:
    """Return the person of a login that still counts."""
    person = by_id(session.get("user_id", ""))
    if person is None or not person.is_active or session.get("login") != person.logins:
        return None
    return person


def by_password(name: str, password: str) -> Person | None:
    person = by_name(name)
    if person is None or not person.is_active:
        return None
    return person if secrets.compare_digest(person.password, _hash(password, person.salt)) else None
