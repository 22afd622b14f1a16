from __future__ import annotations

import pytest

from asyncapi.policies import QUERY, policy
from wsauth.asyncapi import Application, Channel, Server, document, lint
from wsauth.asyncapi.linter import resolve

SCHEMES = {"q": {"type": "httpApiKey", "in": "query", "name": "token"}}


def base(**more):
    return {"asyncapi": "3.0.0", "info": {"title": "T", "version": "1"}, **more}


def channel(**more):
    return base(channels={"a": {"address": "/a/", **more}})


def server(**more):
    return base(servers={"s": {"host": "h", "protocol": "wss", **more}})


def operation(security=None, components=None, **more):
    return base(
        channels={
            "a": {"address": "/a/", "messages": {"m": {}}, "bindings": {"ws": {"query": {"properties": {"token": {}}}}}}
        },
        operations={
            "o": {
                "action": "receive",
                "channel": {"$ref": "#/channels/a"},
                **({"security": security} if security is not None else {}),
                **more,
            }
        },
        components={"securitySchemes": SCHEMES, **(components or {})},
    )


def required(**more):
    return operation(security=[{"$ref": "#/components/securitySchemes/q"}], **more)


@pytest.mark.parametrize(
    ("document", "code", "where"),
    [
        (channel(address="/a/?token={t}", parameters={"t": {}}), "address-query", "/channels/a/address"),
        (channel(address="/a/#b"), "address-query", "/channels/a/address"),
        (channel(address="a/"), "address-slash", "/channels/a/address"),
        (channel(address="/{room}/"), "parameter-missing", "/channels/a/parameters"),
        (channel(parameters={"r/s": {}}), "parameter-unused", "/channels/a/parameters/r~1s"),
        (server(host="h/ws"), "host", "/servers/s/host"),
        (server(host="me:pw@h"), "host", "/servers/s/host"),
        (server(host="{r}.h"), "variable-missing", "/servers/s/variables"),
        (server(pathname="/{v}"), "variable-missing", "/servers/s/variables"),
        (server(protocol="https"), "protocol", "/servers/s/protocol"),
        (server(protocol="http"), "protocol", "/servers/s/protocol"),
        (server(security=[]), "security-empty", "/servers/s/security"),
        (required(reply={"messages": [{"$ref": "#/channels/a"}]}), "message-elsewhere", "/operations/o/reply/messages/0"),
        (required(messages=[{"$ref": "#/components/securitySchemes/q"}]), "message-elsewhere", "/operations/o/messages/0"),
        (required(messages=[7]), "message-elsewhere", "/operations/o/messages/0"),
        (operation(), "security-unused", "/components/securitySchemes"),
        (required(components={"schemas": {"A": {"$ref": "#/components/schemas/B"}}}), "reference", "/components/schemas/A"),
        (required(components={"schemas": {"A": {"$ref": "#/components/schemas/A"}}}), "reference", "/components/schemas/A"),
        (base(channels={"a": {"$ref": "#/nowhere"}}), "reference", "/channels/a"),
        (
            required(components={"securitySchemes": {**SCHEMES, "b": {"type": "http", "scheme": "Bearer"}}}),
            "scheme-case",
            "/components/securitySchemes/b/scheme",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_found_where_it_is(document, code, where):
    """A code, a JSON pointer, what it is, and what to write."""
    [finding] = lint(document)
    assert (finding.code, finding.where) == (code, where)
    assert finding.what
    assert finding.write
    assert str(finding).startswith(f"{where}: ")
    assert "me:pw" not in str(finding)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"q": []}, "security-shorthand"),
        ({}, "security-shorthand"),
        ({"$ref": "#/channels/a"}, "security-target"),
    ],
)
def test_security_that_names_no_scheme_is_found(entry, code):
    """AsyncAPI 2 wrote it otherwise."""
    assert code in [finding.code for finding in lint(operation(security=[entry]))]


def test_security_that_leads_nowhere_is_a_broken_reference():
    """Once."""
    reference = {"$ref": "#/components/securitySchemes/gone"}
    assert [finding.code for finding in lint(operation(security=[reference]))] == ["reference"]


def test_two_channels_of_one_address_are_found():
    """Whatever their parameters are called; on different servers they are two."""
    twice = base(
        channels={
            "a": {"address": "/{x}/", "parameters": {"x": {}}},
            "b": {"address": "/{y}/", "parameters": {"y": {}}},
        }
    )
    assert [(finding.code, finding.where) for finding in lint(twice)] == [("address-twice", "/channels/b/address")]
    twice["channels"]["a"]["servers"] = [{"$ref": "#/info"}]
    assert lint(twice) == []


def test_a_credential_in_the_query_belongs_in_the_binding():
    """Generators build the address from it; security on a server concerns every channel."""
    from_operation = required()
    from_operation["channels"]["a"]["bindings"] = {}
    inline = operation(security=[SCHEMES["q"]])
    inline["channels"]["a"]["bindings"] = {"ws": {"query": {"$ref": "#/channels/a"}}}
    from_server = {
        **channel(),
        **server(security=[{"$ref": "#/components/securitySchemes/q"}]),
        "components": {"securitySchemes": SCHEMES},
    }
    for found in (from_operation, from_server):
        assert [finding.code for finding in lint(found)] == ["query-not-in-binding"]
    assert "query-not-in-binding" not in [finding.code for finding in lint(inline)]


def test_data_that_looks_like_a_reference_is_data():
    """Examples, constants and defaults; and a property may be called `$ref`."""
    schemas = {
        "A": {
            "default": {"$ref": "#/gone"},
            "examples": [{"$ref": "#/gone"}],
            "properties": {"$ref": {"type": "string"}, "default": {"type": "string"}},
        }
    }
    assert lint(required(components={"schemas": schemas})) == []


def test_references_elsewhere_are_taken_as_they_are():
    """Nothing is fetched; an address may be null."""
    assert lint(base(channels={"a": {"$ref": "https://example.com/channel.json"}, "b": {"address": None}})) == []


def test_a_section_may_hold_references():
    """They are followed."""
    indirect = base(
        channels={"a": {"$ref": "#/components/channels/a"}}, components={"channels": {"a": {"address": "a"}}}
    )
    assert [finding.code for finding in lint(indirect)] == ["address-slash"]


def test_references_go_into_lists():
    """As JSON pointers do."""
    assert resolve({"a": [{"b": 1}]}, "#/a/0/b") == 1
    for target in ("#/a/1", "#/a/x", "#/a/0/b/c"):
        with pytest.raises(LookupError):
            resolve({"a": [{"b": 1}]}, target)


def test_wsauths_own_documents_are_clean():
    """Every other test asks, too."""
    source = Application(
        title="T",
        servers=(Server("s", "h"),),
        channels=(Channel(address="/{room}/", policies=(policy(QUERY),)),),
    )
    assert lint(document(source)) == []


def test_an_empty_document_has_nothing_to_find():
    """A linter that raises helps nobody."""
    assert lint({}) == []
    assert lint({"channels": {"a": 1}, "servers": None, "components": None}) == []
