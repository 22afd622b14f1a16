from __future__ import annotations

import pytest
from pydantic import BaseModel

from wsauth.asyncapi import Application, Channel, Example, Message, Operation


class Text(BaseModel):
    text: str


class Typed(BaseModel):
    type: str


class Closed(BaseModel, extra="forbid"):
    text: str


class Node(BaseModel):
    next: Node | None = None


@pytest.fixture
def said(published):
    """Publish one channel with these operations; return its messages, the schemas and the document."""

    def publish(*operations):
        channel = Channel(address="/ws/", operations=operations)
        written = published(Application(title="T", channels=(channel,)), told=[])
        return written["components"]["messages"], written["components"].get("schemas", {}), written

    return publish


def receive(name, payload=None, **more):
    member = more.pop("member", None)
    message = Message(name=name, payload=payload, **more).discriminated_by(member)
    return Operation(action="receive", name=name, message=message)


def test_the_member_that_carries_the_name_is_part_of_the_payload(said):
    """Readers need it to tell messages apart; the model stays under its own name where it is used elsewhere."""
    messages, named, _ = said(receive("say", Text, member="action"), receive("raw", list[Text]))
    payload = messages["say"]["payload"]
    assert payload["properties"]["action"] == {"type": "string", "const": "say"}
    assert list(payload["properties"]) == ["action", "text"]
    assert payload["required"] == ["action", "text"]
    assert payload["title"] == "Text"
    assert "action" not in named["Text"]["properties"]


def test_a_message_without_a_payload_still_has_its_name(said):
    """And nothing else is said of it."""
    messages, _, _ = said(receive("ping", member="action"), receive("unknown"))
    assert messages["ping"]["payload"]["required"] == ["action"]
    assert messages["unknown"] == {"name": "unknown"}


@pytest.mark.parametrize(
    "payload",
    [
        Typed,
        Typed | Typed,
        {"oneOf": [{"properties": {"type": {}}}, {"properties": {"type": {}}}]},
        {"allOf": [{"properties": {"type": {}}}]},
        str,
        {"type": "array"},
    ],
)
def test_a_payload_that_has_the_member_or_is_no_object_stays_as_it_is(said, payload):
    """What the application declares is better known."""
    with_member, without = said(receive("a", payload, member="type"))[0], said(receive("a", payload))[0]
    assert with_member == without


def test_a_closed_model_stays_closed(said):
    """The member is one of its properties, so messages are still valid."""
    messages, _, _ = said(receive("a", Closed, member="action"))
    payload = messages["a"]["payload"]
    assert payload["additionalProperties"] is False
    assert "action" in payload["properties"]


@pytest.mark.parametrize("payload", [Text | Typed, {"oneOf": [{"properties": {"x": {}}}]}, {"anyOf": [True]}])
def test_a_union_takes_the_member_beside_it(said, payload):
    """Unless each of its branches has it."""
    messages, _, _ = said(receive("a", payload, member="type"))
    first, _ = messages["a"]["payload"]["allOf"]
    assert first["properties"] == {"type": {"type": "string", "const": "a"}}


def test_a_recursive_union_is_looked_at_once(said):
    """No document hangs."""
    loop = {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "object"}]}}}
    messages, _, _ = said(receive("a", loop, member="type"), receive("b", Node, member="type"))
    assert "allOf" in messages["a"]["payload"]
    assert "next" in messages["b"]["payload"]["properties"]


def test_deprecated_is_said_where_readers_look(said):
    """On the message and on its payload, not on a model that others use."""
    messages, named, _ = said(receive("a", Text, deprecated=True), receive("b", Text), receive("c", deprecated=True))
    assert messages["a"]["deprecated"] is True
    payload = {"title": "A", "allOf": [{"$ref": "#/components/schemas/Text"}], "deprecated": True}
    assert messages["a"]["payload"] == payload
    assert "deprecated" not in named["Text"]
    assert messages["c"] == {"name": "c", "deprecated": True}


def test_an_object_without_a_name_is_named_after_its_message(said):
    """Generators make a type of each payload; without a title they number it. Nothing else that is there has the name."""
    sketch, own = {"text": "string"}, {"title": "Own", "type": "object", "properties": {}}
    messages, _, _ = said(
        *(receive(name, sketch) for name in ("chat.say", "text", "own", "7")),
        *(receive("Own", own), receive("model", list[Text]), receive("line", str), receive("ref", Text)),
    )
    titles = {name: message["payload"].get("title") for name, message in messages.items()}
    assert titles == {
        "chat.say": "ChatSay",
        "text": "TextMessage",  # the model is Text
        "own": "OwnMessage",
        "7": "7",
        "Own": "Own",
        "model": None,
        "line": None,
        "ref": None,
    }


@pytest.mark.parametrize(
    ("payload", "expected"), [(str, "text/plain"), (bytes, "application/octet-stream"), (Text, None), (None, None)]
)
def test_a_frame_of_text_or_bytes_is_no_json(said, payload, expected):
    """Everything else is, by default."""
    messages, _, written = said(receive("a", payload))
    assert messages["a"].get("contentType") == expected
    assert written["defaultContentType"] == "application/json"


def test_all_that_a_message_says_is_written(said):
    """In the places that AsyncAPI has for it."""
    examples = (Example({"text": "hi"}, "short", "A greeting"), Example({"text": ""}))
    messages, _, _ = said(
        receive("a", title="A", summary="s", description="d", tags=("x", "x"), examples=examples, content_type="a/b")
    )
    assert messages["a"] == {
        "name": "a",
        "title": "A",
        "summary": "s",
        "description": "d",
        "contentType": "a/b",
        "tags": [{"name": "x"}],
        "examples": [{"name": "short", "summary": "A greeting", "payload": {"text": "hi"}}, {"payload": {"text": ""}}],
    }


def test_an_action_and_an_event_of_one_name_are_two_messages(published):
    """And two operations, from both perspectives under the same names."""
    operations = (receive("ping", Text), Operation(action="send", message=Message(name="ping", payload=Typed)))
    channel = Channel(address="/ws/", operations=operations)
    for perspective in ("application", "client"):
        written = published(Application(title="T", channels=(channel,)), told=[], perspective=perspective)
        assert list(written["channels"]["ws"]["messages"]) == ["ping.action", "ping.event"]
        assert list(written["operations"]) == ["ws_ping_action", "ws_ping_event"]


def test_the_same_message_both_ways_is_carried_once(published):
    """An echo."""
    echo = Message(name="echo", payload=str)
    operations = (Operation(action="receive", message=echo), Operation(action="send", message=echo))
    written = published(Application(title="T", channels=(Channel(address="/", operations=operations),)), told=[])
    assert list(written["channels"]["root"]["messages"]) == ["echo"]
    assert list(written["operations"]) == ["root_echo_action", "root_echo_event"]


def test_two_messages_of_one_name_and_direction_are_numbered(published):
    """Both are documented."""
    channel = Channel(address="/ws/", operations=(receive("a", int), receive("a", bool), receive("a", int)))
    written = published(Application(title="T", channels=(channel,)), told=[])
    assert list(written["channels"]["ws"]["messages"]) == ["a", "a_2"]
    assert [*written["operations"]] == ["ws_a", "ws_a_2", "ws_a_3"]
    assert written["operations"]["ws_a_3"]["messages"] == [{"$ref": "#/channels/ws/messages/a"}]


def test_a_reply_may_name_an_event_that_is_documented_elsewhere(published):
    """`responses={"ride.offer": None}`."""
    ask = Operation(action="receive", message=Message(name="ask"), replies=(Message(name="told"), Message(name="else")))
    told = Operation(action="send", message=Message(name="told", payload=Text))
    written = published(Application(title="T", channels=(Channel(address="/", operations=(ask, told)),)), told=[])
    assert list(written["channels"]["root"]["messages"]) == ["ask", "told", "else"]
    assert written["operations"]["root_ask"]["reply"]["messages"] == [
        {"$ref": "#/channels/root/messages/told"},
        {"$ref": "#/channels/root/messages/else"},
    ]


def test_channels_share_a_message_and_keep_their_own_apart(published):
    """A name that means different things is preceded by its channel's."""
    channels = (
        Channel(address="/a/", operations=(receive("same", Text), receive("differs", int))),
        Channel(address="/b/", operations=(receive("same", Text), receive("differs", str))),
        Channel(address="/c/", operations=(receive("a.differs"),)),
    )
    written = published(Application(title="T", channels=channels), told=[])
    assert list(written["components"]["messages"]) == ["a.differs", "a.differs_", "b.differs", "same"]
    assert written["channels"]["b"]["messages"]["differs"] == {"$ref": "#/components/messages/b.differs"}
    assert written["channels"]["c"]["messages"]["a.differs"] == {"$ref": "#/components/messages/a.differs_"}


def test_what_nothing_refers_to_is_left_out(said):
    """A model whose copy carries the member has no component of its own."""
    _, named, _ = said(receive("a", Text, member="action"))
    assert named == {}
