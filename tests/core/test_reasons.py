"""One table drives HTTP status, close code, public text and advice."""

from __future__ import annotations

from wsauth.core.reasons import Reason

TABLE = {
    "MISSING": (401, 4401, "log in; do not retry"),
    "MALFORMED": (401, 4401, "log in; do not retry"),
    "INVALID": (401, 4401, "log in; do not retry"),
    "CONFLICT": (401, 4401, "log in; do not retry"),
    "EXPIRED": (401, 4440, "refresh, then reconnect"),
    "REVOKED": (401, 4410, "log in again"),
    "FORBIDDEN": (403, 4403, "stop"),
    "FOREIGN_ORIGIN": (403, 4403, "stop"),
    "TIMEOUT": (408, 4408, "retry once"),
    "REPLACED": (403, 4409, "stop"),
    "GOING_AWAY": (503, 4012, "reconnect after a random delay"),
    "TOO_MANY": (429, 4429, "back off"),
    "UNAVAILABLE": (503, 4503, "back off and retry"),
}


def test_the_table_is_the_whole_vocabulary():
    """Every reason has exactly this status, close code and advice, and there is no other reason."""
    assert {r.name: (r.status, r.close_code, r.advice) for r in Reason} == TABLE


def test_public_texts_tell_reasons_apart_and_fit_a_close_frame():
    """RFC 6455 §5.5: a close frame holds 123 bytes of reason; the incident id must fit beside the text."""
    texts = [reason.text for reason in Reason]
    assert len(set(texts)) == len(texts)
    assert all(text.isascii() and len(text) < 100 for text in texts)


def test_every_401_is_about_credentials():
    """RFC 9110 §11.6.1: a 401 carries WWW-Authenticate."""
    assert {r for r in Reason if r.about_credentials} == {r for r in Reason if r.status == 401}


def test_a_page_must_read_only_what_it_can_act_on():
    """Accepting only to say "busy" resets back-off timers; a foreign origin is never accepted."""
    readable = {r.name for r in Reason if r.worth_reading}
    assert readable == {"MISSING", "MALFORMED", "INVALID", "CONFLICT", "EXPIRED", "REVOKED", "FORBIDDEN"}
