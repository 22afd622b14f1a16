from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

import pytest
from effort import calls

from asyncapi.policies import API_KEY, BEARER, COOKIE, FIRST, JWT, QUERY, SUBPROTOCOL, nobody, policy
from wsauth import Anonymous, CloseProfile, ConfigurationError, Query, ReportOnly, SecurityScheme
from wsauth.asyncapi import (
    Application,
    Channel,
    Message,
    Operation,
    Parameter,
    Server,
    document,
    extensions,
    lint,
    to_json,
    to_yaml,
)
from wsauth.verifiers.jwt import JWTVerifier

SERVER = Server.from_url("production", "wss://api.example.com/live", title="Live", description="The real one")
TOKEN = {"$ref": "#/components/securitySchemes/queryToken"}
JAR = {"$ref": "#/components/securitySchemes/cookieJWT"}


def say(name="say", **more):
    return Operation(action="receive", name=name, message=Message(name=name, payload=str), **more)


def application(*channels, **more):
    return Application(title="Chat", channels=channels, **more)


def guarded(address, *policies, **more):
    return Channel(address=address, policies=policies, operations=(say(),), **more)


def test_an_empty_application_is_a_valid_document(published):
    """It says what it is called."""
    written = published(application(description="Nothing yet", version="2.1"))
    assert written == {
        "asyncapi": "3.0.0",
        "info": {"title": "Chat", "version": "2.1", "description": "Nothing yet"},
        "defaultContentType": "application/json",
        "channels": {},
    }


@pytest.mark.parametrize("version", ["3.0.0", "3.1.0"])
def test_every_way_to_authenticate_is_valid_in_both_versions(published, version):
    """By the official schemas and the official parser."""
    everything = policy(QUERY, COOKIE, BEARER, API_KEY, SUBPROTOCOL, FIRST)
    written = published(application(guarded("/ws/", everything), servers=(SERVER,)), asyncapi=version)
    assert written["asyncapi"] == version
    assert list(written["components"]["securitySchemes"]) == [scheme.name for scheme in everything.schemes]


def test_security_that_all_channels_share_stands_on_the_server(published):
    """Once, as references; operations say nothing of their own."""
    shared = policy(QUERY, COOKIE)
    written = published(application(guarded("/a/", shared), guarded("/b/", shared), servers=(SERVER,)))
    assert written["servers"]["production"] == {
        "host": "api.example.com",
        "protocol": "wss",
        "pathname": "/live",
        "title": "Live",
        "description": "The real one",
        "security": [TOKEN, JAR],
    }
    assert all("security" not in operation for operation in written["operations"].values())


def test_security_that_differs_stands_on_operations(published):
    """Each channel says its own schemes, also in one place for readers that do not follow operations."""
    written = published(
        application(guarded("/a/", policy(QUERY)), guarded("/b/", policy(QUERY, COOKIE)), servers=(SERVER,))
    )
    assert "security" not in written["servers"]["production"]
    assert written["operations"]["a_say"]["security"] == [TOKEN]
    assert written["operations"]["b_say"]["security"] == [TOKEN, JAR]
    assert written["channels"]["b"][extensions.SECURITY] == {"schemes": ["queryToken", "cookieJWT"], "optional": False}


def test_without_a_server_security_stands_on_operations(published):
    """There is no other place (3.0.0, Channel Object)."""
    written = published(application(guarded("/a/", policy(QUERY))))
    assert written["operations"]["a_say"]["security"] == [TOKEN]


def test_taking_a_scheme_out_of_the_policy_takes_it_out_of_the_document(published):
    """With nothing else touched."""
    before = published(application(guarded("/a/", policy(QUERY, COOKIE)), servers=(SERVER,)))
    after = published(application(guarded("/a/", policy(COOKIE)), servers=(SERVER,)))
    assert list(before["components"]["securitySchemes"]) == ["queryToken", "cookieJWT"]
    assert list(after["components"]["securitySchemes"]) == ["cookieJWT"]
    assert '"token"' not in to_json(after)


def test_optional_authentication_is_marked(published):
    """AsyncAPI 3 has no word for it; a policy of anonymous clients alone has no schemes to list."""
    lax, open_ = policy(QUERY, anonymous=Anonymous.IF_MISSING), policy(anonymous=Anonymous.IF_MISSING)
    written = published(application(guarded("/a/", lax), guarded("/b/", open_), servers=(SERVER,)))
    assert (
        written["operations"]["a_say"] | {"security": [TOKEN], extensions.OPTIONAL: True}
        == written["operations"]["a_say"]
    )
    assert "security" not in written["operations"]["b_say"]
    assert written["channels"]["b"][extensions.SECURITY] == {"schemes": [], "optional": True}
    assert published(application(guarded("/a/", lax), servers=(SERVER,)))["servers"]["production"][extensions.OPTIONAL]


def test_an_unguarded_channel_is_shown_as_such_and_warned_about(published):
    """It keeps the others' security from the server, where it would cover this one too."""
    told = []
    written = published(
        application(guarded("/a/", policy(QUERY)), Channel(address="/open/"), servers=(SERVER,)), told=told
    )
    assert written["channels"]["open"][extensions.UNGUARDED] is True
    assert extensions.SECURITY not in written["channels"]["open"]
    assert "security" not in written["servers"]["production"]
    assert told == ["/open/: no policy guards it; put WebSocketAuthMiddleware(..., policy) around it"]


def test_a_policy_that_only_reports_is_no_security(published):
    """What is documented is what is enforced."""
    told = []
    written = published(application(guarded("/a/", ReportOnly(policy(QUERY)))), told=told)
    channel = written["channels"]["a"]
    assert (channel[extensions.UNGUARDED], channel[extensions.REPORT_ONLY]) == (True, True)
    assert "components" not in written or "securitySchemes" not in written["components"]
    assert "ReportOnly" in told[0]
    both = published(application(guarded("/a/", policy(COOKIE), ReportOnly(policy(QUERY)))))
    assert both["operations"]["a_say"]["security"] == [JAR]


def test_middleware_that_is_not_known_is_a_warning_and_no_name_in_the_document(published):
    """It may authenticate: silence would be a promise."""
    told = []
    written = published(application(guarded("/a/", unknown=("chat.TokenAuthMiddleware",))), told=told)
    assert written["channels"]["a"][extensions.UNRECOGNISED] is True
    assert "TokenAuthMiddleware" not in to_json(written)
    assert any("chat.TokenAuthMiddleware" in warning for warning in told)


def test_policies_that_share_no_scheme_are_warned_about(published):
    """Nobody can connect."""
    told = []
    published(application(guarded("/a/", policy(QUERY), policy(COOKIE))), told=told)
    assert told == ["/a/: its policies share no scheme, so nobody can connect; name one in each of them"]


def test_a_place_that_asyncapi_cannot_express_is_warned_about(published):
    """With what to write."""

    @dataclass(frozen=True)
    class Pigeon:
        ambient: ClassVar[bool] = False

        def read(self, handshake):
            return None

        def strip(self, scope): ...

    told = []
    published(application(guarded("/a/", policy(SecurityScheme("p", Pigeon(), nobody)))), told=told)
    assert "give Pigeon a method security_scheme()" in told[0]


def test_schemes_that_only_settings_declare_are_listed_and_required_nowhere(published):
    """Exactly as they are declared."""
    declared = {
        "queryToken": {"type": "httpApiKey", "in": "query", "name": "token"},
        "cookieJWT": {"type": "httpApiKey", "in": "cookie", "name": "access_token"},
    }
    written = published(application(Channel(address="/a/")), told=[], not_enforced=declared)
    assert written["components"]["securitySchemes"] == declared
    assert written[extensions.NOT_ENFORCED] == ["queryToken", "cookieJWT"]
    assert "security" not in to_json(written).replace("securitySchemes", "")
    enforced = published(application(guarded("/a/", policy(QUERY))), not_enforced=declared)
    assert enforced[extensions.NOT_ENFORCED] == ["cookieJWT"]


def test_close_codes_stand_once_where_they_are_the_same(published):
    """And on channels where policies have profiles of their own."""
    usual = policy(QUERY)
    same = published(
        application(guarded("/a/", usual), guarded("/b/", policy(COOKIE)), Channel(address="/c/")), told=[]
    )
    assert extensions.CLOSE_CODES in same
    assert not any(extensions.CLOSE_CODES in channel for channel in same["channels"].values())
    assert extensions.CLOSE_CODES in published(usual)
    iana = policy(QUERY, close_profile=CloseProfile.iana())
    differ = published(application(guarded("/a/", usual), guarded("/b/", iana), Channel(address="/c/")), told=[])
    assert extensions.CLOSE_CODES not in differ
    assert differ["channels"]["b"][extensions.CLOSE_CODES][0]["code"] == 3000
    assert extensions.CLOSE_CODES not in differ["channels"]["c"]


def test_the_clients_perspective_swaps_who_sends(published):
    """For code generators; replies stay replies."""
    channel = Channel(address="/a/", policies=(policy(QUERY),), operations=(say(replies=(Message(name="told"),)),))
    silent = Channel(address="/b/", policies=(policy(QUERY),))
    mine = published(application(channel, silent))
    theirs = published(application(channel, silent), perspective="client")
    assert (mine["operations"]["a_say"]["action"], theirs["operations"]["a_say"]["action"]) == ("receive", "send")
    assert theirs["operations"]["a_say"]["reply"] == mine["operations"]["a_say"]["reply"]
    assert theirs["operations"]["b_send"]["summary"] == mine["operations"]["b_receive"]["summary"]
    assert (mine.get(extensions.PERSPECTIVE), theirs[extensions.PERSPECTIVE]) == (None, "client")


def test_a_channel_without_documentation_still_says_how_it_is_guarded(published):
    """Both sides can send on every WebSocket."""
    written = published(application(Channel(address="/a/", policies=(policy(QUERY),))))
    assert {key: one["action"] for key, one in written["operations"].items()} == {
        "a_receive": "receive",
        "a_send": "send",
    }
    assert all(one["security"] == [TOKEN] for one in written["operations"].values())


def test_an_operation_that_is_called_as_the_undocumented_ones_keeps_its_name(published):
    """A channel `a` with an operation `b_send`, and a channel `a_b` without any."""
    written = published(
        application(Channel(address="/a/", operations=(say("b_send"),)), Channel(address="/x/", name="a_b")), told=[]
    )
    assert list(written["operations"]) == ["a_b_send", "a_b_receive", "a_b_send_2"]


def test_parameters_are_exactly_those_of_the_address(published):
    """One that nobody documented is empty; one that is not in the address is left out."""
    told = []
    parameters = (
        Parameter("room", "Which room", {"type": "integer"}, default="1", enum=("1", "2"), examples=("2",)),
        Parameter("gone"),
    )
    written = published(application(guarded("/{room}/{who}/", policy(QUERY), parameters=parameters)), told=told)
    [channel] = written["channels"].values()
    assert channel["parameters"] == {
        "room": {
            "description": "Which room",
            "default": "1",
            "enum": ["1", "2"],
            "examples": ["2"],
            extensions.PARAMETER_SCHEMA: {"type": "integer"},
        },
        "who": {},
    }
    assert told == ["/{room}/{who}/: parameter 'gone' is documented and is not in the address; left out"]


def test_everything_else_that_a_channel_and_an_operation_say_is_written(published):
    """Title, description, tags, deprecation."""
    channel = Channel(
        address="/a/",
        title="A",
        description="Of a",
        tags=("x",),
        policies=(policy(QUERY),),
        operations=(say(title="Say", summary="s", description="d", tags=("y",), deprecated=True),),
    )
    written = published(application(channel))
    assert (written["channels"]["a"]["title"], written["channels"]["a"]["tags"]) == ("A", [{"name": "x"}])
    operation = written["operations"]["a_say"]
    assert (operation["title"], operation["summary"], operation["description"]) == ("Say", "s", "d")
    assert (operation["tags"], operation[extensions.DEPRECATED]) == ([{"name": "y"}], True)


def test_a_policy_alone_is_documented_too(published):
    """It guards the channels that are given; without any, its schemes stand on the servers."""
    written = published(policy(QUERY), title="Mine", version="3", description="d", servers=[SERVER])
    assert written["info"] == {"title": "Mine", "version": "3", "description": "d"}
    assert written["servers"]["production"]["security"] == [TOKEN]
    nested = published(policy(QUERY, COOKIE), channels=[guarded("/a/", policy(COOKIE))])
    assert nested["operations"]["a_say"]["security"] == [JAR]


def test_what_is_given_replaces_what_the_walker_found(published):
    """As settings replace it."""
    found = application(guarded("/a/", policy(QUERY)), servers=(Server("s", "other"),))
    written = published(found, title="Given", servers=[SERVER], channels=[guarded("/b/", policy(QUERY))])
    assert (written["info"]["title"], list(written["servers"]), list(written["channels"])) == (
        "Given",
        ["production"],
        ["b"],
    )


def test_server_variables_are_written(published):
    """They are Server Variable Objects already."""
    server = Server("s", "{region}.example.com", variables={"region": {"default": "eu", "enum": ["eu", "us"]}})
    written = published(application(guarded("/a/", policy(QUERY)), servers=(server,)))
    assert written["servers"]["s"]["variables"] == {"region": {"default": "eu", "enum": ["eu", "us"]}}


def test_the_walkers_warnings_are_passed_on_and_logged_by_default(caplog):
    """An owner who asks for nothing still reads them."""
    with caplog.at_level(logging.WARNING, "wsauth"):
        document(application(warnings=("odd pattern",)))
    assert [record.getMessage() for record in caplog.records] == ["odd pattern"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"asyncapi": "2.6.0"}, "write '3.0.0' or '3.1.0'"),
        ({"perspective": "server"}, "write 'application' or 'client'"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused(settings, message):
    """With those that do."""
    with pytest.raises(ConfigurationError, match=message):
        document(application(), **settings)


def test_a_source_that_is_none_is_refused():
    """A consumer, say."""
    with pytest.raises(ConfigurationError, match=r"document\(type\): write document\(policy\)"):
        document(int)


def test_the_same_application_gives_the_same_bytes():
    """In JSON and in YAML."""

    def one():
        shared = policy(QUERY, COOKIE)
        return document(application(*(guarded(f"/{name}/x/", shared) for name in "cab"), servers=(SERVER,)))

    assert to_json(one()) == to_json(one())
    assert to_yaml(one()) == to_yaml(one())


SECRET = "planted-secret-of-the-application-long-enough-for-HS256"


class Nosy:
    """A verifier that notices who reads what of it, and holds a secret wherever one looks."""

    bearer_format = SECRET
    read: ClassVar[set[str]] = set()

    def __init__(self):
        self.key, self.name, self.description = SECRET, SECRET, SECRET

    def __getattribute__(self, name):
        Nosy.read.add(name)
        return super().__getattribute__(name)

    def __repr__(self):
        return SECRET

    async def verify(self, credentials, handshake):
        return None


def test_no_secret_of_a_verifier_gets_into_a_document(published):
    """Of a verifier only the name of its token format is read, and only where it looks like one."""
    keyed = policy(
        SecurityScheme("q", Query("q"), JWTVerifier(SECRET, algorithms=["HS256"])),
        SecurityScheme("h", BEARER.location, Nosy()),
        SecurityScheme("nosy", Query("n"), Nosy()),
    )
    Nosy.read.clear()
    told = []
    written = published(application(guarded("/a/", keyed), servers=(SERVER,)), told=told)
    assert SECRET not in to_json(written) + to_yaml(written) + "".join(map(str, [*lint(written), *told]))
    assert Nosy.read <= {"bearer_format", "__class__"}


def test_each_further_channel_takes_as_much_work_as_the_first():
    """With models, parameters and two policies."""
    of_200 = channels_with_models(200)
    written = document(application(*of_200, servers=(SERVER,)))  # and what is loaded once is loaded
    assert len(written["channels"]) == 200
    assert lint(written) == []
    fifty, two_hundred = [
        calls(lambda channels=channels: document(application(*channels, servers=(SERVER,))))
        for channels in (channels_with_models(50), of_200)
    ]
    assert two_hundred < 5 * fifty


def channels_with_models(count):
    from pydantic import create_model

    common = policy(QUERY, COOKIE), policy(QUERY, COOKIE, SecurityScheme("bearer", BEARER.location, JWT()))
    models = [create_model(f"Model{at}", a=(int, ...), b=(str, "x")) for at in range(count)]
    return [
        Channel(
            address=f"/ws/{at}/{{room}}/",
            policies=common[: 1 + at % 2],
            operations=tuple(
                Operation(action=action, message=Message(name=f"m{n}", payload=models[at]).discriminated_by("type"))
                for n in range(3)
                for action in ("receive", "send")
            ),
        )
        for at in range(count)
    ]
