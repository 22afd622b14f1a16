"""`manage.py wsauth_revoke`: the verbs of `Connections` by hand, in every process that serves connections."""

from __future__ import annotations

import datetime
import re
import shlex
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model as user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils.dateparse import parse_datetime

from wsauth.core.errors import ConfigurationError
from wsauth.django import known
from wsauth.django.publishing import one_per_log
from wsauth.django.sessions import session_id
from wsauth.policy import Policy
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
        user = whom.add_mutually_exclusive_group()
        user.add_argument("--subject", help="the user, by Identity.subject: the primary key")
        user.add_argument("--user", metavar="NAME", help="the user, by the name of the log-in, active or not")
        whom.add_argument("--issuer", help="whoever was vouched for by that iss; with --subject, that one person")
        session = whom.add_mutually_exclusive_group()
        session.add_argument("--session-id", help="a session, by Identity.session_id: the SHA-256 of its key")
        session.add_argument(
            "--session-key",
            metavar="KEY",
            help="a session by its key, which goes no further; - reads it from the input",
        )
        whom.add_argument("--token-id", help="a token, by Identity.token_id: its jti, or the SHA-256 of a stored token")
        whom.add_argument("--key-id", help="every token that a key has signed: its kid, or what key_id(key) says")
        whom.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
        how = parser.add_argument_group("how")
        how.add_argument("--after", metavar="TIME", help="when they close, such as 30 (seconds) or 5m; an hour at most")
        how.add_argument("--spread", metavar="TIME", help="over how long the closes are spread; an hour at most")
        how.add_argument(
            "--until",
            metavar="WHEN",
            help="for block: from now, such as 3600 or 2h, or a date in ISO 8601; 31 days at most",
        )
        how.add_argument("--dry-run", action="store_true", help="say what would be recorded, and record nothing")
        how.add_argument("--receipt", metavar="TIME", help="how long to wait for the processes to say what they closed")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        if options["session_key"] == "-":
            options["session_key"] = sys.stdin.readline()
        whom, how = _whom(options), _how(verb, options)
        policies = _policies()
        reachable = self._reachable()
        does = _does(verb, whom, options, how)
        if options["dry_run"]:
            self._rehearse(does, whom, reachable)
        for connections in reachable if not options["dry_run"] else ():
            self._report(does, _publish(connections, verb, whom, how), is_later=bool(_when(options, how)), how=how)
        told = "" if options["dry_run"] else " It is recorded all the same."
        self._warn_of_no_session(options["session_key"], told)
        self._warn_of_no_issuer(whom.get("issuer"), policies, told)
        self._warn_of_nobody(whom, told, are_certain=known.are_djangos(policies))

    def _warn_of_no_session(self, key: str | None, but: str) -> None:
        """Say that a session is nobody's. Sockets outlive one that was just deleted, so that this is no failure."""
        if key is not None and known.is_no_session(key.strip()):
            self.stderr.write(
                self.style.WARNING(
                    f"Nobody is known by that session key: no session of {settings.SESSION_ENGINE} has it.{but} It is right"
                    " where the session was just deleted, or has ended."
                )
            )

    def _warn_of_no_issuer(self, issuer: str | None, policies: list[Policy], but: str) -> None:
        """Say that no policy knows an issuer. A verifier of the application's own may, so that this is no failure."""
        pinned = sorted(known.issuers(policies))
        if issuer is not None and issuer not in pinned and policies:
            names = (
                f"they pin {', '.join(pinned)}"
                if pinned
                else "they pin none, and a token's `iss` counts where it is pinned"
            )
            self.stderr.write(
                self.style.WARNING(
                    f"Nobody is known by the issuer {issuer!r} to the verifiers of your policies: {names}.{but}"
                )
            )

    def _warn_of_nobody(self, whom: Whom, but: str, are_certain: bool) -> None:
        """Say that a subject is no user's. That is a failure where every subject is one; a token may name others."""
        subject = whom.get("subject")
        if subject is None or "issuer" in whom or not known.is_nobodys(subject):
            return
        told = (
            f"Nobody is known by the subject {subject!r}: no {settings.AUTH_USER_MODEL} has that primary key."
            f" For a user's name write --user {shlex.quote(subject)}.{but}"
        )
        if are_certain:
            raise CommandError(told)
        self.stderr.write(self.style.WARNING(f"{told} It is right where it names somebody whom tokens alone know."))

    def _rehearse(self, does: str, whom: Whom, reachable: list[Connections]) -> None:
        """Say what would be recorded where, and what it would find in this process."""
        try:
            here = sum(connections.count(**whom) for connections in Connections.everywhere())
        except ValueError as error:
            raise CommandError(str(error)) from error
        logs = ", ".join(sorted(type(connections.log).__name__ for connections in reachable))
        self.stdout.write(f"Would be recorded in {logs}: {does}. {here} of this process match. Nothing was recorded.")

    def _reachable(self) -> list[Connections]:
        """Return those whose log other processes read. Another log would hear of it in this process alone, and forget it."""
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

    def _report(self, does: str, receipt: Receipt, *, is_later: bool, how: dict[str, float]) -> None:
        if not receipt.recorded:
            raise CommandError("It is not recorded, and some process may not hear of it. Try again.")
        self.stdout.write(self.style.SUCCESS(f"Recorded: {does}."))
        if receipt.answered:
            closed = f"{receipt.closed} are about to close" if is_later else f"Closed {receipt.closed} so far"
            self.stdout.write(f"{closed}, by the word of {receipt.answered} processes.")
        elif "receipt" in how and not receipt.missing:
            self.stdout.write("No process has said how many it closed: none is up, or the log carries no answers.")
        if receipt.missing:
            raise CommandError(f"Not heard from in time: {', '.join(sorted(receipt.missing))}.")


def _publish(connections: Connections, verb: str, whom: Whom, how: dict[str, float]) -> Receipt:
    try:
        receipt: Receipt = getattr(connections, f"{verb}_now")(**whom, **how)
    except ValueError as error:
        raise CommandError(str(error)) from error
    except RevocationNotRecorded as error:
        raise CommandError(f"Nobody has heard of it: {error}. Try again.") from error
    return receipt


def _does(verb: str, whom: Whom, options: dict[str, Any], how: dict[str, float]) -> str:
    """Say what becomes of whose connections."""
    at_once, later, more = DONE[verb]
    when = _when(options, how)
    name = f" ({options['user']})" if options["user"] is not None else ""
    return f"connections of {' and '.join(_names(whom))}{name} {f'{later} {when}' if when else at_once}{more}"


def _policies() -> list[Policy]:
    """Without the setting, the policies of the running application are meant."""
    path = getattr(settings, "WSAUTH_POLICY", None)
    try:
        return known.policies()
    except (ImportError, ConfigurationError) as error:
        raise CommandError(str(error) if path is None else f"WSAUTH_POLICY = {path!r}: {error}") from error


def _whom(options: dict[str, Any]) -> Whom:
    whom = Whom()
    for kind in ("subject", "issuer", "session_id", "token_id", "key_id"):
        if options[kind] is not None:
            whom[kind] = options[kind]
    if (name := options["user"]) is not None:
        whom["subject"] = _subject_of(name)
    if (key := options["session_key"]) is not None:
        whom["session_id"] = session_id(key.strip())
    labels = dict(label.partition("=")[::2] for label in options["label"])
    if not all("=" in label for label in options["label"]):
        raise CommandError("--label takes a name and a value, such as --label device=phone")
    if labels:
        whom["labels"] = labels
    if not whom:
        raise CommandError(
            "Whom? Write --subject, --user, --issuer, --session-id, --session-key, --token-id, --key-id or --label;"
            " several must all match."
        )
    return whom


def _subject_of(name: str) -> str:
    try:
        user = known.named(name)
    except DatabaseError as error:
        raise CommandError(f"The database cannot be asked for the user: {error}. By primary key: --subject.") from error
    if user is None:
        field = user_model().USERNAME_FIELD
        raise CommandError(f"No {settings.AUTH_USER_MODEL} has the {field} {name!r}. By primary key: --subject.")
    return str(user.pk)


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
