"""`manage.py wsauth_revoke`: the verbs of `Connections` by hand, in every process that serves connections."""

from __future__ import annotations

import datetime
import re
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import import_string

from wsauth.core.errors import ConfigurationError
from wsauth.django import walker
from wsauth.django.publishing import one_per_log
from wsauth.django.sessions import session_id
from wsauth.revocation.connections import Connections
from wsauth.revocation.draft import LONGEST
from wsauth.revocation.log import Receipt, RevocationNotRecorded
from wsauth.revocation.record import MAX_AGE
from wsauth.revocation.selector import Whom

# What becomes of connections: at once, or later, and what else there is to say.
DONE = {
    "revoke": ("are closed", "close", ", and credentials issued up to now are refused"),
    "disconnect": ("are closed", "close", ", and may come back"),
    "block": ("are closed", "close", ", and whoever matches is refused until the time that you gave"),
    "recheck": ("are judged again by their store", "are judged again by their store", ""),
}
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Says what was recorded, and how many connections closed where. Fails where not every process will have heard of it."""

    help = "End live WebSockets, in every process: by user, session, token, key, or label. Several selectors must all match."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's; whoever revokes is in a hurry

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "verb",
            choices=list(DONE),
            help="; ".join(f"{verb}: the matching connections {done}{more}" for verb, (done, _, more) in DONE.items()),
        )
        whom = parser.add_argument_group("whom")
        whom.add_argument("--subject", help="the user, by Identity.subject: the primary key")
        whom.add_argument("--issuer", help="whoever was vouched for by that iss; with --subject, that one person")
        session = whom.add_mutually_exclusive_group()
        session.add_argument("--session-id", help="a session, by Identity.session_id: the SHA-256 of its key")
        session.add_argument(
            "--session-key",
            metavar="KEY",
            help="a session by its key, which goes no further; - reads it from the input",
        )
        whom.add_argument("--token-id", help="a token, by Identity.token_id: its jti, or the SHA-256 of a stored token")
        whom.add_argument("--key-id", help="every token that a key has signed, by its kid")
        whom.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
        how = parser.add_argument_group("how")
        how.add_argument("--after", metavar="TIME", help="when they close, such as 30 (seconds) or 5m; an hour at most")
        how.add_argument("--spread", metavar="TIME", help="over how long the closes are spread; an hour at most")
        how.add_argument(
            "--until",
            metavar="WHEN",
            help="for block: from now, such as 3600 or 2h, or a date in ISO 8601; 31 days at most",
        )
        how.add_argument("--receipt", metavar="TIME", help="how long to wait for the processes to say what they closed")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        whom, how = _whom(options), _how(verb, options)
        for connections in self._reachable():
            try:
                receipt: Receipt = getattr(connections, f"{verb}_now")(**whom, **how)
            except ValueError as error:
                raise CommandError(str(error)) from error
            except RevocationNotRecorded as error:
                raise CommandError(f"Nobody has heard of it: {error}. Try again.") from error
            self._report(verb, " and ".join(_names(whom)), _when(options, how), receipt, waited="receipt" in how)

    def _reachable(self) -> list[Connections]:
        """Return those whose log other processes read. Another log would hear of it in this process alone, and forget it."""
        _import_policies()
        found = one_per_log()
        reachable = [connections for connections in found if connections.log.reaches_others]
        if not reachable:
            raise CommandError(
                "No other process would hear of it: the log of your policy is in memory. Write"
                " Policy(connections=Connections(log=DatabaseLog())), or log=RedisLog(url, secrets=[...])."
                if found
                else 'There is no policy. Write WSAUTH_POLICY = "mysite.auth.policy" in the settings.'
            )
        if in_memory := len(found) - len(reachable):
            self.stderr.write(
                self.style.WARNING(
                    f"{in_memory} of {len(found)} logs are in memory, and hear of nothing: give those policies the log too"
                )
            )
        return reachable

    def _report(self, verb: str, whom: str, when: str, receipt: Receipt, waited: bool) -> None:
        if not receipt.recorded:
            raise CommandError("It is not recorded, and some process may not hear of it. Try again.")
        at_once, later, more = DONE[verb]
        does = f"{later} {when}" if when else at_once
        self.stdout.write(self.style.SUCCESS(f"Recorded: connections of {whom} {does}{more}."))
        if receipt.answered:
            closed = f"{receipt.closed} are about to close" if when else f"Closed {receipt.closed} so far"
            self.stdout.write(f"{closed}, by the word of {receipt.answered} processes.")
        elif waited and not receipt.missing:
            self.stdout.write("No process has said how many it closed: none is up, or the log carries no answers.")
        if receipt.missing:
            raise CommandError(f"Not heard from in time: {', '.join(sorted(receipt.missing))}.")


def _import_policies() -> None:
    """Without the setting, the policies of the running application are meant."""
    path = getattr(settings, "WSAUTH_POLICY", None)
    try:
        if path is not None:
            import_string(path)
        elif getattr(settings, "ASGI_APPLICATION", None) is not None:
            walker.running()
    except (ImportError, ConfigurationError) as error:
        raise CommandError(str(error) if path is None else f"WSAUTH_POLICY = {path!r}: {error}") from error


def _whom(options: dict[str, Any]) -> Whom:
    whom = Whom()
    for kind in ("subject", "issuer", "session_id", "token_id", "key_id"):
        if options[kind] is not None:
            whom[kind] = options[kind]
    if (key := options["session_key"]) is not None:
        whom["session_id"] = session_id((sys.stdin.readline() if key == "-" else key).strip())
    labels = dict(label.partition("=")[::2] for label in options["label"])
    if not all("=" in label for label in options["label"]):
        raise CommandError("--label takes a name and a value, such as --label device=phone")
    if labels:
        whom["labels"] = labels
    if not whom:
        raise CommandError(
            "Whom? Write --subject, --issuer, --session-id, --session-key, --token-id, --key-id or --label;"
            " several must all match."
        )
    return whom


def _names(whom: Whom) -> list[str]:
    named: dict[str, Any] = dict(whom)
    labels = named.pop("labels", {})
    return [f"{kind} {value}" for kind, value in {**named, **labels}.items()]


def _how(verb: str, options: dict[str, Any]) -> dict[str, float]:
    """Return the options that were given. Those that the verb does not know are an error."""
    known = {"recheck": ("after", "spread"), "block": ("after", "spread", "receipt", "until")}.get(
        verb, ("after", "spread", "receipt")
    )
    given = [name for name in ("after", "spread", "until", "receipt") if options[name] is not None]
    for name in given:
        if name not in known:
            raise CommandError(f"{verb} knows no --{name}; it takes {', '.join(f'--{option}' for option in known)}.")
    if verb == "block" and "until" not in given:
        raise CommandError("Until when? Write --until 2h, or --until 2030-01-31T18:00.")
    return {name: _moment(options[name]) if name == "until" else _brief(name, options[name]) for name in given}


def _when(options: dict[str, Any], how: dict[str, float]) -> str:
    """Say when connections close, in the words that were given; nothing where that is at once."""
    words = {"after": "after", "spread": "over"}
    given = {word: str(options[name]) for name, word in words.items() if how.get(name)}
    return ", ".join(f"{word} {text}{'s' if text[-1].isdigit() else ''}" for word, text in given.items())


def _brief(name: str, text: str) -> float:
    found = _seconds(name, text)
    if found > LONGEST:
        raise CommandError(f"--{name} {text}: an hour at most.")
    return found


def _seconds(name: str, text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if found is None:
        raise CommandError(f"--{name} {text}: write seconds, or a number with s, m, h or d, such as 90 or 2h.")
    return float(found[1]) * UNITS[found[2]]


def _moment(text: str) -> float:
    """Return POSIX seconds. A date without a zone is in that of the settings."""
    try:
        date = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--until {text}: {error}") from error
    now = time.time()
    moment = now + _seconds("until", text) if date is None else _timestamp(date)
    if not now < moment <= now + MAX_AGE:
        raise CommandError(f"--until {text}: write a moment within the next 31 days, such as 2h or 2030-01-31T18:00.")
    return moment


def _timestamp(date: datetime.datetime) -> float:
    if date.tzinfo is None:
        from django.utils.timezone import get_default_timezone

        date = date.replace(tzinfo=get_default_timezone() if settings.USE_TZ else None)
    moment: float = date.astimezone(datetime.UTC).timestamp()
    return moment
