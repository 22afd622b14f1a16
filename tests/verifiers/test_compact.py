"""A compact token is read strictly, before any key is touched."""

from __future__ import annotations

import json
import re

import pytest
from effort import calls
from verifiers.signing import base64url, claims, signed, token, verifier

from wsauth.core.credentials import Credentials
from wsauth.core.errors import InvalidCredentials
from wsauth.core.handshake import Handshake
from wsauth.core.reasons import Reason
from wsauth.verifiers import compact

HEADER = b'{"alg":"HS256"}'
PAYLOAD = json.dumps(claims()).encode()
GOOD = token()


def refused(text: str, **options: int) -> str:
    with pytest.raises(InvalidCredentials) as caught:
        compact.check(text, **options)
    assert caught.value.reason is Reason.MALFORMED
    return caught.value.detail


def test_well_formed_token_gives_header_payload_and_what_was_signed():
    """The parts are those of the text, byte for byte."""
    header, payload, signing_input, signature = compact.check(GOOD)
    assert header == {"alg": "HS256", "typ": "JWT"}
    assert payload == claims()
    assert signing_input.decode() == GOOD.rpartition(".")[0]
    assert base64url(signature) == GOOD.rpartition(".")[2]


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "...", "a", "a.b"),
        *(f"{GOOD}.", f"{GOOD}.a", f"{GOOD}.a.b", f".{GOOD}", GOOD.replace(".", "..", 1)),
        *(GOOD.rpartition(".")[0], GOOD.rpartition(".")[0] + ".", "." + GOOD.partition(".")[2]),
    ],
)
def test_other_than_three_non_empty_segments_is_malformed(text: str):
    """A token is three segments; a stripped signature is not one of them."""
    refused(text)


FULL = compact.MAX_SIZE
HOSTILE = {
    "no dots": "a" * 7000,
    "as long as may be": "a" * FULL,
    "only dots": "." * 7000,
    "a dot each": "a." * 3500,
    "two dots": "a" * 3000 + "." + "a" * 3000 + "." + "a" * 1000,
    "foreign at the end": "a" * 4000 + "." + "a" * 4000 + ".a=",
    "foreign everywhere": "=" * 7000,
    "beyond ASCII": "\u4e2d" * 4000 + ".a." + "b" * 4000,
    "header of many members": base64url(b"{" + b'"a":1,' * 800 + b'"b":1}') + ".e30.AAAA",
    "header of many objects": base64url(b'{"alg":[' + b"{}," * 1400 + b"1]}") + ".e30.AAAA",
    "header of one big string": base64url(b'{"a":"' + b"x" * 5000 + b"}") + ".e30.AAAA",
    "header of brackets": base64url(b"[" * 6000) + ".e30.AAAA",
    "header that is no UTF-8": base64url(b"\xff" * 5000) + ".e30.AAAA",
    "payload of numbers": base64url(HEADER) + "." + base64url(b"[" + b"1," * 2900 + b"]") + ".AAAA",
    "payload of objects": base64url(HEADER) + "." + base64url(b"[" + b"{}," * 1900) + ".AAAA",
    "payload of reals": base64url(HEADER) + "." + base64url(b'{"a":[' + b"1.," * 1900) + ".AAAA",
    "payload of brackets": base64url(HEADER) + "." + base64url(b"[" * 5900) + ".AAAA",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_refusing_what_a_stranger_made_takes_less_than_accepting_a_token(text: str):
    """Counted in calls, of eight kilobytes beside the shortest good token: garbage costs its writer more than its reader."""
    by = verifier()

    def present(token: str) -> None:
        coroutine = by.verify(Credentials(token), Handshake("/"))
        with pytest.raises((StopIteration, InvalidCredentials)):
            coroutine.send(None)

    present(GOOD)  # the header of an issuer's tokens is remembered
    assert calls(lambda: present(text)) < calls(lambda: present(GOOD))


def test_no_regular_expression_looks_at_a_token():
    """It takes a step of its own machine for each character: garbage took four times as long as a good token."""
    assert not [name for name, value in vars(compact).items() if isinstance(value, re.Pattern)]


@pytest.mark.parametrize("extra", ["=", "==", "====", "\n", " ", "\t", "\x00", "+", "/", "%", "é", "-\n"])
@pytest.mark.parametrize("segment", [0, 1, 2])
def test_character_outside_base64url_is_malformed(segment: int, extra: str):
    """No padding, line break, blank, other alphabet or non-ASCII character passes, wherever it stands."""
    segments = GOOD.split(".")
    segments[segment] += extra
    refused(".".join(segments))
    segments = GOOD.split(".")
    segments[segment] = extra + segments[segment]
    refused(".".join(segments))


def test_newline_after_the_token_is_malformed():
    """The whole text must match, not all but its last newline."""
    refused(GOOD + "\n")


def respelled(segment: str) -> str:
    """The same bytes with other unused bits in the last character."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]


@pytest.mark.parametrize("data", [b"\x01" * 31, b"\x01" * 32])
def test_second_spelling_of_the_same_bytes_is_malformed(data: bytes):
    """Canonical base64url gives each token one spelling, so a list of revoked ones cannot be passed by respelling."""
    head = GOOD.rpartition(".")[0]
    compact.check(f"{head}.{base64url(data)}")
    refused(f"{head}.{respelled(base64url(data))}")


def test_segment_of_impossible_length_is_malformed():
    """No bytes are spelled with one character more than a multiple of four."""
    refused(GOOD.rpartition(".")[0] + ".AAAAA")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig"])
def test_json_in_another_encoding_than_utf_8_is_malformed(encoding: str):
    """RFC 7519 §3: UTF-8, without a byte order mark; what the JSON module would guess does not count."""
    refused(signed(HEADER.decode().encode(encoding), PAYLOAD))
    refused(signed(HEADER, PAYLOAD.decode().encode(encoding)))


HOSTILE_JSON = {
    "array": b"[1]",
    "string": b'"text"',
    "number": b"1",
    "null": b"null",
    "garbage": b"garbage",
    "empty": b" ",
    "two objects": b"{}{}",
    "trailing comma": b'{"a":1,}',
    "single quotes": b"{'alg':'HS256'}",
    "invalid UTF-8": b'{"alg":"HS256","a":"\xff"}',
    "surrogate in UTF-8": b'{"alg":"HS256","a":"\xed\xa0\x80"}',
    "raw control character": b'{"alg":"HS256","a":"\x00"}',
    "duplicate alg": b'{"alg":"none","alg":"HS256"}',
    "duplicate spelled with an escape": b'{"alg":"HS256","sub":"1","s\\u0075b":"2"}',
    "duplicate inside": b'{"alg":"HS256","a":{"b":1,"b":2}}',
    "NaN": b'{"alg":"HS256","a":NaN}',
    "Infinity": b'{"alg":"HS256","a":[-Infinity]}',
    "nested 2000 deep": b'{"alg":"HS256","a":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "unclosed nesting": b'{"alg":"HS256","a":' + b"[" * 4000,
    "integer of 5000 digits": b'{"alg":"HS256","a":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("text", HOSTILE_JSON.values(), ids=HOSTILE_JSON.keys())
def test_irregular_json_is_malformed(text: bytes):
    """Header and payload are each one JSON object, with distinct names and numbers that every reader agrees on."""
    refused(signed(text, PAYLOAD))
    refused(signed(HEADER, text))


@pytest.mark.parametrize("nesting", ["[", '{"a":'])
def test_nesting_of_a_hundred_thousand_is_refused_at_any_size_limit(nesting: str):
    """Depth never reaches the interpreter's stack, even where long tokens are allowed."""
    payload = ('{"a":' + nesting * 100_000).encode()
    refused(signed(HEADER, payload), max_size=10_000_000)


@pytest.mark.parametrize("algorithm", [None, ["HS256"], {"HS256": 1}, 1, True, ...])
def test_algorithm_that_is_no_text_is_malformed(algorithm: object):
    """RFC 7515 §4.1.1: `alg` is a string and must be present."""
    header = {} if algorithm is ... else {"alg": algorithm}
    refused(signed(json.dumps(header).encode(), PAYLOAD))


@pytest.mark.parametrize("value", [["exp"], ["b64"], ["alg"], ["unknown"], ["exp", "exp"], [], "exp", None, {}, False])
def test_critical_extension_is_malformed(value: object):
    """RFC 7515 §4.1.11: no extension is understood, so every `crit` is refused, whatever it holds."""
    refused(token(crit=value))
    refused(token(crit=value, unknown=1, b64=True))


@pytest.mark.parametrize("value", [False, True, None, 0, "false"])
def test_unencoded_payload_option_is_malformed(value: object):
    """RFC 7797: `b64` changes what is signed, so it is refused with and without `crit`."""
    refused(token(b64=value))
    refused(token(b64=value, crit=["b64"]))


def test_detached_payload_is_malformed():
    """A token brings its own payload."""
    head, _, signature = token().split(".")
    refused(f"{head}..{signature}")


@pytest.mark.parametrize("value", ["DEF", None, 1])
def test_compression_is_malformed(value: object):
    """A few bytes that unfold to gigabytes never get that far."""
    refused(token(zip=value))


@pytest.mark.parametrize("value", ["JWT", "jwt", "application/jwt", "Application/JWT", None, 1, ["JWT"]])
def test_nested_token_is_malformed(value: object):
    """RFC 7519 §5.2: a `cty` of JWT announces a token within the token."""
    refused(token(cty=value))


def test_other_content_type_passes():
    """A `cty` that is not about nesting means nothing to a JWT."""
    compact.check(token(cty="json"))


@pytest.mark.parametrize("value", [7, ["a"], {"a": 1}, None, True, "k" * 257, "k" * 5000])
def test_key_id_that_is_no_short_text_is_malformed(value: object):
    """RFC 7515 §4.1.4: `kid` is a string, and a short one here."""
    refused(token(kid=value))


@pytest.mark.parametrize("value", [7, ["JWT"], {"a": 1}, None, True])
def test_type_that_is_no_text_is_malformed(value: object):
    """RFC 7515 §4.1.9: `typ` is a string."""
    refused(token(typ=value))


def test_header_that_is_not_understood_is_ignored():
    """RFC 7515 §4: unknown header parameters that are not critical mean nothing."""
    assert compact.check(token(x="1", jku="https://evil.example/", x5c=[])).payload == claims()


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_048_576,
        f"{'A' * 200_000}.{'A' * 10}.{'A' * 10}",
        "." * 1_000_000,
        signed(HEADER, json.dumps({f"claim {number}": number for number in range(20_000)}).encode()),
    ],
    ids=["1 MiB", "200 KB header", "dots", "20000 claims"],
)
def test_oversized_token_is_malformed_at_once(text: str):
    """Size is judged first, so a huge token costs no more than looking at its length."""
    assert "longer than 8192" in refused(text)
    assert calls(lambda: refused(text)) < 100


def test_size_limit_is_inclusive():
    """A token of exactly the limit passes."""
    compact.check(GOOD, max_size=len(GOOD))
    refused(GOOD, max_size=len(GOOD) - 1)


def test_refusal_never_quotes_the_token():
    """What explains a refusal in a log holds neither the token nor a value of it."""
    for text in (signed(HEADER, b'{"password":"hunter2",}'), token(kid=["hunter2"]), token(crit=["hunter2"])):
        assert "hunter2" not in refused(text)
