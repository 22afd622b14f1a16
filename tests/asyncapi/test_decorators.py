from __future__ import annotations

import functools

import pytest

from wsauth import ConfigurationError
from wsauth.asyncapi import Example, document_action, document_event, documented


def names(obj):
    return [operation.name for operation in documented(obj)]


def test_the_function_stays_the_same():
    """Only a record is attached."""

    async def handle_ping(self, content): ...

    assert document_action()(handle_ping) is handle_ping
    assert document_event("pong")(handle_ping) is handle_ping


@pytest.mark.parametrize(
    ("method", "action"), [("handle_request_ride", "request_ride"), ("move", "move"), ("handle_", "handle_")]
)
def test_the_action_is_named_by_the_method(method, action):
    """Without `handle_`, where it begins so."""

    def handler(): ...

    handler.__name__ = method
    assert names(document_action()(handler)) == [action]


def test_everything_that_is_said_arrives():
    """An action that the client sends is received by the application."""

    @document_action(
        action="ask",
        summary="Ask",
        description="A question.",
        payload=int,
        responses={"answer": str},
        tags=["a", "b"],
        examples=[{"name": "n", "summary": "s", "payload": 1}, Example(2)],
        deprecated=True,
        content_type="text/plain",
    )
    def anything(): ...

    [operation] = documented(anything)
    assert (operation.action, operation.name, operation.summary) == ("receive", "ask", "Ask")
    assert (operation.description, operation.tags, operation.deprecated) == ("A question.", ("a", "b"), True)
    message = operation.message
    assert (message.name, message.payload, message.content_type, message.deprecated) == ("ask", int, "text/plain", True)
    assert message.examples == (Example(1, "n", "s"), Example(2))
    assert [(reply.name, reply.payload) for reply in operation.replies] == [("answer", str)]


def test_an_event_is_sent_by_the_application():
    """Its name is given: the method's name cannot hold a dot."""

    @document_event("ride.offer", payload=int)
    def ride_offer(): ...

    [operation] = documented(ride_offer)
    assert (operation.action, operation.name, operation.message.payload) == ("send", "ride.offer", int)


def test_the_docstring_speaks_where_nothing_else_does():
    """Its first line is the summary."""

    @document_event("a")
    def handler():
        """Say hello.

        To everyone.
        """

    @document_event("b", summary="Given")
    def other():
        """Not this."""

    assert [(o.summary, o.description) for o in documented(handler)] == [("Say hello.", "To everyone.")]
    assert [(o.summary, o.description) for o in documented(other)] == [("Given", "")]


def test_the_docstring_of_an_endpoint_is_not_about_its_messages():
    """It describes the channel; what a decorator says itself stays."""

    @document_event("a")
    @document_event("b", summary="Given", description="More")
    def endpoint():
        """A room."""

    found = documented(endpoint, docstrings=False)
    assert [(o.summary, o.description) for o in found] == [("", ""), ("Given", "More")]


def test_several_decorators_read_from_top_to_bottom():
    """As they stand in the source."""

    @document_action("one")
    @document_action("two")
    @document_event("three")
    def endpoint(): ...

    assert names(endpoint) == ["one", "two", "three"]


def test_methods_come_in_definition_order_and_inherited_ones_first():
    """An override keeps its place, its record where it has none of its own; None takes a method away."""

    class Base:
        @document_action()
        def handle_a(self): ...

        @document_action()
        def handle_b(self): ...

        @document_action()
        def handle_c(self): ...

    class Derived(Base):
        @document_action()
        def handle_d(self): ...

        def handle_a(self): ...

        @document_action("B")
        def handle_b(self): ...

        handle_c = None

    assert names(Derived) == ["a", "B", "d"]
    assert names(Base) == ["a", "b", "c"]


def test_records_are_found_through_wrappers():
    """A staticmethod, a partial, an adapter that keeps the function under `func`."""

    class Adapter:
        def __init__(self, func):
            self.func = func

    class Consumer:
        @document_action()
        @staticmethod
        def above(): ...

        @staticmethod
        @document_action()
        def below(): ...

        @document_action()
        @classmethod
        def klass(cls): ...

        partial = functools.partial(document_action("partial")(lambda: None))
        adapter = Adapter(document_action("adapter")(lambda: None))
        nothing = 7

    assert names(Consumer) == ["above", "below", "klass", "partial", "adapter"]


def test_a_wrapper_without_end_is_given_up():
    """Documentation never hangs an application."""

    class Loop:
        @property
        def func(self):
            return self

    assert documented(Loop()) == ()


def test_the_walker_says_which_member_carries_the_name():
    """Unless the decorator says it; replies are events."""

    @document_action("a", responses={"c": None})
    @document_action("b", discriminator="kind")
    @document_event("d", discriminator=None)
    def handler(): ...

    a, b, d = documented(handler, action_member="action", event_member="type")
    assert a.message.discriminator == ("action", "a")
    assert a.replies[0].discriminator == ("type", "c")
    assert b.message.discriminator == ("kind", "b")
    assert d.message.discriminator is None
    assert documented(handler)[0].message.discriminator is None


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: document_action(lambda: None), r"write @document_action\(\)"),
        (lambda: document_event(lambda: None), r'write @document_event\("chat\.message"\)'),
        (lambda: document_event(""), r'write @document_event\("chat\.message"\)'),
        (lambda: document_action(tags="rides"), r"write tags=\['rides'\]"),
        (lambda: document_action(examples={"payload": 1}), r"examples is a dict"),
        (lambda: document_action(examples=[{"action": "x"}]), r"an example without a payload"),
        (lambda: document_action(responses=["x"]), r"responses is a list"),
        (lambda: document_action()(functools.partial(print)), r"a partial has no name"),
    ],
)
def test_a_mistake_is_told_where_it_is_made(write, message):
    """With the line to write instead."""
    with pytest.raises(ConfigurationError, match=message):
        write()


def test_the_default_discriminator_explains_itself():
    """In signatures that tools show."""
    from wsauth.asyncapi.decorators import DEFAULT

    assert repr(DEFAULT) == "<as the framework does>"
