"""Changes of users and tokens reach every log: once, when they are committed, and at nobody's expense."""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction
from django.db.models.signals import post_delete
from django.test import AsyncClient, override_settings
from patience import HANG
from project.client import closed, refusal, socket
from project.consumers import Blocking, WhoAmI
from project.live import Live
from project.people import log_in
from project.policies import session_app

from wsauth import Connections, Policy, SecurityScheme, WebSocketAuthMiddleware
from wsauth.django import DatabaseLog, SessionCookie, SessionVerifier, publishing, signals
from wsauth.django.database import digest
from wsauth.revocation.log import MemoryLog, RevocationNotRecorded
from wsauth.revocation.record import HANDSHAKE, MAX_AGE
from wsauth.verifiers import kinds

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


@pytest.fixture(autouse=True)
def _alone(alone):
    """Or the tests' own logs would hear of it too."""


@pytest.fixture
def connections():
    return Connections()


@pytest.fixture
def sockets(connections, alice, bob):
    return Live(connections, "1"), Live(connections, "2")


def told(sockets):
    found = [list(each.told) for each in sockets]
    for each in sockets:
        each.told.clear()
    return found


# Users


def _password(user):
    user.set_password("another")
    user.save()


def _one_field(user):
    user.is_active = False
    user.save(update_fields=["is_active"])


def _group(user):
    user.groups.add(Group.objects.get_or_create(name="readers")[0])


def _remove_group(user):
    user.groups.remove(Group.objects.get_or_create(name="readers")[0])


def _clear_groups(user):
    user.groups.clear()


def _from_the_group(user):
    Group.objects.get_or_create(name="writers")[0].user_set.set([user])


def _permission(user):
    user.user_permissions.set([Permission.objects.first()])


@pytest.mark.parametrize("change", [_password, _one_field, _group, _clear_groups, _from_the_group, _permission])
def test_a_change_of_a_user_asks_the_store_again(sockets, alice, change):
    """It is not for the signal to say what follows from it; others are not asked."""
    change(alice)
    assert told(sockets) == [["look again"], []]


def test_a_right_that_is_taken_asks_the_store_again(sockets, alice):
    """As one that is given."""
    _group(alice)
    told(sockets)
    _remove_group(alice)
    assert told(sockets) == [["look again"], []]


@pytest.mark.parametrize("fields", [["last_login"], ["first_name", "email"], []])
def test_a_change_that_decides_nothing_asks_nobody(sockets, alice, fields):
    """As `last_login` at each log-in."""
    alice.save(update_fields=fields)
    assert told(sockets) == [[], []]


def test_a_user_who_is_made_is_nobodys_change(connections):
    """Nobody is connected as one who was not there."""
    User.objects.create_user("carol", password="x")
    assert len(connections.log.records) == 0


def test_a_group_of_many_is_left_to_the_re_check(sockets, alice, monkeypatch):
    """One record for each of ten thousand members would hold up the request."""
    monkeypatch.setattr(signals, "MANY", 1)
    Group.objects.get_or_create(name="writers")[0].user_set.set(User.objects.all())
    assert told(sockets) == [[], []]


@pytest.mark.parametrize("delete", [lambda user: user.delete(), lambda user: User.objects.filter(pk=user.pk).delete()])
def test_a_user_who_is_deleted_is_revoked(connections, sockets, alice, delete):
    """Tokens of theirs that no store knows are refused too."""
    token = Live(connections, "1", stateful=False, issued_at=0.0)
    delete(alice)
    assert told([*sockets, token]) == [["REVOKED"], [], ["REVOKED"]]


def test_a_proxy_or_a_child_of_the_user_model_is_a_user():
    """Each class sends its signals as itself."""
    script = Path(__file__).parent / "project" / "customers" / "__main__.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["REVOKED", "look again"]] * 2


def test_a_change_without_a_signal_asks_nobody(sockets):
    """`update()` is what the re-check is for."""
    User.objects.update(is_active=False)
    assert told(sockets) == [[], []]


# Tokens


def test_a_rest_framework_token_that_is_deleted_is_revoked(connections, alice, bob):
    """By its key's digest, deleted directly, in a query, through the admin's proxy or with its user."""
    from rest_framework.authtoken.models import Token, TokenProxy

    for delete in (
        lambda key: Token.objects.get(key=key).delete(),
        lambda key: Token.objects.filter(key=key).delete(),
        lambda key: TokenProxy.objects.get(key=key).delete(),
        lambda key: TokenProxy.objects.filter(key=key).delete(),
        lambda key: Token.objects.get(key=key).user.delete(),
    ):
        key = Token.objects.create(user=alice).key
        others = Live(connections, "2", token_id=digest(Token.objects.get_or_create(user=bob)[0].key))
        socket = Live(connections, "of the token", token_id=digest(key))
        delete(key)
        assert (socket.told, others.told) == (["REVOKED"], [])
    proxy = TokenProxy(key="k" * 40, user=bob)  # as older versions of it send the signal
    socket = Live(connections, "of the token", token_id=digest(proxy.key))
    post_delete.send(TokenProxy, instance=proxy, using="default")
    assert socket.told == ["REVOKED"]


@pytest.fixture
def simplejwt(monkeypatch):
    """Sets a setting of simplejwt."""
    from rest_framework_simplejwt.settings import api_settings

    return lambda name, value: monkeypatch.setattr(api_settings, name, value)


def test_a_simplejwt_token_that_is_blacklisted_is_revoked(connections, alice, simplejwt):
    """By its jti, until it would have ended; blacklisting it again is no news."""
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken
    from rest_framework_simplejwt.tokens import RefreshToken

    simplejwt("AUTH_TOKEN_CLASSES", (RefreshToken,))
    token, other = RefreshToken.for_user(alice), RefreshToken.for_user(alice)
    sockets = [Live(connections, "1", stateful=False, token_id=each["jti"]) for each in (token, other)]
    token.blacklist()
    token.blacklist()
    BlacklistedToken.objects.get(token__jti=token["jti"]).save()
    assert told(sockets) == [["REVOKED"], []]
    (record,) = connections.log.records.live()
    assert (record.until, record.exact) == (token["exp"] + HANDSHAKE, True)


def test_a_thousand_rotations_leave_no_record(connections, alice, simplejwt):
    """Each refresh blacklists a refresh token, which no socket takes."""
    from rest_framework_simplejwt.serializers import TokenRefreshSerializer
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken
    from rest_framework_simplejwt.tokens import RefreshToken

    simplejwt("ROTATE_REFRESH_TOKENS", True)
    simplejwt("BLACKLIST_AFTER_ROTATION", True)
    refresh = str(RefreshToken.for_user(alice))
    for _ in range(1000):
        refreshed = TokenRefreshSerializer(data={"refresh": refresh})
        refreshed.is_valid(raise_exception=True)
        refresh = refreshed.validated_data["refresh"]
    assert BlacklistedToken.objects.count() >= 1000
    assert len(connections.log.records) == 0


def test_a_refresh_token_that_another_verifier_takes_is_revoked(connections, alice, monkeypatch):
    """As a policy with JWTVerifier(..., token_type="refresh") does."""
    from rest_framework_simplejwt.tokens import RefreshToken

    monkeypatch.setattr(kinds, "taken", {"refresh"})
    token = RefreshToken.for_user(alice)
    socket = Live(connections, "1", stateful=False, token_id=token["jti"])
    token.blacklist()
    assert socket.told == ["REVOKED"]


def test_a_token_that_has_expired_leaves_no_record(connections, alice, simplejwt):
    """It is blacklisted late, and refused for its date."""
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
    from rest_framework_simplejwt.tokens import RefreshToken

    simplejwt("AUTH_TOKEN_CLASSES", (RefreshToken,))
    token, now = RefreshToken(), datetime.datetime.now(datetime.UTC)
    token["exp"] = int(now.timestamp()) - 1
    late = OutstandingToken.objects.create(jti=token["jti"], token=str(token), expires_at=now)
    BlacklistedToken.objects.create(token=late)
    assert len(connections.log.records) == 0


def test_a_sliding_token_is_held_as_long_as_it_could_have_been_refreshed(connections, alice, simplejwt):
    """It gets later ends under the same id."""
    from rest_framework_simplejwt.settings import api_settings
    from rest_framework_simplejwt.tokens import SlidingToken

    simplejwt("AUTH_TOKEN_CLASSES", (SlidingToken,))
    token = SlidingToken.for_user(alice)
    token.blacklist()
    (record,) = connections.log.records.live()
    lives = api_settings.SLIDING_TOKEN_LIFETIME.total_seconds()
    assert record.until == token["refresh_exp"] + lives + HANDSHAKE


def test_a_token_that_cannot_be_read_is_held_as_long_as_any(connections, alice):
    """Nobody knows whose it is, and until when."""
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=90)
    odd = OutstandingToken.objects.create(jti="odd", token="another format", expires_at=later)
    BlacklistedToken.objects.create(token=odd)
    (record,) = connections.log.records.live()
    assert record.until - record.at == pytest.approx(MAX_AGE, abs=1)


def test_a_change_of_a_user_and_a_deleted_token_are_held_for_minutes(connections, alice):
    """A store judges both."""
    from rest_framework.authtoken.models import Token

    alice.save()
    Token.objects.create(user=alice).delete()
    assert [record.until - record.at for record in connections.log.records.live()] == pytest.approx([120.2, 120.0])


# When and where it is published


def test_it_is_published_when_the_change_is_committed(sockets, alice):
    """Before that another process would ask the store and find the old row; a change that is rolled back is none."""
    with transaction.atomic():
        _password(alice)
        assert told(sockets) == [[], []]
    assert told(sockets) == [["look again"], []]
    with transaction.atomic():
        _password(alice)
        transaction.set_rollback(True)
    assert told(sockets) == [[], []]


def test_a_log_in_the_database_takes_part_in_the_transaction(alice):
    """The row is there before the commit, and goes with a change that is rolled back."""
    from wsauth.django.models import Revocation

    held = Connections(log=DatabaseLog())
    socket = Live(held)
    with transaction.atomic():
        _password(alice)
        assert (Revocation.objects.count(), socket.told) == (1, [])
        transaction.set_rollback(True)
    assert (Revocation.objects.count(), socket.told) == (0, [])
    _password(alice)
    assert (Revocation.objects.count(), socket.told) == (1, ["look again"])


def test_a_log_in_another_database_hears_of_it_after_the_commit(alice, monkeypatch):
    """A row in another transaction would be seen before the change is."""

    class Elsewhere(MemoryLog):
        in_transaction = True
        alias = "elsewhere"

    held = Connections(log=Elsewhere())
    socket = Live(held)
    with transaction.atomic():
        _password(alice)
        assert socket.told == []
    assert socket.told == ["look again"]


def test_policies_that_share_a_log_are_told_once(connections, alice):
    """Their log brings it to both."""
    other = Connections(log=connections.log)
    one, two = Live(connections), Live(other)
    alice.delete()
    assert one.told == two.told == ["REVOKED"]
    assert len(connections.log.records) == 1


class Broken(MemoryLog):
    """A log that is out of reach."""

    kind = RevocationNotRecorded

    def publish_now(self, make, wait=0.0):
        raise self.kind("Redis is away")


@pytest.mark.parametrize(("kind", "said"), [(RevocationNotRecorded, "Redis is away"), (ValueError, "ValueError")])
@pytest.mark.parametrize("in_transaction", [True, False])
def test_a_log_that_fails_breaks_no_request(alice, sockets, monkeypatch, caplog, kind, said, in_transaction):
    """It is logged, without what an odd error may quote; the change is made, and other logs hear of it."""
    monkeypatch.setattr(Broken, "kind", kind)
    monkeypatch.setattr(Broken, "in_transaction", in_transaction)
    held = Connections(log=Broken())
    alice.delete()
    assert told(sockets) == [["REVOKED"], []]
    assert not User.objects.filter(username="alice").exists()
    assert f"revoke by subject is left to the re-check: {said}" in caplog.messages
    assert len(held) == 0


def test_a_project_that_commits_by_hand_is_not_broken(alice, caplog):
    """Django has no `on_commit` then."""
    connections = Connections()
    connection.set_autocommit(False)
    try:
        alice.save()
        connection.commit()
    finally:
        connection.set_autocommit(True)
    assert "recheck by subject is left to the re-check: TransactionManagementError" in caplog.text
    assert len(connections) == 0


def test_a_process_that_imports_no_asgi_module_finds_the_log_by_the_setting(alice, recorded):
    """WSGI workers and commands; the policy is imported when it is first needed."""
    from wsauth.django.models import Revocation

    assert "project.recorded" not in sys.modules
    with override_settings(WSAUTH_POLICY=recorded):
        alice.save()
    assert Revocation.objects.count() == 1


def test_a_policy_that_cannot_be_imported_is_reported_once(sockets, alice, caplog):
    """It breaks no request, and other logs hear of the change."""
    publishing._reported.clear()
    with override_settings(WSAUTH_POLICY="project.policies.missing"):
        alice.save()
        alice.save()
    assert told(sockets) == [["look again", "look again"], []]
    assert caplog.text.count("cannot be imported") == 1


def test_deletions_of_other_models_stay_fast():
    """A receiver for every model would make Django load each row before it deletes it."""
    from django.contrib.sessions.models import Session

    assert not post_delete.has_listeners(Session)


# Against real connections


async def open_socket(application, **handshake):
    communicator = socket(application, **handshake)
    connected, _ = await communicator.connect()
    assert connected
    await communicator.receive_json_from()
    return communicator


@pytest.mark.parametrize("consumer", [WhoAmI, Blocking])
async def test_a_log_out_over_http_closes_the_sockets_of_that_session(alice, bob, consumer):
    """The page is told to log in again, and comes back with a new session only; other sockets stay."""
    application = session_app(consumer)
    key, phone, of_bob = await log_in(alice), await log_in(alice), await log_in(bob)
    page, *others = [await open_socket(application, sessionid=each) for each in (key, phone, of_bob)]
    client = AsyncClient()
    client.cookies["sessionid"] = key
    with override_settings(ROOT_URLCONF="project.urls", MIDDLEWARE=MIDDLEWARE):
        assert (await client.post("/log-out/")).status_code == 204
    assert await closed(page) == 4410
    assert await refusal(session_app(), sessionid=key) == 4401
    for other in others:
        assert await other.receive_nothing()
    again = await open_socket(application, sessionid=await log_in(alice))
    for each in (*others, again):
        await each.disconnect()
    await page.wait()


async def _delete(user):
    await user.adelete()


async def _change(user, **fields):
    for name, value in fields.items():
        setattr(user, name, value)
    await user.asave()


@pytest.mark.parametrize(
    "change",
    [
        _delete,
        lambda user: _change(user, is_active=False),
        lambda user: _change(user, password="!"),
    ],
    ids=["deleted", "deactivated", "another password"],
)
async def test_a_user_who_is_no_more_loses_the_sockets_at_once(alice, bob, change):
    """Long before the re-check would find it; others stay."""
    application = session_app()
    page, other = [await open_socket(application, sessionid=await log_in(user)) for user in (alice, bob)]
    await change(alice)
    assert await closed(page) == 4410
    assert await other.receive_nothing()
    await other.disconnect()
    await page.wait()


async def test_a_user_who_is_still_good_keeps_the_sockets(alice):
    """The store says so, and the consumer finds the user as he is now."""
    application = session_app()
    page = await open_socket(application, sessionid=await log_in(alice))
    await _change(alice, first_name="Alice")
    assert await page.receive_nothing()
    await page.disconnect()


async def test_a_log_out_in_another_process_closes_here(alice, recorded):
    """Through the table: the change is made where no policy is but the one of the setting."""
    scheme = SecurityScheme("session", SessionCookie(), SessionVerifier())
    policy = Policy([scheme], connections=Connections(log=DatabaseLog()))
    page = await open_socket(WebSocketAuthMiddleware(WhoAmI.as_asgi(), policy), sessionid=await log_in(alice))
    script = Path(__file__).parent / "project" / "elsewhere.py"
    database = settings.DATABASES["default"]["NAME"]
    elsewhere = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", script, database, str(alice.pk), stdout=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(elsewhere.communicate(), HANG)
    message = await page.receive_output(timeout=HANG)
    assert message["code"] == 4410
    await page.wait()
