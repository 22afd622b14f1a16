"""What is written where a secret belongs, and is none: the place of one, its name, a line that sets it, a whole token.

All of it is long enough and looks random to a machine, and all of it is known to others: it stands in a repository, in a
log, in the settings of a platform. Each pattern asks for more than chance makes of the alphabet of any generator.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import NamedTuple


class Misplaced(NamedTuple):
    """`what` it is, and what to write `instead`: parts of an error's sentence."""

    what: str
    instead: str


ADDRESS = Misplaced("an address, not what is there", "write what is there, or the secret itself")
_FILE = Misplaced(
    "the name of a file, not what is in it", "write Path('…').read_bytes(), or read_text().strip() for a secret"
)
_ELSEWHERE = Misplaced("the name of a secret that is kept elsewhere", "fetch it at the start, and write what it is")
_CODE = Misplaced(
    "the code that would look it up", "write os.environ['JWT_SECRET'], or whatever its name is, without quotes"
)
_VARIABLE = Misplaced("the name of a variable", "write os.environ['JWT_SECRET'], or whatever its name is")
_LINE = Misplaced("a whole line of settings", "write what comes after the name alone")
_TOKEN = Misplaced("a whole token", "write the secret that signs tokens")
_MASKED = Misplaced("hidden by a program that prints settings", "write settings.jwt_secret.get_secret_value()")
_HEADER = Misplaced("the value of a header", "write the secret that signs tokens")
_HASH = Misplaced("the hash of a password", "write a secret of its own")
_PRINTED = Misplaced("an object printed as text", "write what is in it")
_UUID = Misplaced("a UUID that is not random (RFC 9562 §6.9)", "write a random secret")
_OBJECT = Misplaced("a text in JSON", "write the entry that holds the secret, as json.loads(…)['key']")

_LONG = r"(?i:secret|token|passw|config|credential|private|signing)"  # in a name, where chance could not make it
_WORDS = (
    "secrets secret keys key tokens token jwt password passwd pwd auth salt hmac config conf certs cert env signing"
)
_WORD = "|".join(spelled for word in _WORDS.split() for spelled in (word, word.upper(), word.capitalize()))
_SETTING = rf"(([A-Za-z0-9]+[_.-])*({_WORD})([_.-][A-Za-z0-9]+)*|[A-Za-z0-9_.-]*{_LONG}[A-Za-z0-9_.-]*)"
_DOTS = r"(~|\.{1,2})?/"
_SUFFIX = r"(?i:pem|key|pub|crt|cer|der|jwks?|json|p8|p12|pfx|ppk|txt|env|ini|ya?ml|toml|conf|asc|jks|keystore)"

_STORES = "vault|ssm|asm|awssm|awsps|gsm|gcpsm|gcp|akv|azkv|keyvault|bws|kms|sops|env|k8s|secrets?(manager)?|doppler"
_PUBLISHED = r"(\.well-known|jwks(\.json)?|keys|certs|oauth2?|openid-connect|discovery|realms|v[12]\.0)"
_ISSUERS = "auth0|okta|oktapreview|onelogin|microsoftonline|amazonaws|googleapis|googleusercontent"
_LOOKUPS = (
    r"(os\.(environ|getenv)|getenv|environ|process\.env|import\.meta\.env|Deno\.env|Bun\.env|System\.getenv|ENV|env"
    r"|config|decouple|settings|secrets|app\.config|current_app\.config|st\.secrets)"
)
_PATTERNS: tuple[tuple[str, Misplaced], ...] = (
    # A secret of a store, by its name there.
    (rf"(?i:({_STORES}):.+|op://.+|/?(projects|subscriptions)/[\w.-]+/.+|arn:aws[\w-]*:.+|ref\+\w+:.+)", _ELSEWHERE),
    (
        r"(?i:(valueFrom|secretKeyRef)\b.*|@Microsoft\.KeyVault\(.*\)|!(vault|ref|sub|importvalue|getatt)\b.*)",
        _ELSEWHERE,
    ),
    (r"(ENC\[|\{cipher\}|\$ANSIBLE_VAULT;).*", _ELSEWHERE),
    # A scheme; a host and a path; the host of an issuer alone.
    (r"(?i:file):/?(?!/)[\w.@~ /-]+", _FILE),
    (r"(?i:[a-z][a-z0-9+.-]*://.*|//[\w-]+\.[\w./?=&%:#~-]*)", ADDRESS),
    (rf"(?i:(?=.*/{_PUBLISHED}\b)[\w-]+(\.[\w-]+)*(:\d+)?/[\w./?=&%:#~-]*)", ADDRESS),
    (r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}(:\d+)?/[a-z0-9_./?=&%:#~-]*", ADDRESS),
    (rf"(?i:[\w-]+(\.[\w-]+)*\.(({_ISSUERS})\.com|supabase\.co|firebaseapp\.com|clerk\.accounts\.dev))", ADDRESS),
    (r"[\w.+-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,}(:[\w./~-]+)?", ADDRESS),
    # From a root; with names in lower case, or with a word for what is in it; of Windows; with the ending of such a file.
    (
        rf"{_DOTS}(?i:run|etc|var|usr|home|opt|mnt|app|srv|tmp|root|dev|proc|data|vault|users|volumes)/[\w.@~ /-]+",
        _FILE,
    ),
    (rf"{_DOTS}[a-z0-9_.@~-]+(/[a-z0-9_.@~-]+)*", _FILE),
    (rf"{_DOTS}[\w.@~/-]*{_LONG}[\w.@~/-]*", _FILE),
    (rf"([a-z0-9_.-]+/)+{_SETTING}|{_SETTING}/([a-z0-9_.-]+/)*[a-z0-9_.-]+", _FILE),
    (r"[A-Za-z]:[\\/][\w .@~$()\\/-]+|\\\\[\w.-]+\\[\w .@~$()\\/-]+", _FILE),
    (rf"[\w .@~$()/\\:-]+\.{_SUFFIX}", _FILE),
    # Where a secret would come from.
    (rf"{_LOOKUPS}[.(\[][\w.'\"()\[\], -]+|(var|local|data|Environment)\.{_SETTING}", _CODE),
    (rf"(?={_SETTING}$)(?!(.*[0-9]){{6}})[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", _VARIABLE),
    (rf"(export |set |\$env:)?{_SETTING} ?= ?(?=.*[^=]).+|[\"']?{_SETTING}[\"']?: .+", _LINE),
    (
        rf"\[[\w.-]+\]\s*\n\s*{_SETTING} ?=.*|{_SETTING}:\s*\n\s+{_SETTING}:.*|([A-Za-z][A-Za-z ]+=[^;=]+;){{2,}}.*",
        _LINE,
    ),
    (r"(?i:bearer|basic|token) [\w.~+/=-]+", _HEADER),
    (
        r"\$2[abxy]\$\d\d\$[./\w]+|\$argon2\w+\$.+|\$(1|5|6|y)\$[./\w]+\$[./\w]+|(pbkdf2|bcrypt|scrypt|argon2)\w*\$.+",
        _HASH,
    ),
    (r"\[['\"].*['\"],?\]|\(['\"].*['\"],?\)|\{['\"].*['\"]\}|\w*Path\(['\"].*['\"]\)", _PRINTED),
    (r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[12356][0-9A-Fa-f]{3}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}", _UUID),
    (r"eyJ[\w-]*(\.[\w-]*){2,4}", _TOKEN),
    (r"(?i:[\w.-]{0,12}[*•]{4,}[\w.-]{0,8}|.*(Secret(Str|Bytes)\(|\bredacted\b|<hidden>|\[filtered\]).*)", _MASKED),
)
_KNOWN = tuple((re.compile(pattern, re.DOTALL), found) for pattern, found in _PATTERNS)
_QUOTED = re.compile(r"[bru]{0,2}(['\"`])(.*)\1", re.DOTALL)
_SET = re.compile(rf"(?:export |set |\$env:)?{_SETTING} ?[=:] ?(?P<value>.+)", re.DOTALL)


def misplaced(secret: bytes) -> Misplaced | None:
    """Return what a text is that is no secret; None where it could be one."""
    return next(filter(None, map(_found, spellings(secret))), None)


def spellings(secret: bytes) -> Iterator[str]:
    """The text without blanks around it, and what is left without quotes, without a name before it, or without base64."""
    text = secret.decode("latin-1").strip()
    yield text
    if (quoted := _QUOTED.fullmatch(text)) is not None:
        yield quoted[2].strip()
    if (line := _SET.fullmatch(text)) is not None:
        yield line["value"].strip("'\"` ")
    if (decoded := _decoded(text)) is not None:
        yield decoded


def _found(text: str) -> Misplaced | None:
    if _is_json(text):
        return _OBJECT
    return next((found for pattern, found in _KNOWN if pattern.fullmatch(text)), None)


def _is_json(text: str) -> bool:
    try:
        return text.startswith(("{", "[")) and isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _decoded(text: str) -> str | None:
    """What is written in base64, where that is a text: random bytes hardly ever are."""
    try:
        decoded = base64.b64decode(text, validate=True).decode("ascii").strip()
    except (binascii.Error, ValueError):
        return None
    return decoded if decoded.isprintable() and len(decoded) >= 8 else None
