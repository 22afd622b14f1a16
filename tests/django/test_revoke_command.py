"""`manage.py wsauth_revoke` says in plain words what was recorded, and fails where not everybody will have heard of it."""

from __future__ import annotations

import io
import re
import shlex
import time

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import override_settings
from project.live import Live

from wsauth import Connections
from wsauth.core.reasons import Reason
from wsauth.django import session_id
from wsauth.django.engines import session_store
from wsauth.revocation.log import MemoryLog, Receipt, RevocationNotRecorded
from wsauth.revocation.record import MAX_AGE, Record, Verb

WITHIN = "write a moment within the next 31 days, such as 2h or 2030-01-31T18:00."


class Reaching(MemoryLog):
    """A log that has others to reach, as far as the command can tell, and answers as told."""

    reaches_others = True

    def __init__(self, **answer):
        super().__init__()
        self.answer = {"recorded": True, "closed": 0, **answer}
        self.asked = []

    def publish_now(self, make, wait=0.0):
        self.asked.append((make(self.records.now()), wait))
        return Receipt(**self.answer)


@pytest.fixture(autouse=True)
def _alone(alone):
    """As in the process of a command."""


@pytest.fixture
def seven():
    return User.objects.create_user("seven", "seven@example.com", pk=7)


def revoke(*arguments):
    """Run the command; return what it wrote to both outputs."""
    out, err = io.StringIO(), io.StringIO()
    call_command("wsauth_revoke", *arguments, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def published(*arguments):
    """The record of a command, and how long it waits for answers."""
    connections = Connections(log=Reaching())
    revoke(*arguments)
    (asked,) = connections.log.asked
    return asked


def test_it_writes_what_the_processes_read(recorded, seven):
    """Into the log of the policy that WSAUTH_POLICY names."""
    from wsauth.django.models import Revocation

    with override_settings(WSAUTH_POLICY=recorded):
        out, err = revoke("revoke", "--subject", "7")
    (row,) = Revocation.objects.all()
    record = Record.decode(row.body.encode())
    assert (record.verb, dict(record.match)) == (Verb.REVOKE, {"subject": "7"})
    assert err == ""
    assert out == "Recorded: connections of subject 7 are closed, and credentials issued up to now are refused.\n"


def test_it_finds_the_policies_of_the_running_application(recorded, seven):
    """Where no setting names one."""
    from wsauth.django.models import Revocation

    with override_settings(ASGI_APPLICATION="project.recorded.application"):
        revoke("disconnect", "--subject", "7")
    assert Revocation.objects.count() == 1


@pytest.mark.parametrize("verb", ["revoke", "disconnect", "block", "recheck"])
def test_every_verb_is_its_namesake(verb):
    """With all that it matches in one record."""
    until = ["--until", "1h"] if verb == "block" else []
    record, wait = published(verb, "--subject", "7", "--issuer", "i", "--token-id", "t", "--key-id", "k", *until)
    assert record.verb.value == verb
    assert dict(record.match) == {"subject": "7", "issuer": "i", "token_id": "t", "key_id": "k"}
    assert (wait, record.after, record.spread) == (0, 0, 0)


def test_labels_are_selectors():
    """A value may hold what separates it from its name."""
    record, _ = published("revoke", "--label", "device=phone", "--label", "tenant=a=b")
    assert dict(record.match) == {"device": "phone", "tenant": "a=b"}


def test_a_session_key_is_hashed_and_goes_no_further(monkeypatch, capsys):
    """From the command line, or unseen by `ps` from the input."""
    named = frozenset({("session_id", session_id("the secret key"))})
    assert published("revoke", "--session-key", "the secret key")[0].match == named
    monkeypatch.setattr("sys.stdin", io.StringIO("the secret key\n"))
    assert published("revoke", "--session-key", "-")[0].match == named
    assert published("revoke", "--session-id", session_id("the secret key"))[0].match == named
    connections = Connections(log=Reaching())
    assert "the secret key" not in "".join(revoke("revoke", "--session-key", "the secret key"))
    assert len(connections) == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("30", 30), ("1.5", 1.5), ("30s", 30), ("5m", 300), ("1h", 3600)]
)
def test_times_are_seconds_or_have_a_unit(text, seconds):
    """The connections close after and over so long, and answers are waited for."""
    record, wait = published("revoke", "--subject", "7", "--after", text, "--spread", text, "--receipt", text)
    assert (record.after, record.spread, wait) == (seconds, seconds, seconds)


def test_a_block_has_an_end():
    """From now on, or as a date; one without a zone is in that of the settings."""
    for text, seconds in (("3600", 3600), ("2h", 7200), ("7d", 7 * 86400)):
        record, _ = published("block", "--subject", "7", "--until", text)
        assert record.until == pytest.approx(time.time() + seconds, abs=30)
        assert record.reason is Reason.FORBIDDEN
    record, _ = published("block", "--subject", "7", "--until", "31d")
    assert record.until == pytest.approx(time.time() + MAX_AGE, abs=30)
    soon = (int(time.time()) // 60 + 60) * 60
    with override_settings(TIME_ZONE="Asia/Tokyo"):
        for pattern, ahead in (("%Y-%m-%dT%H:%M:00Z", 0), ("%Y-%m-%d %H:%M", 9 * 3600)):
            text = time.strftime(pattern, time.gmtime(soon + ahead))
            assert published("block", "--subject", "7", "--until", text)[0].until == soon


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["revoke"], "Whom?"),
        (["revoke", "--subject", ""], "must be a non-empty str"),
        (["revoke", "--label", "device"], "a name and a value"),
        (["revoke", "--label", "subject=7"], "labels must be"),
        (["revoke", "--subject", "7", "--after", "soon"], "--after soon: write seconds"),
        (["revoke", "--subject", "7", "--after", "2h"], "--after 2h: an hour at most."),
        (["disconnect", "--subject", "7", "--spread", "3601"], "--spread 3601: an hour at most."),
        (["revoke", "--subject", "7", "--receipt", "1d"], "--receipt 1d: an hour at most."),
        (
            ["revoke", "--subject", "7", "--until", "1h"],
            "revoke knows no --until; it takes --after, --spread, --receipt",
        ),
        (["recheck", "--subject", "7", "--receipt", "1"], "recheck knows no --receipt; it takes --after, --spread"),
        (["block", "--subject", "7"], "Until when?"),
        (["block", "--subject", "7", "--until", "40d"], f"--until 40d: {WITHIN}"),
        (["block", "--subject", "7", "--until", "0"], f"--until 0: {WITHIN}"),
        (["block", "--subject", "7", "--until", "2020-01-01"], f"--until 2020-01-01: {WITHIN}"),
        (["block", "--subject", "7", "--until", "2030-13-01"], "--until 2030-13-01"),
        (["expel", "--subject", "7"], "invalid choice"),
        (["revoke", "--session-id", "a", "--session-key", "b"], "not allowed with"),
    ],
)
def test_a_wrong_command_is_told_what_to_write(arguments, answer):
    """And publishes nothing."""
    connections = Connections(log=Reaching())
    with pytest.raises(CommandError, match=re.escape(answer)):
        revoke(*arguments)
    assert connections.log.asked == []


@pytest.mark.parametrize("subject", ["nobody", "seven", "seven@example.com", "70", "07", " 7", "7\0", "9" * 40])
def test_a_subject_that_is_no_users_is_a_failure(recorded, seven, subject):
    """Where every subject is a primary key; it is recorded all the same, for whoever was deleted just now."""
    from wsauth.django.models import Revocation

    with override_settings(WSAUTH_POLICY=recorded), pytest.raises(CommandError) as caught:
        revoke("revoke", "--subject", subject)
    assert f"Nobody is known by the subject {subject!r}: no auth.User has that primary key" in str(caught.value)
    assert f"write --user {shlex.quote(subject)}. It is recorded all the same." in str(caught.value)
    assert Revocation.objects.count() == 1


def test_a_subject_that_only_tokens_may_know_is_remarked_upon(seven):
    """Who it is cannot be told where a token's own subject counts, and a name with its issuer is nobody's mistake."""
    Connections(log=Reaching())
    held = Connections(log=Reaching())
    assert "Nobody is known by the subject 'auth0|1'" in revoke("revoke", "--subject", "auth0|1")[1]
    assert revoke("revoke", "--subject", "auth0|1", "--issuer", "https://id.example.com")[1] == ""
    assert revoke("revoke", "--subject", "7")[1] == ""
    assert revoke("revoke", "--token-id", "nobody")[1] == ""
    assert len(held.log.asked) == 4


def test_a_user_is_found_by_name(recorded, seven):
    """As for the log-in; inactive ones too, who are those whom one locks out."""
    User.objects.update(is_active=False)
    with override_settings(WSAUTH_POLICY=recorded):
        out, err = revoke("revoke", "--user", "seven")
    assert out.startswith("Recorded: connections of subject 7 (seven) are closed")
    assert err == ""
    assert dict(published("disconnect", "--user", "seven")[0].match) == {"subject": "7"}


@pytest.mark.parametrize("name", ["nobody", "7", "seven@example.com", "", "a\0b"])
def test_a_name_of_nobody_publishes_nothing(seven, name):
    """There is no subject to publish."""
    connections = Connections(log=Reaching())
    with pytest.raises(CommandError, match=r"No auth\.User has the username .* By primary key: --subject"):
        revoke("revoke", "--user", name)
    with pytest.raises(CommandError, match="not allowed with"):
        revoke("revoke", "--user", "seven", "--subject", "7")
    assert connections.log.asked == []


def test_a_rehearsal_says_what_would_be_and_records_nothing(seven):
    """With what matches in this process, whom it is about, and whether that is anybody."""
    connections = Connections(log=Reaching())
    socket = Live(connections, "7")
    out, err = revoke("revoke", "--user", "seven", "--after", "5m", "--dry-run")
    assert out == (
        "Would be recorded in Reaching: connections of subject 7 (seven) close after 5m, and credentials issued up to now"
        " are refused. 1 of this process match. Nothing was recorded.\n"
    )
    assert err == ""
    assert "Nobody is known" in revoke("revoke", "--subject", "nobody", "--dry-run")[1]
    with pytest.raises(CommandError, match="non-empty str"):
        revoke("revoke", "--subject", "", "--dry-run")
    assert connections.log.asked == []
    assert socket.told == []


def test_a_rehearsal_fails_for_nobody(recorded):
    """As the command itself would."""
    from wsauth.django.models import Revocation

    with override_settings(WSAUTH_POLICY=recorded), pytest.raises(CommandError) as caught:
        revoke("revoke", "--subject", "nobody", "--dry-run")
    assert "recorded all the same" not in str(caught.value)
    assert Revocation.objects.count() == 0


def test_a_database_that_is_away_keeps_nobody_from_revoking(monkeypatch, seven):
    """Whoever revokes is in a hurry, and the log may be elsewhere."""

    def fail(*arguments, **options):
        raise OperationalError("away")

    connections = Connections(log=Reaching())
    monkeypatch.setattr(type(User._default_manager.all()), "get", fail)
    out, err = revoke("revoke", "--subject", "nobody")
    assert out.startswith("Recorded")
    assert err == ""
    with pytest.raises(CommandError, match=r"cannot be asked for the user: away\. By primary key: --subject"):
        revoke("revoke", "--user", "seven")
    assert len(connections.log.asked) == 1


@pytest.mark.parametrize("key", ["nobodys0session0key0of0thirtytwo", "no key", "", "a\0b"])
def test_a_session_that_is_nobodys_is_remarked_upon(seven, key):
    """It is recorded all the same, since sockets outlive a session that was just deleted; the key is not shown."""
    connections = Connections(log=Reaching())
    out, err = revoke("revoke", "--session-key", key)
    assert out.startswith("Recorded")
    assert "Nobody is known by that session key: no session of django.contrib.sessions" in err
    assert "It is recorded all the same" in err
    assert not key or key not in err
    assert "recorded all the same" not in revoke("revoke", "--session-key", key, "--dry-run")[1]
    assert len(connections.log.asked) == 1


def test_a_session_that_is_somebodys_is_not(seven, monkeypatch):
    """Read from the input, too."""
    connections = Connections(log=Reaching())
    session = session_store()()
    session["cart"] = 1
    session.create()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{session.session_key}\n"))
    assert revoke("revoke", "--session-key", "-")[1] == ""
    session.delete()
    assert "Nobody is known by that session key" in revoke("revoke", "--session-key", session.session_key)[1]
    assert len(connections.log.asked) == 2


def test_a_store_that_is_away_keeps_nobody_from_revoking_a_session(seven, monkeypatch):
    """Whether the session is anybody's cannot be told."""

    def fail(*arguments, **options):
        raise OperationalError("away")

    connections = Connections(log=Reaching())
    monkeypatch.setattr("wsauth.django.engines.load_many", fail)
    out, err = revoke("revoke", "--session-key", "nobodys0session0key0of0thirtytwo")
    assert (out.startswith("Recorded"), err, len(connections.log.asked)) == (True, "", 1)


def test_an_issuer_that_no_policy_pins_is_remarked_upon(recorded):
    """With those that are pinned; what is recorded is recorded all the same."""
    with override_settings(WSAUTH_POLICY=recorded):
        out, err = revoke("revoke", "--issuer", "https://nobody.example")
    assert out.startswith("Recorded")
    assert (
        "Nobody is known by the issuer 'https://nobody.example' to the verifiers of your policies: they pin none" in err
    )
    assert "It is recorded all the same" in err


def test_a_log_in_memory_is_refused():
    """No other process would hear of it: the command would look as if it had worked."""
    with pytest.raises(CommandError, match=r'WSAUTH_POLICY = "mysite.auth.policy"'):
        revoke("revoke", "--subject", "7")
    connections = Connections()
    socket = Live(connections, "7")
    with pytest.raises(CommandError, match=r"log=DatabaseLog\(\)"):
        revoke("revoke", "--subject", "7")
    assert socket.told == []


def test_policies_without_a_log_are_pointed_at():
    """The others hear of it all the same."""
    mute, reaching = Connections(), Connections(log=Reaching())
    _, err = revoke("revoke", "--subject", "7")
    assert "1 of 2 logs are in memory" in err
    assert (len(mute.log.records), len(reaching.log.asked)) == (0, 1)


@pytest.mark.parametrize(
    ("setting", "path", "said"),
    [
        ("ASGI_APPLICATION", "project.missing.application", 'ASGI_APPLICATION = "'),
        ("WSAUTH_POLICY", "project.policies.missing", "WSAUTH_POLICY = 'project.policies.missing'"),
        ("WSAUTH_POLICY", "project.contradictory.policy", "schemes"),
    ],
)
def test_a_policy_that_cannot_be_found_is_named(setting, path, said):
    """With the setting that names it."""
    with override_settings(**{setting: path}), pytest.raises(CommandError, match=said):
        revoke("revoke", "--subject", "7")


def test_a_receipt_says_how_many_closed_where():
    """As far as the processes have answered."""
    connections = Connections(log=Reaching(closed=5, answered=2))
    assert "Closed 5 so far, by the word of 2 processes." in revoke("revoke", "--subject", "7", "--receipt", "2")[0]
    connections.log.answer = {"recorded": True, "closed": 0}
    assert "No process has said how many" in revoke("revoke", "--subject", "7", "--receipt", "2")[0]
    assert "No process" not in revoke("revoke", "--subject", "7")[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["revoke"], "are closed, and credentials issued up to now are refused"),
        (["revoke", "--after", "0"], "are closed, and credentials issued up to now are refused"),
        (["revoke", "--after", "10"], "close after 10s, and credentials issued up to now are refused"),
        (["disconnect", "--spread", "5m"], "close over 5m, and may come back"),
        (
            ["block", "--until", "2h", "--after", "30s", "--spread", "1h"],
            "close after 30s, over 1h, and whoever matches is refused until the time that you gave",
        ),
        (["recheck"], "are judged again by their store"),
        (["recheck", "--after", "1m"], "are judged again by their store after 1m"),
    ],
)
def test_it_says_when_connections_close(arguments, said):
    """What is put off is not said to be done."""
    connections = Connections(log=Reaching(closed=5, answered=2))
    out, _ = revoke(*arguments, "--subject", "7")
    assert out.startswith(f"Recorded: connections of subject 7 {said}.\n")
    is_put_off = " after " in said or " over " in said
    assert ("5 are about to close, by the word of 2 processes." if is_put_off else "Closed 5 so far") in out
    assert len(connections.log.asked) == 1


def test_processes_that_did_not_answer_are_a_failure():
    """They are named; the others are counted."""
    held = Connections(log=Reaching(closed=5, answered=2, missing=frozenset({"node-b", "node-a"})))
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"Not heard from in time: node-a, node-b\."):
        call_command("wsauth_revoke", "revoke", "--subject", "7", "--receipt", "2", stdout=out)
    assert "Closed 5" in out.getvalue()
    assert len(held) == 0


def test_what_is_not_recorded_is_a_failure(monkeypatch):
    """Whether the log raises or says so."""
    connections = Connections(log=Reaching(recorded=False))
    with pytest.raises(CommandError, match="not recorded"):
        revoke("revoke", "--subject", "7")

    def fail(make, wait=0.0):
        raise RevocationNotRecorded("Redis is away")

    monkeypatch.setattr(connections.log, "publish_now", fail)
    with pytest.raises(CommandError, match="Nobody has heard of it: Redis is away"):
        revoke("revoke", "--subject", "7")


def test_it_says_what_each_option_is_for(capsys):
    """`--help` is where one looks at three in the morning."""
    with pytest.raises(SystemExit):
        call_command("wsauth_revoke", "--help")
    told = capsys.readouterr().out
    for option in (
        "--subject",
        "--user",
        "--dry-run",
        "--session-id",
        "--session-key",
        "--token-id",
        "--key-id",
        "--label",
        "--until",
    ):
        assert option in told
