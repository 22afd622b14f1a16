"""Patterns of host names as Django's ALLOWED_HOSTS has them: a name, `.example.com` for it and all below, "*" for any."""

from __future__ import annotations

import re

# Top-level names that nobody can register below (RFC 6761, RFC 6762, and ICANN's .internal of 2024).
_OWN = ("localhost", "test", "example", "invalid", "local", "internal", "lan", "home", "corp", "intranet")
# The second level under a country's domain that is as open as a top level: .co.uk, .com.au, .or.jp
_OPEN = re.compile(r"(ac|asso|com?|edu|gen|gob?|gou?v|gv|id|info|ltd|me|mil|net?|nom|org?|plc|sch|web)\.[a-z]{2}")
# Names below which anybody gets one that points wherever they like.
_DYNAMIC = re.compile(
    r"(nip|sslip|xip)\.io|(duckdns|dyndns|no-ip|hopto|eu|afraid)\.org|(ddns|dynu)\.net|(mooo|chickenkiller)\.com|rbndr\.us"
    r"|localtest\.me|lvh\.me"
)


def host_matches(host: str, pattern: str) -> bool:
    """Whether a host is the pattern, or below one that starts with a dot (Django's ALLOWED_HOSTS)."""
    pattern = pattern.lower()
    return pattern in ("*", host) or (pattern.startswith(".") and (host.endswith(pattern) or host == pattern[1:]))


def is_wide(pattern: str) -> bool:
    """Whether somebody else can register a host that the pattern matches: any, or all of a domain that sells names."""
    if not pattern.startswith("."):
        return pattern == "*"
    name = pattern.lower()[1:]
    if "." not in name:
        return name not in _OWN
    return any(known.fullmatch(name) for known in (_OPEN, _DYNAMIC))
